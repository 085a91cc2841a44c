import { type Column, isDate, isNumber, type Table } from './catalogue.ts';
import type { FigureQuestion, Unit } from './question.ts';
import { dateOf, type Join, joinsOf, type MeasureSource } from './sources.ts';
import { isOneOf, NAMES, namesSame } from './vocabulary.ts';

/** The columns that group the rows as SQL, and the join to the table that has their names. */
export type Grouping = {
  columns: string[];
  /** The column or the unit of time, as an answer names it. */
  label: string;
  join: (Join & { side: 't' | 'd' }) | null;
  isTime: boolean;
};

const FORMATS = { month: 'YYYY-MM', quarter: 'YYYY-"Q"Q', year: 'YYYY' } as const;

/**
 * Finds what a question groups by: a unit of time, or a column of the tables of the source.
 * Returns null if it groups by nothing, and undefined if no column has that name.
 */
export function groupingOf(
  { group }: FigureQuestion,
  source: MeasureSource,
  tables: Table[],
): Grouping | null | undefined {
  if (group === null) return null;
  if ('unit' in group) return byTime(group.unit, source);
  return (
    byColumn(group.thing, 't', source.table, tables) ??
    (source.join === null ? undefined : byColumn(group.thing, 'd', source.join.table, tables))
  );
}

function byTime(unit: Unit, source: MeasureSource): Grouping {
  const column = `to_char(${dateOf(source)}, '${FORMATS[unit]}') as ${unit}`;
  return { columns: [column], label: unit, join: null, isTime: true };
}

function byColumn(
  thing: string,
  side: 't' | 'd',
  table: Table,
  tables: Table[],
): Grouping | undefined {
  const isMeant = ({ words }: { words: string[] }) => words.some((word) => namesSame(word, thing));
  const columns = table.columns.filter((column) => isMeant(column) && !isDate(column));
  for (const join of joinsOf(table, tables)) {
    const key = table.columns.find(({ name }) => name === join.from);
    const isIt = isMeant(join.table) || (key !== undefined && isMeant(key));
    const name = isIt ? nameOf(join.table) : undefined;
    if (name === undefined) continue;
    // the key keeps apart what has the same name
    const grouped = [`g.${name.name}`, `${side}.${join.from}`];
    const label = `${join.table.name}.${name.name}`;
    return { columns: grouped, label, join: { ...join, side }, isTime: false };
  }
  const column = columns.find((one) => !isNumber(one)) ?? columns[0];
  if (column === undefined) return undefined;
  const label = `${table.name}.${column.name}`;
  return { columns: [`${side}.${column.name}`], label, join: null, isTime: false };
}

function nameOf({ columns }: Table): Column | undefined {
  return columns.find(
    (column) => !isNumber(column) && column.words.some((word) => isOneOf(word, NAMES)),
  );
}
