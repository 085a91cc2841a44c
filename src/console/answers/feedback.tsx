import { ActionIcon, Button, Group, TextInput } from '@mantine/core';
import { ThumbsDown, ThumbsUp } from 'lucide-react';
import { type FormEvent, useRef, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { ask } from '../server/graphql.ts';
import { type AnswerRun, giveFeedback } from '../server/operations.generated.ts';

const text = messages.answers;

/** Says whether an answer was good, and why. A second click replaces what one said before. */
export function Feedback({ run }: { run: AnswerRun }) {
  const [known] = run.feedbackEntries.nodes;
  const isAlone = run.feedbackEntries.nodes.length === 1;
  const [score, setScore] = useState(isAlone ? (known?.score ?? undefined) : undefined);
  const [isWriting, setWriting] = useState(false);
  const [comment, setComment] = useState('');
  const { send, failure } = useSendInOrder(run.id);
  const give = (next: number) => {
    setScore(next);
    setWriting(true);
    send(next);
  };
  const sendComment = (event: FormEvent) => {
    event.preventDefault();
    setWriting(false);
    if (comment.trim() === '') return;
    send(score ?? null, comment.trim());
  };
  return (
    <>
      {failure && <FailureAlert failure={failure} />}
      <Group gap={4} wrap="nowrap">
        <Vote label={text.good} isChosen={score === 1} give={() => give(1)}>
          <ThumbsUp size={14} aria-hidden />
        </Vote>
        <Vote label={text.bad} isChosen={score === 0} give={() => give(0)}>
          <ThumbsDown size={14} aria-hidden />
        </Vote>
      </Group>
      {isWriting && (
        <form onSubmit={sendComment} className="feedback-form">
          <TextInput
            size="xs"
            aria-label={text.comment}
            placeholder={text.comment}
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
            maxLength={10_000}
          />
          <Button size="xs" variant="default" type="submit">
            {text.sendComment}
          </Button>
        </form>
      )}
    </>
  );
}

/** Sends one thing after the other, so that the newest is what stays. */
function useSendInOrder(id: string) {
  const [failure, setFailure] = useState<Failure>();
  const last = useRef<Promise<void>>(Promise.resolve());
  const send = (score: number | null, comment?: string) => {
    setFailure(undefined);
    last.current = last.current.then(async () => {
      try {
        await ask(giveFeedback, { id, score, ...(comment !== undefined && { comment }) });
      } catch (error) {
        setFailure(toFailure(error));
      }
    });
  };
  return { send, failure };
}

type VoteProps = {
  label: string;
  isChosen: boolean;
  give(): void;
  children: React.ReactNode;
};

function Vote({ label, isChosen, give, children }: VoteProps) {
  return (
    <ActionIcon
      size="sm"
      variant={isChosen ? 'filled' : 'subtle'}
      color={isChosen ? 'indigo' : 'gray'}
      aria-label={label}
      aria-pressed={isChosen}
      title={label}
      onClick={give}
    >
      {children}
    </ActionIcon>
  );
}
