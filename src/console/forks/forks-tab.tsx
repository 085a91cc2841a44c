import { Anchor, Button, Loader, Paper, Stack, Table, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { ValueView } from '../parts/value-view.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import { UsageCells } from '../runs/usage-cells.tsx';
import type { ForkRow } from '../server/operations.generated.ts';
import type { Forks } from './use-forks.ts';

const text = messages.forks;

type ForksTabProps = { run: { id: string; forkedFromSeq: number | null }; forks: Forks };

/** The run that a run was forked from, and its own forks. */
export function ForksTab({
  run,
  forks: { origin, forks, hasMore, failure, reload },
}: ForksTabProps) {
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!forks) return <Loader size="sm" aria-label={messages.common.loading} />;
  return (
    <Stack gap="md">
      {origin && (
        <ForkTable
          title={text.origin(run.forkedFromSeq ?? 0)}
          rows={[origin]}
          compare={(other) => `/runs/${other}/compare/${run.id}`}
        />
      )}
      {forks.length > 0 ? (
        <ForkTable
          title={text.forks(forks.length, hasMore)}
          rows={forks}
          compare={(other) => `/runs/${run.id}/compare/${other}`}
          hasStep
        />
      ) : (
        <Text size="sm">{text.none}</Text>
      )}
      <Replay id={run.id} />
    </Stack>
  );
}

/** The command that runs the loop on the log again. It is no request of the API. */
function Replay({ id }: { id: string }) {
  const command = `npx howdah dev replay ${id}`;
  return (
    <section>
      <Title order={2} size="h6" mb={6}>
        {text.replay}
      </Title>
      <Text size="sm" mb={6}>
        {text.replayHint}
      </Text>
      <ValueView value={command} label={text.replay} />
    </section>
  );
}

type ForkTableProps = {
  title: string;
  rows: readonly ForkRow[];
  compare(other: string): string;
  hasStep?: boolean;
};

function ForkTable({ title, rows, compare, hasStep = false }: ForkTableProps) {
  return (
    <section>
      <Title order={2} size="h6" mb={6}>
        {title}
      </Title>
      <Paper withBorder radius="md" className="table-frame">
        <Table className="rows stacked" verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={190}>{messages.runs.columns.status}</Table.Th>
              <Table.Th>{messages.runs.columns.agent}</Table.Th>
              {hasStep && (
                <Table.Th w={70} ta="right">
                  {text.step}
                </Table.Th>
              )}
              <Table.Th w={80} ta="right">
                {messages.runs.columns.tokens}
              </Table.Th>
              <Table.Th w={80} ta="right">
                {messages.runs.columns.cost}
              </Table.Th>
              <Table.Th w={120} ta="right">
                {messages.runs.columns.created}
              </Table.Th>
              <Table.Th w={95} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.id} row={row} path={compare(row.id)} hasStep={hasStep} />
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
    </section>
  );
}

function Row({ row, path, hasStep }: { row: ForkRow; path: string; hasStep: boolean }) {
  const version = row.agentVersion ?? row.workflowVersion;
  return (
    <Table.Tr>
      <ListCell place="side">
        <Status status={row.status} waitingFor={row.waitingFor} />
      </ListCell>
      <ListCell place="name">
        <Anchor component={Link} href={`/runs/${row.id}`} size="sm">
          {nameOfRun(row)}
        </Anchor>{' '}
        <Text size="xs" c="dimmed" component="span">
          {version && `@${version.version}`} …{row.id.slice(-6)}
        </Text>
      </ListCell>
      {hasStep && (
        <ListCell label={text.step} className="figure">
          {row.forkedFromSeq}
        </ListCell>
      )}
      <UsageCells row={row} />
      <ListCell className="figure">
        <Moment at={row.createdAt} />
      </ListCell>
      <ListCell place="action" ta="right">
        <Button component={Link} href={path} size="compact-xs" variant="default">
          {messages.compare.submit}
        </Button>
      </ListCell>
    </Table.Tr>
  );
}
