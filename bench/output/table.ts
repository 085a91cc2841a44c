import type { Judged } from '../bars.ts';
import { BENCHES } from '../benches.ts';
import type { ComparedFigure } from './comparison.ts';
import { OWN_DURABILITY, SYSTEMS } from '../systems.ts';

const HEAD = ['figure', 'min', 'median', 'max', 'unit', 'goal', '', 'bar', ''];

/** The tables of the benches that were run, each under what it counts. */
export function textTable(figures: readonly Judged[], peers: readonly string[]): string {
  const parts = byBench(figures).flatMap(([, rows]) => [
    benchTable(rows, peers.length > 0, true),
    '',
  ]);
  return [...parts, ...durabilityLines(figures, peers)].join('\n');
}

/** The table of one bench under what it counts; goals and bars only for who asks whether they are kept. */
export function benchTable(
  figures: readonly Judged[],
  hasPeers: boolean,
  isJudged: boolean,
): string {
  const cells = [HEAD, ...figures.map(cellsOf)].map((row) =>
    isJudged ? row : row.slice(0, HEAD.indexOf('goal')),
  );
  const bench = figures[0]?.bench ?? '';
  return [`── ${bench}: ${countsOf(bench, hasPeers)}`, ...alignColumns(cells, 3)].join('\n');
}

const COMPARED_HEAD = ['figure', 'old', 'new', 'new/old', 'least', 'most', 'unit'];

/** The table of one bench on two checkouts: medians, then new over old with its least and most. */
export function comparisonTable(figures: readonly ComparedFigure[]): string {
  const cells = figures.map((one) => [
    nameOf(one),
    ...[one.old, one.new, one.ratio, one.min_ratio, one.max_ratio].map(numberCell),
    one.unit,
  ]);
  const bench = figures[0]?.bench ?? '';
  const lines = alignColumns([COMPARED_HEAD, ...cells], 5);
  return [`── ${bench}: ${countsOf(bench, false)}`, ...lines, ''].join('\n');
}

/** How safe a step is in each system that was measured, a line for each. */
export function durabilityLines(figures: readonly Judged[], peers: readonly string[]): string[] {
  return durability(figures, peers).map(([name, words]) => `${name}: ${words}`);
}

/** What a bench counts, and what of the peers. */
export function countsOf(bench: string, hasPeers: boolean): string {
  const { counts = '', peers } = BENCHES[bench] ?? {};
  return hasPeers && peers ? `${counts} ${peers}` : counts;
}

/** The figures of each bench. */
export function byBench(figures: readonly Judged[]): [string, Judged[]][] {
  return [...Map.groupBy(figures, ({ bench }) => bench)];
}

function cellsOf({
  figure,
  min,
  value,
  max,
  unit,
  bound,
  holds,
  bar,
  clears,
  role,
}: Judged): string[] {
  const verdict = (yes: boolean | null, good: string, bad: string): string =>
    yes === null ? '' : yes ? good : bad;
  return [
    nameOf({ figure, role }),
    ...[min, value, max].map(numberCell),
    unit,
    bound ?? '',
    verdict(holds, 'holds', 'misses'),
    bar ?? '',
    verdict(clears, 'clears', 'BELOW'),
  ];
}

function nameOf({ figure, role }: Pick<Judged, 'figure' | 'role'>): string {
  return role === null ? figure : `· ${role} ${figure}`;
}

/** A number, or a dash where nothing was measured. */
export function numberCell(value: number): string {
  return Number.isNaN(value) ? '—' : String(value);
}

/** Lines of a table: the columns of numbers, which follow the name, to the right, all others to the left. */
function alignColumns(cells: readonly string[][], numbers: number): string[] {
  const columns = Math.max(...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column >= 1 && column <= numbers ? cell.padStart(width) : cell.padEnd(width);
  };
  return cells.map((row) => row.map(pad).join('  ').trimEnd());
}

/** How safe a step is in each system that was measured. */
export function durability(
  figures: readonly Judged[],
  peers: readonly string[],
): [string, string][] {
  const isMeasured = (name: string): boolean =>
    figures.some(({ figure, role }) => role !== null && figure.startsWith(`${name}_`));
  return [
    ['howdah', OWN_DURABILITY],
    ...SYSTEMS.filter(({ name, role }) => role === 'limit' || peers.includes(name))
      .filter(({ name }) => isMeasured(name))
      .map(({ name, durability: words }): [string, string] => [name, words]),
  ];
}
