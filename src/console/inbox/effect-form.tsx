import { Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { parseJsonOrText } from '../../json/parse-json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { answerOne } from '../server/operations.generated.ts';
import type { FormProps } from './question-detail.ts';
import { useSend } from './use-send.ts';

const text = messages.inbox;

/** The answer about a call whose outcome nobody observed. */
export function EffectForm({ question, answered }: FormProps) {
  const { send, failure, isBusy } = useSend(answered);
  const [result, setResult] = useState('');
  const answer = (word: 'done' | 'again' | 'give_up') => {
    const data = word === 'done' && result.trim() !== '' ? parseJsonOrText(result) : undefined;
    send(answerOne, {
      id: question.id,
      answer: word,
      ...(data !== undefined && { data }),
    });
  };
  return (
    <Stack gap="sm">
      <Text size="sm">{text.effectHelp}</Text>
      {failure && <FailureAlert failure={failure} />}
      <Textarea
        label={text.result}
        value={result}
        onChange={(event) => setResult(event.currentTarget.value)}
        autosize
        minRows={2}
      />
      <Group gap="xs">
        <Button onClick={() => answer('done')} loading={isBusy}>
          {text.done}
        </Button>
        <Button variant="default" onClick={() => answer('again')} disabled={isBusy}>
          {text.again}
        </Button>
        <Button variant="default" onClick={() => answer('give_up')} disabled={isBusy}>
          {text.giveUp}
        </Button>
      </Group>
    </Stack>
  );
}
