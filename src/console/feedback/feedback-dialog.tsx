import { Button, Group, Modal, Radio, Stack, Text, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { request } from '../server/graphql.ts';
import { giveFeedback } from '../server/operations.generated.ts';
import { copyFeedback } from './copy-feedback.ts';

const text = messages.feedback;
const SCORES = ['1', '0.5', '0', ''] as const;

type FeedbackDialogProps = {
  id: string;
  /** Closes the dialog. True if the feedback was given. */
  close(isGiven: boolean): void;
};

/** The form of feedback on a run: a score, a comment, or both. */
export function FeedbackDialog({ id, close }: FeedbackDialogProps) {
  const [score, setScore] = useState<string>('1');
  const [comment, setComment] = useState('');
  const given = {
    id,
    ...(score !== '' && { score: Number(score) }),
    ...(comment.trim() !== '' && { comment: comment.trim() }),
  };
  const { start, failure, isBusy } = useAction(async () => {
    await request(giveFeedback, given);
    close(true);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start();
  };
  return (
    <Modal opened onClose={() => close(false)} title={text.title}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Radio.Group label={text.label} value={score} onChange={setScore}>
            <Group mt={6}>
              {SCORES.map((one) => (
                <Radio key={one} value={one} label={text.scores[one]} />
              ))}
            </Group>
          </Radio.Group>
          <Textarea
            label={text.comment}
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
            autosize
            minRows={2}
            maxRows={10}
          />
          <Text size="xs" c="dimmed">
            {text.replaces}
          </Text>
          {failure && <FailureAlert failure={failure} />}
          <Group justify="flex-end">
            <CopyAs forms={copyFeedback(given)} />
            <Button type="submit" loading={isBusy}>
              {text.submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
