import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { ThumbsDown, ThumbsUp } from 'lucide-react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { useMayWrite } from '../server/me.tsx';
import { type Feedback, runFeedback } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { FeedbackDialog } from './feedback-dialog.tsx';

const text = messages.feedback;

/** The feedback on a run, and the button that gives one. */
export function FeedbackList({ id }: { id: string }) {
  const { data, failure, reload } = useAnswer(runFeedback, { id });
  const mayGive = useMayWrite('feedback_entries');
  const [isOpen, dialog] = useDisclosure(false);
  const entries = data?.execution?.feedbackEntries.nodes.filter((one) => one !== null) ?? [];
  return (
    <>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      <Group gap="sm" mt="xs" align="center">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
        {mayGive && (
          <Button size="compact-xs" variant="default" onClick={dialog.open}>
            {text.give}
          </Button>
        )}
      </Group>
      {isOpen && (
        <FeedbackDialog
          id={id}
          close={(isGiven) => {
            dialog.close();
            if (isGiven) reload();
          }}
        />
      )}
    </>
  );
}

function Entry({ entry }: EntryProps) {
  const { score, comment, outcome, source, isReward, messageSeq, createdBy, createdAt } = entry;
  const Icon = score !== null && score < GOOD ? ThumbsDown : ThumbsUp;
  const words = [
    ...(score === null ? [] : [text.score(score)]),
    ...(outcome === null ? [] : [text.outcome(outcome)]),
    ...(comment === null ? [] : [comment]),
  ];
  return (
    <Group gap={6} wrap="nowrap" className="feedback">
      {score !== null && <Icon size={14} aria-hidden />}
      <Text size="sm" className="user-text" lineClamp={2}>
        {words.join(' ')}
      </Text>
      <Text size="xs" c="dimmed" component="span">
        {messageSeq !== null && `${text.onMessage(messageSeq)}, `}
        {createdBy} ({text.sources[source]}), <Moment at={createdAt} />,{' '}
        <span title={isReward ? undefined : text.noRewardHint}>
          {isReward ? text.reward : text.noReward}
        </span>
      </Text>
    </Group>
  );
}

type EntryProps = { entry: Feedback };
const GOOD = 0.5;
