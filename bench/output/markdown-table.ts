import type { JudgedFigure } from '../bars.ts';
import { SYSTEMS } from '../systems.ts';
import { descriptionOf, durability, groupByBench, numberCell } from './table.ts';

/**
 * Formats the tables of docs/benchmarks.md: for each bench its figures, then the medians of others.
 */
export function formatMarkdown(figures: readonly JudgedFigure[], peers: readonly string[]): string {
  const parts = groupByBench(figures).flatMap(([bench, rows]) => [
    `## ${bench}`,
    '',
    descriptionOf(bench, peers.length > 0),
    '',
    ...formatFigures(rows.filter((row) => systemOf(row) === undefined)),
    ...formatSystems(rows),
  ]);
  const notes = durability(figures, peers).map(([name, text]) => `- **${name}**: ${text}`);
  return [...parts, '## Durability', '', ...notes, ''].join('\n');
}

/** Formats a row for each figure: median, range of the rounds, and goal. */
function formatFigures(rows: readonly JudgedFigure[]): string[] {
  return formatTable(['figure', 'median (range)'], rows.map(figureCells));
}

function figureCells({ figure, role, value, min, max, bound, holds }: JudgedFigure): string[] {
  const range = min === max || Number.isNaN(value) ? '' : ` (${min}–${max})`;
  const goal = bound ? `, goal ${bound}${holds ? '' : ': missed'}` : '';
  return [role === null ? figure : `· limit ${figure}`, `${numberCell(value)}${range}${goal}`];
}

/** Formats a row for each other system, with the medians of its figures. */
function formatSystems(rows: readonly JudgedFigure[]): string[] {
  const figures = rows.flatMap((row) => {
    const system = systemOf(row);
    return system === undefined ? [] : [{ system, name: row.figure.slice(system.length + 1), row }];
  });
  if (figures.length === 0) return [];
  const names = [...new Set(figures.map(({ name }) => name))];
  const lines = [...Map.groupBy(figures, ({ system }) => system)].map(([system, own]) => [
    system,
    ...names.map((name) => {
      const found = own.find((one) => one.name === name);
      return found ? numberCell(found.row.value) : '';
    }),
  ]);
  return formatTable(['median of', ...names], lines);
}

/** Returns the system whose figure this is, or undefined for figures of Howdah and pgbench. */
function systemOf({ figure, role }: JudgedFigure): string | undefined {
  if (role === null) return undefined;
  return SYSTEMS.find(({ name }) => figure.startsWith(`${name}_`))?.name;
}

function formatTable(head: readonly string[], rows: readonly string[][]): string[] {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [...lines, ''];
}
