import { Anchor, Drawer, Group, Loader, Stack, Text } from '@mantine/core';
import { useEffect } from 'react';
import { Link } from 'wouter';
import { isJsonObject } from '../../json/json.ts';
import { formatCompact, formatCount, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { ContentTab } from '../run/content-tab.tsx';
import type { RunHead } from '../run/run-head.ts';
import { ErrorText } from '../run/step-detail.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import type { PeekProps } from '../runs/runs-page.tsx';
import { runPage } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

const text = messages.peek;

/** A run beside the list. The list keeps the focus, so J and K go on to the next run. */
export function Peek({ id, row, close }: PeekProps) {
  const { data, failure, reload } = useAnswer(runPage, { id });
  const state = row && `${row.status} ${row.stepCount}`;
  useEffect(() => {
    if (state !== undefined) reload();
  }, [state, reload]);
  const run = data?.execution;
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size="lg"
      title={run ? nameOfRun(run) : text.title}
      withOverlay={false}
      lockScroll={false}
      trapFocus={false}
      returnFocus={false}
      transitionProps={{ duration: 0 }}
    >
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && !data && <Loader size="sm" aria-label={messages.common.loading} />}
      {data && !run && <Text size="sm">{messages.run.notFound}</Text>}
      {run && <Content run={run} />}
    </Drawer>
  );
}

function Content({ run }: { run: RunHead }) {
  const facts = messages.run.facts;
  const tokens = sum([run.tokensIn, run.tokensOut, run.childrenTokensIn, run.childrenTokensOut]);
  const version = run.agentVersion ?? run.workflowVersion;
  return (
    <Stack gap="md">
      <Group gap="md" className="facts">
        <Status status={run.status} waitingFor={run.waitingFor} />
        {version && <Text size="sm">@{version.version}</Text>}
        <Text size="sm">
          {formatCount(run.stepCount)} {facts.steps.toLowerCase()}
        </Text>
        <Text size="sm">{messages.compare.tokens(formatCompact(tokens))}</Text>
        <Text size="sm">
          {facts.cost}: <Cost value={sum([run.cost, run.childrenCost])} />
        </Text>
        <Text size="sm" component="span">
          <Moment at={run.createdAt} />
        </Text>
      </Group>
      <Anchor component={Link} href={`/runs/${run.id}`} size="sm">
        {text.open}
      </Anchor>
      {isJsonObject(run.error) && <ErrorText error={run.error} />}
      <ContentTab run={run} />
    </Stack>
  );
}
