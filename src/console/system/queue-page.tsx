import { Anchor, Paper, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { formatCount, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { systemTexts } from '../messages/system-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { Moment } from '../parts/moment.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { Status } from '../parts/status.tsx';
import { useRest } from '../server/rest.ts';
import type { Queue } from './answers.ts';
import { copyFunction } from './copy-function.ts';
import { type Column, PlainTable } from './plain-table.tsx';
import { RefreshButton } from './refresh-button.tsx';
import { Section } from './section.tsx';

const text = systemTexts.queue;
const { columns: names } = text;
const PATH = '/api/queue';
const COMMAND = 'admin queue';

const FORMS = {
  states: copyFunction({
    sql: 'select * from howdah.queue_states();',
    graphql: 'queueStates { nodes { status waitingFor runs dueRuns oldestDueAt nextDueAt } }',
    ...{ path: PATH, command: COMMAND },
  }),
  next: copyFunction({
    sql: 'select * from howdah.next_runs(20);',
    graphql: 'nextRuns(most: 20) { nodes { executionId status agent workflow dueAt } }',
    ...{ path: PATH, command: COMMAND },
  }),
  workers: copyFunction({
    sql: 'select * from howdah.live_workers();',
    graphql: 'liveWorkers { nodes { startedAt heartbeatAt isDedicated runningRuns } }',
    ...{ path: PATH, command: COMMAND },
  }),
};

/** The queue of the tenant and the workers that take its runs, as they are when the page opens. */
export function QueuePage() {
  const queue = useRest<Queue>(PATH);
  const data = queue.data?.body;
  return (
    <>
      <PageTitle title={text.title} table={text.table}>
        <RefreshButton reload={queue.reload} />
        <CopyAs forms={FORMS.states} />
      </PageTitle>
      <Stack gap="xl">
        {data && <Figures queue={data} />}
        <Section title={text.states} table="howdah.executions" loaded={queue}>
          {data && <States states={data.states} />}
        </Section>
        {data && (
          <Section title={text.next} table="howdah.next_runs()" forms={FORMS.next}>
            <NextRuns runs={data.next} />
          </Section>
        )}
        {data && (
          <Section title={text.workers} table="howdah.live_workers()" forms={FORMS.workers}>
            <Workers workers={data.workers} />
          </Section>
        )}
      </Stack>
    </>
  );
}

function Figures({ queue: { states, workers } }: { queue: Queue }) {
  const count = (status: string) =>
    sum(states.filter((one) => one.status === status).map(({ runs }) => runs));
  const due = states.filter(({ oldest_due_at }) => oldest_due_at !== null);
  const [oldest] = due.toSorted((a, b) =>
    String(a.oldest_due_at).localeCompare(String(b.oldest_due_at)),
  );
  return (
    <div className="figure-cards">
      <Figure title={text.oldest}>
        {oldest?.oldest_due_at ? (
          <Anchor component={Link} href={`/runs/${oldest.oldest_due_id}`} inherit>
            <Moment at={oldest.oldest_due_at} isPlain />
          </Anchor>
        ) : (
          messages.common.none
        )}
        <Text size="sm" c="dimmed">
          {oldest ? text.due(formatCount(sum(due.map(({ due_runs }) => due_runs)))) : text.noneDue}
        </Text>
      </Figure>
      {(['queued', 'running', 'waiting', 'paused'] as const).map((status) => (
        <Figure key={status} title={messages.status[status]}>
          <Anchor component={Link} href={`/runs?status=${status}&children=1`} inherit>
            {formatCount(count(status))}
          </Anchor>
        </Figure>
      ))}
      <Figure title={text.workers}>{formatCount(workers.length)}</Figure>
    </div>
  );
}

function Figure({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper withBorder radius="md" p="md" component="section" aria-label={title}>
      <Title order={2} size="h6" mb={4}>
        {title}
      </Title>
      <div className="big-figure">{children}</div>
    </Paper>
  );
}

const orNone = (at: string | null) => (at ? <Moment at={at} /> : messages.common.none);

const STATE_COLUMNS: readonly Column<Queue['states'][number]>[] = [
  {
    name: names.status,
    show: ({ status, waiting_for }) => <Status status={status} waitingFor={waiting_for} />,
  },
  { name: names.runs, show: ({ runs }) => formatCount(runs), isFigure: true },
  { name: names.due, show: ({ due_runs }) => formatCount(due_runs), isFigure: true },
  { name: names.oldest, show: ({ oldest_due_at }) => orNone(oldest_due_at) },
  { name: names.nextDue, show: ({ next_due_at }) => orNone(next_due_at) },
];

function States({ states }: Pick<Queue, 'states'>) {
  if (states.length === 0) return <Text size="sm">{text.noStates}</Text>;
  return (
    <PlainTable
      label={text.states}
      columns={STATE_COLUMNS}
      rows={states}
      keyOf={({ status, waiting_for }) => `${status} ${waiting_for}`}
    />
  );
}

const RUN_COLUMNS: readonly Column<Queue['next'][number]>[] = [
  {
    name: names.run,
    show: ({ execution_id, agent, workflow }) => (
      <Anchor component={Link} href={`/runs/${execution_id}`} size="sm">
        {agent ?? workflow ?? execution_id}
      </Anchor>
    ),
  },
  { name: names.dueAt, show: ({ due_at }) => <Moment at={due_at} /> },
  { name: names.status, show: ({ status }) => <Status status={status} />, place: 'side' },
  { name: names.priority, show: ({ priority }) => priority, isFigure: true },
  { name: names.created, show: ({ created_at }) => <Moment at={created_at} /> },
];

function NextRuns({ runs }: { runs: Queue['next'] }) {
  if (runs.length === 0) return <Text size="sm">{text.noNext}</Text>;
  return (
    <PlainTable
      label={text.next}
      columns={RUN_COLUMNS}
      rows={runs}
      keyOf={({ execution_id }) => execution_id}
    />
  );
}

const WORKER_COLUMNS: readonly Column<Queue['workers'][number]>[] = [
  { name: names.started, show: ({ started_at }) => <Moment at={started_at} /> },
  { name: names.ownRuns, show: ({ running_runs }) => formatCount(running_runs), isFigure: true },
  { name: names.heartbeat, show: ({ heartbeat_at }) => <Moment at={heartbeat_at} /> },
  {
    name: names.serves,
    show: ({ is_dedicated }) => (is_dedicated ? text.dedicated : text.everybody),
  },
];

function Workers({ workers }: Pick<Queue, 'workers'>) {
  if (workers.length === 0) return <Text size="sm">{text.noWorkers}</Text>;
  return (
    <PlainTable
      label={text.workers}
      columns={WORKER_COLUMNS}
      rows={workers}
      keyOf={({ started_at }) => started_at}
    />
  );
}
