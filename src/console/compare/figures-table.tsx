import { Anchor, Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Comparison, RunFigures } from '../../contracts/runs/comparison.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { formatCompact, formatCost, formatCount, formatDuration } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Status } from '../parts/status.tsx';
import type { ComparedRun, ExecutionStatus } from '../server/operations.generated.ts';

const text = messages.compare;

type FiguresTableProps = {
  comparison: Comparison;
  first: ComparedRun | null;
  second: ComparedRun | null;
};

/** A figure of both runs. A number also shows its change. */
type Figure = { name: keyof typeof text.figures } & (
  | { isNumber: true; of(run: RunFigures): number | null; show(value: number): string }
  | { isNumber: false; of(run: RunFigures, loaded: ComparedRun | null): ReactNode }
);

const FIGURES: readonly Figure[] = [
  { name: 'name', isNumber: false, of: (run) => run.agent ?? run.workflow },
  { name: 'version', isNumber: false, of: (run) => run.version },
  { name: 'models', isNumber: false, of: (_run, loaded) => modelsOf(loaded) },
  {
    name: 'status',
    isNumber: false,
    of: (run) => <Status status={run.status as ExecutionStatus} />,
  },
  {
    ...{ name: 'seconds', isNumber: true, of: ({ seconds }) => seconds },
    show: (seconds) => formatDuration(seconds * 1_000),
  },
  { name: 'steps', isNumber: true, of: ({ steps }) => steps, show: formatCount },
  { name: 'modelCalls', isNumber: true, of: (run) => run.model_calls, show: formatCount },
  { name: 'toolCalls', isNumber: true, of: (run) => run.tool_calls, show: formatCount },
  { name: 'retries', isNumber: true, of: ({ retries }) => retries, show: formatCount },
  { name: 'tokensIn', isNumber: true, of: (run) => run.tokens_in, show: formatCompact },
  { name: 'tokensOut', isNumber: true, of: (run) => run.tokens_out, show: formatCompact },
  { name: 'cost', isNumber: true, of: ({ cost }) => Number(cost), show: formatCost },
  { name: 'totalCost', isNumber: true, of: (run) => Number(run.total_cost), show: formatCost },
];

/** The figures of two runs beside each other, and what changed from A to B. */
export function FiguresTable({ comparison: { a, b }, first, second }: FiguresTableProps) {
  const hasChildren = a.children.length + b.children.length > 0;
  const hasRetries = a.retries + b.retries > 0;
  const shown = FIGURES.filter(
    ({ name }) => (name !== 'totalCost' || hasChildren) && (name !== 'retries' || hasRetries),
  );
  return (
    <Table className="figures" verticalSpacing={5}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{text.figure}</Table.Th>
          <RunHeading letter={text.first} run={a} />
          <RunHeading letter={text.second} run={b} />
          <Table.Th scope="col" ta="right">
            {text.change}
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {shown.map((figure) => (
          <Table.Tr key={figure.name}>
            <Table.Th scope="row">{text.figures[figure.name]}</Table.Th>
            <Table.Td>{shownValue(figure, a, first)}</Table.Td>
            <Table.Td>{shownValue(figure, b, second)}</Table.Td>
            <Table.Td className="figure">{changeOf(figure, a, b)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function RunHeading({ letter, run }: { letter: string; run: RunFigures }) {
  return (
    <Table.Th scope="col">
      {letter}:{' '}
      <Anchor component={Link} href={`/runs/${run.execution_id}`} size="sm" ff="monospace">
        …{run.execution_id.slice(-12)}
      </Anchor>
    </Table.Th>
  );
}

function shownValue(figure: Figure, run: RunFigures, loaded: ComparedRun | null): ReactNode {
  if (!figure.isNumber) return figure.of(run, loaded) ?? messages.common.none;
  const value = figure.of(run);
  return value === null ? messages.common.none : figure.show(value);
}

/** Returns the change of a number, such as `+1,200 (+34%)`. */
function changeOf(figure: Figure, a: RunFigures, b: RunFigures): string {
  if (!figure.isNumber) return '';
  const [before, after] = [figure.of(a), figure.of(b)];
  if (before === null || after === null || before === after) return '';
  const sign = after > before ? '+' : '−';
  const size = figure.show(Math.abs(after - before));
  const percent = Math.round((100 * Math.abs(after - before)) / before);
  return before > 0 ? `${sign}${size} (${sign}${percent}%)` : `${sign}${size}`;
}

/** Returns the names of the models: the override of the run, or those of its version. */
function modelsOf(run: ComparedRun | null): string | undefined {
  const own = isJsonObject(run?.overrides ?? null) ? (run?.overrides as { model?: Json }) : {};
  if (typeof own.model === 'string') return own.model;
  const definition = run?.agentVersion?.models ?? null;
  const models = isJsonObject(definition) ? definition.models : undefined;
  if (!Array.isArray(models)) return undefined;
  const names = models.flatMap((one) => (isJsonObject(one) ? [one.name] : []));
  return names.filter((name) => typeof name === 'string').join(', ') || undefined;
}
