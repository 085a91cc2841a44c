import type { Judged } from '../bars.ts';
import { SYSTEMS } from '../systems.ts';
import { byBench, countsOf, durability, numberCell } from './table.ts';

/** The tables of docs/benchmarks.md: of each bench its own figures, then the medians of other systems. */
export function markdownTable(figures: readonly Judged[], peers: readonly string[]): string {
  const parts = byBench(figures).flatMap(([bench, rows]) => [
    `## ${bench}`,
    '',
    countsOf(bench, peers.length > 0),
    '',
    ...ownTable(rows.filter((row) => systemOf(row) === undefined)),
    ...systemsTable(rows),
  ]);
  const notes = durability(figures, peers).map(([name, words]) => `- **${name}**: ${words}`);
  return [...parts, '## Durability', '', ...notes, ''].join('\n');
}

/** A row for each figure: median, range over the rounds, and the goal. */
function ownTable(rows: readonly Judged[]): string[] {
  return linesOf(['figure', 'median (range)'], rows.map(ownCells));
}

function ownCells({ figure, role, value, min, max, bound, holds }: Judged): string[] {
  const range = min === max || Number.isNaN(value) ? '' : ` (${min}–${max})`;
  const goal = bound ? `, goal ${bound}${holds ? '' : ': missed'}` : '';
  return [role === null ? figure : `· limit ${figure}`, `${numberCell(value)}${range}${goal}`];
}

/** A row for each system that did the same work, with the medians of its figures. */
function systemsTable(rows: readonly Judged[]): string[] {
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
  return linesOf(['median of', ...names], lines);
}

function systemOf({ figure, role }: Judged): string | undefined {
  if (role === null) return undefined;
  return SYSTEMS.find(({ name }) => figure.startsWith(`${name}_`))?.name;
}

function linesOf(head: readonly string[], rows: readonly string[][]): string[] {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [...lines, ''];
}
