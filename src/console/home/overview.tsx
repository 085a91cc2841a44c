import { Anchor, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useEffect } from 'react';
import { Link } from 'wouter';
import { isJsonObject, type Json } from '../../json/json.ts';
import { formatCost, formatCount, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { Moment } from '../parts/moment.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import { RunsTable } from '../runs/runs-table.tsx';
import type { Overview as Answer, RunRow } from '../server/operations.generated.ts';
import { useOpenProposals } from '../server/waiting/open-proposals.tsx';
import { useOpenQuestions } from '../server/waiting/open-questions.tsx';
import { StartForm } from './start-form.tsx';

const text = messages.home;
/** The figures are read again at most this often, and only after a run has changed. */
const PAUSE_MS = 10_000;
const MAX_RUNS = 8;
const MAX_LINES = 5;

type OverviewProps = { data: Answer; runs: readonly RunRow[]; reload(): void };

/** Shows what needs attention: failures, questions, cost and the queue, and the newest runs. */
export function Overview({ data, runs, reload }: OverviewProps) {
  const state = runs.map(({ id, status }) => `${id} ${status}`).join();
  // Fewer dependencies on purpose: a change of a run changes the figures
  useEffect(() => {
    const timer = setTimeout(reload, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [state, reload]);
  return (
    <Stack gap="md">
      <div className="cards">
        <Failed data={data} />
        <Waiting />
        <CostToday data={data} />
        <Oldest data={data} />
      </div>
      <Paper withBorder radius="md" p="md">
        <StartForm defaultInput="" />
      </Paper>
      <div>
        <Group justify="space-between" mb="xs">
          <Title order={2} size="h5">
            {text.newest}
          </Title>
          <Anchor component={Link} href="/runs" size="sm">
            {text.all}
          </Anchor>
        </Group>
        <Paper withBorder radius="md" className="table-frame">
          <RunsTable rows={runs.slice(0, MAX_RUNS)} />
        </Paper>
      </div>
    </Stack>
  );
}

type CardProps = { title: string; all?: string | undefined; children: React.ReactNode };

/** A part of the overview, with a link to all of what it shows the newest of. */
function Card({ title, all, children }: CardProps) {
  return (
    <Paper withBorder radius="md" p="md" component="section" aria-label={title}>
      <Title order={2} size="h6" mb="xs">
        {title}
      </Title>
      {children}
      {all !== undefined && (
        <Anchor component={Link} href={all} size="xs" mt={6} display="inline-block">
          {text.allOf(title)}
        </Anchor>
      )}
    </Paper>
  );
}

function Failed({ data }: { data: Answer }) {
  const runs = data.failed?.nodes.filter((one) => one !== null) ?? [];
  return (
    <Card title={text.failed} all={runs.length > 1 ? '/runs?status=failed&since=7d' : undefined}>
      {runs.length === 0 && <Text size="sm">{text.noFailed}</Text>}
      <ul className="plain-list">
        {runs.map((run) => (
          <li key={run.id}>
            <Group justify="space-between" gap="xs" wrap="nowrap">
              <Anchor component={Link} href={`/runs/${run.id}`} size="sm" truncate>
                {nameOfRun(run)}
              </Anchor>
              <Text size="xs" c="dimmed" component="span" flex="none">
                {run.completedAt && <Moment at={run.completedAt} isPlain />}
              </Text>
            </Group>
            <Text size="xs" c="dimmed" truncate>
              {causeOf(run)}
            </Text>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Returns why a run failed, in the words of the error. */
function causeOf({ error, stopReason }: { error: Json; stopReason: string | null }): string {
  if (!isJsonObject(error)) return stopReason ?? '';
  return String(error.message ?? error.code ?? '');
}

function Waiting() {
  const { questions } = useOpenQuestions();
  const { proposals } = useOpenProposals();
  const lines = [
    ...questions.map(({ id, prompt }) => ({ path: `/inbox/${id}`, words: prompt })),
    ...proposals.map(({ id, content }) => ({ path: `/inbox/proposals/${id}`, words: content })),
  ];
  return (
    <Card title={text.inbox}>
      {lines.length === 0 && <Text size="sm">{text.noInbox}</Text>}
      <ul className="plain-list">
        {lines.slice(0, MAX_LINES).map(({ path, words }) => (
          <li key={path}>
            <Anchor component={Link} href={path} size="sm" truncate display="block">
              {words}
            </Anchor>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function CostToday({ data }: { data: Answer }) {
  const rows = data.usageByDays?.nodes.filter((one) => one !== null) ?? [];
  const limits = data.limitUsages?.nodes.filter((one) => one !== null) ?? [];
  return (
    <Card title={text.costToday}>
      <div className="big-figure">
        <Cost value={sum(rows.map(({ cost }) => cost))} />
      </div>
      <Text size="sm">{text.runsToday(formatCount(sum(rows.map(({ runs }) => runs))))}</Text>
      {limits.length === 0 && (
        <Text size="xs" c="dimmed">
          {text.noLimit}
        </Text>
      )}
      {limits.map(({ scope, period, used, maxValue }, index) => (
        <Text key={index} size="xs" c="dimmed">
          {scope}: {text.limit(formatCost(used ?? 0), formatCost(maxValue ?? 0), period ?? '')}
        </Text>
      ))}
    </Card>
  );
}

function Oldest({ data }: { data: Answer }) {
  const [run] = data.queued?.nodes ?? [];
  return (
    <Card title={text.oldest}>
      {!run && <Text size="sm">{text.noQueued}</Text>}
      {run && (
        <>
          <div className="big-figure">
            <Moment at={run.runAt} isPlain />
          </div>
          <Anchor component={Link} href={`/runs/${run.id}`} size="sm">
            {nameOfRun(run)}
          </Anchor>
        </>
      )}
    </Card>
  );
}
