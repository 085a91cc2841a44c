import { Button, Loader, Stack, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { messages as messagesQuery } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { MessageView } from './message-view.tsx';
import type { RunHead } from './run-head.ts';

const PAGE = 100;
const MOST = 1_000;

/** The conversation of a run. New messages appear as the run goes on. */
export function MessagesTab({ run }: { run: RunHead }) {
  const [first, setFirst] = useState(PAGE);
  const { data, failure, reload } = useAnswer(messagesQuery, { id: run.id, after: 0, first });
  const all = data?.messages?.nodes.filter((one) => one !== null) ?? [];
  const count = run.messageCount;
  useEffect(() => {
    if (count > 0) reload();
  }, [count, reload]);
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!data) return <Loader size="sm" aria-label={messages.common.loading} />;
  return (
    <Stack gap="sm" maw={900}>
      {all.length === 0 && <Text size="sm">{messages.messages.empty}</Text>}
      {all.map((message) => (
        <MessageView key={message.seq} message={message} />
      ))}
      {all.length === first && first < MOST && (
        <Button variant="default" size="xs" onClick={() => setFirst(MOST)}>
          {messages.messages.more}
        </Button>
      )}
    </Stack>
  );
}
