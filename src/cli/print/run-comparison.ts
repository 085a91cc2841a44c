import type {
  Comparison,
  RunFigures,
  StepChange,
  TextDifference,
} from '../../contracts/runs/comparison.ts';
import { changedLines } from '../../text/unified-diff.ts';
import { type CliIo, paintResult, plainNumber, printTable } from '../output/output.ts';
import { oneLine, plainText } from '../output/terminal-text.ts';

const WIDTH = 160;

/**
 * Prints two runs for people: their titles, their differences from beginning to end as a diff, and
 * their figures.
 */
export function printRunComparison(io: CliIo, compared: Comparison): void {
  const { a, b, began, steps, ended, is_same } = compared;
  const print = (line: string) => io.out(paintDiffLine(io, line));
  print(`--- ${titleOf(a, b)}`);
  print(`+++ ${titleOf(b, a)}`);
  for (const one of began) patchOf(one).forEach(print);
  io.out(stepsLine(compared));
  for (const change of steps.changes) changeLines(change).forEach(print);
  if (steps.left_off > 0) io.err(`${steps.left_off} more changes are not shown.`);
  for (const one of ended) patchOf(one).forEach(print);
  printTable(io, figureRows(a, b));
  if (is_same) io.err('The runs are the same.');
  if (a.is_encrypted || b.is_encrypted) io.err('Encrypted texts were not compared.');
  const versions = began.find(({ field }) => field === 'version');
  const name = a.agent ?? a.workflow;
  if (versions && name !== null) {
    io.err(
      `Show the changes between the versions: howdah dev versions ${name} --diff ${versions.a} ${versions.b}`,
    );
  }
}

function titleOf(run: RunFigures, other: RunFigures): string {
  const { execution_id, forked_from_execution_id: original, forked_from_seq: seq } = run;
  const parent = original === other.execution_id ? 'the other run' : original;
  return oneLine(
    [
      `${execution_id}  ${run.agent ?? run.workflow ?? 'unknown'}, version ${run.version ?? 'unknown'}`,
      ...(original === null ? [] : [`forked from ${parent} after step ${seq}`]),
      ...(run.is_erased ? ['its texts are erased'] : []),
      ...(run.is_encrypted ? ['its texts are encrypted'] : []),
    ].join(', '),
    WIDTH,
  );
}

function stepsLine({ a, b, steps, shared_steps }: Comparison): string {
  const same = a.is_encrypted || b.is_encrypted ? 'alike except for their texts' : 'the same';
  const parts = [
    `${steps.same} ${same}${shared_steps > 0 ? ` (${shared_steps} shared by a fork)` : ''}`,
    ...(steps.changed > 0 ? [`${steps.changed} changed`] : []),
    ...(steps.only_a > 0 ? [`${steps.only_a} only in the first`] : []),
    ...(steps.only_b > 0 ? [`${steps.only_b} only in the second`] : []),
  ];
  const where =
    steps.parts_at === null ? '' : `; the first difference is at step ${steps.parts_at}`;
  return `steps: ${parts.join(', ')}${where}`;
}

function changeLines({ what, a, b, kind, name, differences }: StepChange): string[] {
  const called = `${kind}${name === null ? '' : ` ${oneLine(name)}`}`;
  if (what === 'changed') {
    const at = a === b ? `${a}` : `${a} and ${b}`;
    return [`@@ step ${at} @@ ${called}`, ...differences.flatMap(patchOf)];
  }
  const mark = what === 'only_a' ? '-' : '+';
  return [
    `@@ step ${a ?? b}, only in the ${what === 'only_a' ? 'first' : 'second'} @@ ${called}`,
    ...differences.map((one) => `${mark}${one.field}: ${oneLine(one.a ?? one.b ?? '', WIDTH)}`),
  ];
}

function patchOf({ field, a, b }: TextDifference): string[] {
  const [before = null, after = null] = [a, b].map((text) => text && plainText(text));
  return [field, ...changedLines(before, after)];
}

function paintDiffLine(io: CliIo, line: string): string {
  if (/^(---|\+\+\+) /.test(line)) return paintResult(io, 'bold', line);
  if (line.startsWith('@@')) return paintResult(io, 'cyan', line);
  if (line.startsWith('-')) return paintResult(io, 'red', line);
  return line.startsWith('+') ? paintResult(io, 'green', line) : line;
}

function figureRows(a: RunFigures, b: RunFigures) {
  const rows: [string, (run: RunFigures) => string | number | null][] = [
    ['status', (run) => [run.status, run.stop_reason, cutOf(run)].filter(Boolean).join(' ')],
    ['seconds', ({ seconds }) => seconds],
    ['steps', ({ steps }) => steps],
    ['model calls', ({ model_calls }) => model_calls],
    ['tool calls', ({ tool_calls }) => tool_calls],
    ['retries', ({ retries }) => retries],
    ['tokens in', ({ tokens_in }) => tokens_in],
    ['tokens out', ({ tokens_out }) => tokens_out],
    ['cost', ({ cost }) => plainNumber(cost)],
  ];
  if (a.children.length + b.children.length > 0) {
    rows.push(['cost with child runs', ({ total_cost }) => plainNumber(total_cost)]);
    rows.push(['child runs', belowOf]);
  }
  return rows.map(([figure, of]) => ({ figure, first: of(a), second: of(b) }));
}

function cutOf({ finish_reason }: RunFigures): string | undefined {
  return finish_reason === 'length' ? 'cut off' : undefined;
}

function belowOf({ children }: RunFigures): string {
  const texts = children.map(
    ({ agent, workflow, status, runs, cost }) =>
      `${agent ?? workflow ?? 'unknown'} ${status}${runs > 1 ? ` × ${runs}` : ''}, ${plainNumber(cost)}`,
  );
  return texts.join('; ');
}
