import { Anchor, Button, Group, Text } from '@mantine/core';
import { RotateCcw } from 'lucide-react';
import { Link } from 'wouter';
import { useSend } from '../inbox/use-send.ts';
import { formatCompact, formatCost, formatDuration, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useNow } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { useMayWrite } from '../server/me.tsx';
import { type AnswerRun, retryRun } from '../server/operations.generated.ts';
import { Feedback } from './feedback.tsx';

const text = messages.answers;

/** The usage of an answer, its run, and the actions of a person. */
export function AnswerFooter({ run, reload }: { run: AnswerRun; reload(): void }) {
  const { send, failure, isBusy } = useSend(reload);
  const mayRun = useMayWrite('executions');
  const mayRate = useMayWrite('feedback_entries');
  const hasFailed = run.status === 'failed' || run.status === 'cancelled';
  return (
    <>
      {failure && <FailureAlert failure={failure} />}
      <Group gap="sm" className="answer-footer">
        {hasFailed && <Status status={run.status} />}
        <Usage run={run} />
        <Anchor component={Link} href={`/runs/${run.id}`} size="xs">
          {text.openRun}
        </Anchor>
        {hasFailed && mayRun && (
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<RotateCcw size={12} aria-hidden />}
            loading={isBusy}
            onClick={() => send(retryRun, { id: run.id })}
          >
            {text.retry}
          </Button>
        )}
        {mayRate && run.completedAt !== null && <Feedback key={run.id} run={run} />}
      </Group>
    </>
  );
}

/** The tokens, the cost and the time of a run with all runs below it. */
export function Usage({ run }: { run: AnswerRun }) {
  const now = useNow(1_000, run.completedAt === null);
  const end = run.completedAt === null ? now : Date.parse(run.completedAt);
  const tokensIn = sum([run.tokensIn, run.childrenTokensIn]);
  const tokensOut = sum([run.tokensOut, run.childrenTokensOut]);
  const facts = [
    text.tokens(formatCompact(tokensIn), formatCompact(tokensOut)),
    text.cost(formatCost(sum([run.cost, run.childrenCost]))),
    formatDuration(end - Date.parse(run.createdAt)),
  ];
  return (
    <Text size="xs" c="dimmed" component="span" className="answer-usage">
      {facts.join(' · ')}
    </Text>
  );
}
