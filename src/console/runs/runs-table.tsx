import { ActionIcon, Anchor, Checkbox, Table, Text } from '@mantine/core';
import { PanelRight } from 'lucide-react';
import { Fragment, useRef } from 'react';
import { Link } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { formatCompact, formatCost, formatCount, formatDuration, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Moment, useNow } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { useKeys } from '../parts/use-keys.ts';
import type { RunRow } from '../server/operations.generated.ts';
import { nameOfRun } from './run-name.ts';
import { UsageCells } from './usage-cells.tsx';
import type { Selection } from './use-selection.ts';

const text = messages.runs.columns;
/** Characters of the input that a row shows. */
const MAX_INPUT = 160;

type RunsTableProps = {
  rows: readonly RunRow[];
  /** Undefined if rows cannot be selected. */
  selection?: Selection;
  /** True to show the runs of a session together. */
  isGrouped?: boolean;
  /** Undefined if runs are not shown beside the list. */
  peek?: PeekState;
};

/** The run that is shown beside the list. */
export type PeekState = { id: string | undefined; show(id: string | undefined): void };

/** The rows of runs. J and K move between them, X selects one, P peeks at it, Enter opens it. */
export function RunsTable({ rows, selection, peek, isGrouped = false }: RunsTableProps) {
  const table = useRef<HTMLTableElement>(null);
  const move = (step: number) => {
    const links = [...(table.current?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
    const focused = links.indexOf(focusedLink() as HTMLElement);
    const at = focused < 0 ? links.findIndex(({ dataset }) => dataset.run === peek?.id) : focused;
    const next = links[Math.min(links.length - 1, Math.max(0, at + step))];
    next?.focus();
    if (peek?.id !== undefined) peek.show(next?.dataset.run);
  };
  const onFocused = (act: ((id: string) => void) | undefined) => () => {
    const { run } = focusedLink()?.dataset ?? {};
    if (run !== undefined) act?.(run);
  };
  useKeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
    ['X', onFocused(selection?.toggle)],
    ['P', onFocused((id) => peek?.show(id === peek.id ? undefined : id))],
  ]);
  return (
    <Table ref={table} highlightOnHover className="rows stacked" verticalSpacing={6}>
      <Table.Thead>
        <Table.Tr>
          {selection && (
            <Table.Th data-place="check" data-label={messages.bulk.selectRows}>
              <Checkbox
                aria-label={messages.bulk.selectRows}
                checked={rows.every(({ id }) => selection.has(id))}
                indeterminate={
                  rows.some(({ id }) => selection.has(id)) &&
                  !rows.every(({ id }) => selection.has(id))
                }
                onChange={selection.toggleRows}
                size="xs"
              />
            </Table.Th>
          )}
          <Table.Th w={200}>{text.status}</Table.Th>
          <Table.Th w={190}>{text.agent}</Table.Th>
          <Table.Th className="run-input">{text.input}</Table.Th>
          <Table.Th w={60} ta="right" className="run-steps">
            {text.steps}
          </Table.Th>
          <Table.Th w={80} ta="right">
            {text.tokens}
          </Table.Th>
          <Table.Th w={100} ta="right">
            {text.cost}
          </Table.Th>
          <Table.Th w={95} ta="right">
            {text.duration}
          </Table.Th>
          <Table.Th w={120} ta="right">
            {text.created}
          </Table.Th>
          {peek && <Table.Th w={44} />}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {[...groupsOf(rows, isGrouped)].map(([session, own]) => (
          <Fragment key={session ?? ''}>
            {isGrouped && <SessionRow session={session} rows={own} />}
            {own.map((row) => (
              <Row key={row.id} {...{ row, selection, peek }} />
            ))}
          </Fragment>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** Returns the link of the row that has the focus, which can be on its box or its button. */
function focusedLink(): HTMLElement | null | undefined {
  return document.activeElement?.closest('tr')?.querySelector<HTMLElement>('.row-link');
}

/** Returns the rows by session, in the order of the newest run of each; else all in one group. */
function groupsOf(rows: readonly RunRow[], isGrouped: boolean) {
  return Map.groupBy(rows, ({ sessionId }) => (isGrouped ? sessionId : null));
}

/** The line above the runs of a session. */
function SessionRow({ session, rows }: { session: string | null; rows: readonly RunRow[] }) {
  const words = messages.sessions;
  const tokens = sum(
    rows.flatMap((row) => [
      row.tokensIn,
      row.tokensOut,
      row.childrenTokensIn,
      row.childrenTokensOut,
    ]),
  );
  const cost = sum(rows.flatMap((row) => [row.cost, row.childrenCost]));
  return (
    <Table.Tr className="session-row">
      <Table.Th colSpan={3} scope="rowgroup">
        {session === null ? (
          words.none
        ) : (
          <Anchor component={Link} href={`/runs?session=${session}`} size="sm">
            {words.name(session)}
          </Anchor>
        )}{' '}
        <Text size="xs" c="dimmed" component="span" ml="xs">
          {words.figures(rows.length, formatCompact(tokens), formatCost(cost))}
        </Text>
      </Table.Th>
    </Table.Tr>
  );
}

type RowProps = {
  row: RunRow;
  selection: Selection | undefined;
  peek: PeekState | undefined;
};

function Row({ row, selection, peek }: RowProps) {
  return (
    <Table.Tr
      data-selected={selection?.has(row.id) || undefined}
      data-peek={row.id === peek?.id || undefined}
    >
      {selection && (
        <ListCell className="row-check" place="check">
          <Checkbox
            aria-label={messages.bulk.select(nameOfRun(row))}
            checked={selection.has(row.id)}
            onChange={() => selection.toggle(row.id)}
            size="xs"
          />
        </ListCell>
      )}
      <ListCell place="side">
        <Status status={row.status} waitingFor={row.waitingFor} />
      </ListCell>
      <ListCell place="name" className="row-name">
        <Link href={`/runs/${row.id}`} className="row-link" data-run={row.id}>
          {nameOfRun(row)}
        </Link>
        <Version row={row} />
      </ListCell>
      <ListCell place="text" className="run-input">
        {row.input?.slice(0, MAX_INPUT)}
      </ListCell>
      <ListCell place="hidden" className="figure run-steps">
        {formatCount(row.stepCount)}
      </ListCell>
      <UsageCells row={row} />
      <ListCell className="figure">
        <Duration row={row} />
      </ListCell>
      <ListCell className="figure">
        <Moment at={row.createdAt} />
      </ListCell>
      {peek && (
        <ListCell className="row-peek" place="hidden">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={messages.peek.show(nameOfRun(row))}
            aria-pressed={peek.id === row.id}
            onClick={() => peek.show(peek.id === row.id ? undefined : row.id)}
          >
            <PanelRight size={15} aria-hidden />
          </ActionIcon>
        </ListCell>
      )}
    </Table.Tr>
  );
}

/** The version of an agent, or that the name is that of a workflow. */
function Version({ row }: { row: RunRow }) {
  if (!row.agentVersion && !row.workflow) return null;
  return (
    <Text size="xs" c="dimmed" component="span">
      {row.agentVersion ? `@${row.agentVersion.version}` : ` ${messages.kinds.workflow}`}
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
