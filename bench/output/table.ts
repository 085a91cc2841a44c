import type { JudgedFigure } from '../bars.ts';
import { BENCHES } from '../benches.ts';
import { OWN_DURABILITY, SYSTEMS } from '../systems.ts';
import type { ComparedFigure } from './compare-figures.ts';

const HEAD = ['figure', 'min', 'median', 'max', 'unit', 'goal', '', 'bar', ''];

/** Formats a table for each bench, and the durability of a step in each system. */
export function formatTables(figures: readonly JudgedFigure[], peers: readonly string[]): string {
  const parts = groupByBench(figures).flatMap(([, rows]) => [
    formatBenchTable(rows, peers.length > 0, true),
    '',
  ]);
  return [...parts, ...formatDurability(figures, peers)].join('\n');
}

/**
 * Formats the table of one bench, below its description. Without `isJudged` it has no goals and
 * bars.
 */
export function formatBenchTable(
  figures: readonly JudgedFigure[],
  hasPeers: boolean,
  isJudged: boolean,
): string {
  const cells = [HEAD, ...figures.map(cellsOf)].map((row) =>
    isJudged ? row : row.slice(0, HEAD.indexOf('goal')),
  );
  const bench = figures[0]?.bench ?? '';
  return [`── ${bench}: ${descriptionOf(bench, hasPeers)}`, ...alignColumns(cells, 3)].join('\n');
}

const COMPARED_HEAD = ['figure', 'old', 'new', 'new/old', 'min', 'max', 'unit'];

/** Formats the table of one bench on two checkouts: medians, and the ratios of new to old. */
export function formatComparison(figures: readonly ComparedFigure[]): string {
  const cells = figures.map((one) => [
    nameOf(one),
    ...[one.old, one.new, one.ratio, one.min_ratio, one.max_ratio].map(numberCell),
    one.unit,
  ]);
  const bench = figures[0]?.bench ?? '';
  const lines = alignColumns([COMPARED_HEAD, ...cells], 5);
  return [`── ${bench}: ${descriptionOf(bench, false)}`, ...lines, ''].join('\n');
}

/** Formats the durability of a step in each system that was measured, a line for each. */
export function formatDurability(
  figures: readonly JudgedFigure[],
  peers: readonly string[],
): string[] {
  return durability(figures, peers).map(([name, text]) => `${name}: ${text}`);
}

/** Returns the description of a bench, with that of its peers if peers were measured. */
export function descriptionOf(bench: string, hasPeers: boolean): string {
  const { description = '', peerDescription } = BENCHES[bench] ?? {};
  return hasPeers && peerDescription ? `${description} ${peerDescription}` : description;
}

/** Groups figures by bench. */
export function groupByBench(figures: readonly JudgedFigure[]): [string, JudgedFigure[]][] {
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
}: JudgedFigure): string[] {
  const verdict = (isMet: boolean | null, good: string, bad: string): string =>
    isMet === null ? '' : isMet ? good : bad;
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

function nameOf({ figure, role }: Pick<JudgedFigure, 'figure' | 'role'>): string {
  return role === null ? figure : `· ${role} ${figure}`;
}

/** Formats a number, or a dash if nothing was measured. */
export function numberCell(value: number): string {
  return Number.isNaN(value) ? '—' : String(value);
}

/**
 * Pads cells to aligned columns, and joins each row to a line. The first column is followed by
 * `numbers` columns that are aligned to the right. All others are aligned to the left.
 */
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

/** Returns the durability of a step in Howdah and in each other system that was measured. */
export function durability(
  figures: readonly JudgedFigure[],
  peers: readonly string[],
): [string, string][] {
  const isMeasured = (name: string): boolean =>
    figures.some(({ figure, role }) => role !== null && figure.startsWith(`${name}_`));
  return [
    ['howdah', OWN_DURABILITY],
    ...SYSTEMS.filter(({ name, role }) => role === 'limit' || peers.includes(name))
      .filter(({ name }) => isMeasured(name))
      .map(({ name, durability: text }): [string, string] => [name, text]),
  ];
}
