import { Checkbox, Table, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useRef } from 'react';
import { Link } from 'wouter';
import { formatCompact, formatCost, formatCount, formatDuration, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Moment, useNow } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import type { RunRow } from '../server/operations.generated.ts';
import { nameOfRun } from './run-name.ts';
import type { Selection } from './use-selection.ts';

const text = messages.runs.columns;
/** Characters of the input that a row shows. */
const MOST_INPUT = 160;

type RunsTableProps = {
  rows: readonly RunRow[];
  /** Undefined if rows cannot be selected. */
  selection?: Selection;
};

/** The rows of runs. J and K move between them, X selects one, Enter opens it. */
export function RunsTable({ rows, selection }: RunsTableProps) {
  const table = useRef<HTMLTableElement>(null);
  const move = (step: number) => {
    const links = [...(table.current?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  const toggle = () => {
    const { run } = (document.activeElement as HTMLElement | null)?.dataset ?? {};
    if (run !== undefined) selection?.toggle(run);
  };
  useHotkeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
    ['X', toggle],
  ]);
  return (
    <Table ref={table} highlightOnHover className="rows" verticalSpacing={6}>
      <Table.Thead>
        <Table.Tr>
          {selection && (
            <Table.Th w={40}>
              <Checkbox
                aria-label={messages.bulk.selectRows}
                checked={rows.every(({ id }) => selection.has(id))}
                indeterminate={
                  rows.some(({ id }) => selection.has(id)) &&
                  !rows.every(({ id }) => selection.has(id))
                }
                onChange={() => selection.toggleRows(rows.map(({ id }) => id))}
                size="xs"
              />
            </Table.Th>
          )}
          <Table.Th w={{ base: 165, sm: 200 }}>{text.status}</Table.Th>
          <Table.Th w={{ base: 'auto', sm: 190 }}>{text.agent}</Table.Th>
          <Table.Th visibleFrom="md">{text.input}</Table.Th>
          <Table.Th w={60} ta="right" visibleFrom="md">
            {text.steps}
          </Table.Th>
          <Table.Th w={80} ta="right" visibleFrom="sm">
            {text.tokens}
          </Table.Th>
          <Table.Th w={80} ta="right" visibleFrom="sm">
            {text.cost}
          </Table.Th>
          <Table.Th w={95} ta="right" visibleFrom="sm">
            {text.duration}
          </Table.Th>
          <Table.Th w={120} ta="right" visibleFrom="xs">
            {text.created}
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Row key={row.id} row={row} selection={selection} />
        ))}
      </Table.Tbody>
    </Table>
  );
}

type RowProps = { row: RunRow; selection: Selection | undefined };

function Row({ row, selection }: RowProps) {
  const tokens = sum([row.tokensIn, row.tokensOut, row.childrenTokensIn, row.childrenTokensOut]);
  return (
    <Table.Tr data-selected={selection?.has(row.id) || undefined}>
      {selection && (
        <Table.Td className="row-check">
          <Checkbox
            aria-label={messages.bulk.select(nameOfRun(row))}
            checked={selection.has(row.id)}
            onChange={() => selection.toggle(row.id)}
            size="xs"
          />
        </Table.Td>
      )}
      <Table.Td>
        <Status status={row.status} waitingFor={row.waitingFor} />
      </Table.Td>
      <Table.Td>
        <Link href={`/runs/${row.id}`} className="row-link" data-run={row.id}>
          {nameOfRun(row)}
        </Link>
        <Version row={row} />
      </Table.Td>
      <Table.Td visibleFrom="md" className="cut">
        <Text size="sm" c="dimmed" truncate component="span">
          {row.input?.slice(0, MOST_INPUT)}
        </Text>
      </Table.Td>
      <Table.Td ta="right" visibleFrom="md" className="figure">
        {formatCount(row.stepCount)}
      </Table.Td>
      <Table.Td ta="right" visibleFrom="sm" className="figure">
        {formatCompact(tokens)}
      </Table.Td>
      <Table.Td ta="right" visibleFrom="sm" className="figure">
        {formatCost(sum([row.cost, row.childrenCost]))}
      </Table.Td>
      <Table.Td ta="right" visibleFrom="sm" className="figure">
        <Duration row={row} />
      </Table.Td>
      <Table.Td ta="right" visibleFrom="xs" className="figure">
        <Moment at={row.createdAt} />
      </Table.Td>
    </Table.Tr>
  );
}

function Version({ row }: { row: RunRow }) {
  if (!row.agentVersion) return null;
  return (
    <Text size="xs" c="dimmed" component="span">
      @{row.agentVersion.version}
    </Text>
  );
}

/** The time from the start of a run to its end, or to now. */
function Duration({ row }: { row: Pick<RunRow, 'startedAt' | 'completedAt'> }) {
  const isOn = row.startedAt !== null && row.completedAt === null;
  const now = useNow(1_000, isOn);
  if (row.startedAt === null) return messages.common.none;
  const end = row.completedAt === null ? now : Date.parse(row.completedAt);
  return formatDuration(end - Date.parse(row.startedAt));
}
