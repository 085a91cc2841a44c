import { ActionIcon, Button, Group, TextInput } from '@mantine/core';
import { ThumbsDown, ThumbsUp } from 'lucide-react';
import { type FormEvent, useRef, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { useMe } from '../server/me.tsx';
import { type AnswerRun, giveFeedback } from '../server/operations.generated.ts';

const text = messages.answers;

/** The feedback of a person about an answer. */
type Opinion = { score: number | null; comment: string | null };

const NONE: Opinion = { score: null, comment: null };

/** Says whether an answer was good, and why. A second click replaces what one said before. */
export function Feedback({ run }: { run: AnswerRun }) {
  const { score, comment, give, failure } = useOpinion(run);
  const [isWriting, setWriting] = useState(false);
  const [written, setWritten] = useState<string>();
  const vote = (next: number) => {
    setWriting(true);
    give({ score: next, comment });
  };
  const sendComment = (event: FormEvent) => {
    event.preventDefault();
    setWriting(false);
    const next = (written ?? comment ?? '').trim() || null;
    if (next === comment || (score === null && next === null)) return;
    give({ score, comment: next });
  };
  return (
    <>
      {failure && <FailureAlert failure={failure} />}
      <Group gap={4} wrap="nowrap">
        <Vote label={text.good} isChosen={score === 1} give={() => vote(1)}>
          <ThumbsUp size={14} aria-hidden />
        </Vote>
        <Vote label={text.bad} isChosen={score === 0} give={() => vote(0)}>
          <ThumbsDown size={14} aria-hidden />
        </Vote>
      </Group>
      {isWriting && (
        <form onSubmit={sendComment} className="feedback-form">
          <TextInput
            size="xs"
            aria-label={text.comment}
            placeholder={text.comment}
            value={written ?? comment ?? ''}
            onChange={(event) => setWritten(event.currentTarget.value)}
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

/**
 * Returns what the person said of a run, and a function that says it. One thing is sent after the
 * other, so that the newest is what stays. What was refused is taken back.
 */
function useOpinion(run: AnswerRun) {
  const { username } = useMe();
  const [given, setGiven] = useState<Opinion>();
  const [failure, setFailure] = useState<Failure>();
  const own = run.feedbackEntries.nodes.find(
    (one) => one?.messageSeq === null && one.createdBy === username,
  );
  const accepted = useRef<Opinion>(undefined);
  const newest = useRef<Opinion>(undefined);
  const last = useRef<Promise<void>>(Promise.resolve());
  const give = (next: Opinion) => {
    newest.current = next;
    setGiven(next);
    setFailure(undefined);
    last.current = last.current.then(async () => {
      try {
        await request(giveFeedback, { id: run.id, ...next });
        accepted.current = next;
      } catch (error) {
        setFailure(toFailure(error));
        if (newest.current === next) setGiven(accepted.current);
      }
    });
  };
  const { score, comment } = given ?? own ?? NONE;
  return { score, comment, give, failure };
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
