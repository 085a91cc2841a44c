import { bareName, type Column, isDate, isNumber, type Table } from './catalogue.ts';
import type { FigureQuestion } from './question.ts';
import * as vocabulary from './vocabulary.ts';

const { hasPart, isOneOf, namesSame } = vocabulary;

/** A join of a table to the table that its foreign key refers to. */
export type Join = { table: Table; from: string; to: string };

/** The source of a figure: the table, the summed expression, and the dates of its rows. */
export type MeasureSource = {
  table: Table;
  /** The columns that are multiplied and summed; empty if rows are counted. */
  amount: string[];
  /** The date, which may be in the table that `join` names. */
  date: { column: Column; isJoined: boolean } | null;
  join: Join | null;
  score: number;
};

/** A source, several that are equally good, or none. */
export type SourceChoice =
  | { kind: 'one'; source: MeasureSource; others: MeasureSource[] }
  | { kind: 'several'; sources: MeasureSource[] }
  | { kind: 'none' };

/** Sources with a smaller lead are equally good. */
const LEAD = 1;
/** The score of a column whose name says the measure itself. */
const OWN = 5;
/** The score of a name that the question contains. */
const NAMED = 20;

/** Chooses where the figure of a question is computed. */
export function chooseSource(question: FigureQuestion, tables: Table[]): SourceChoice {
  const sources = tables.flatMap((table) => sourcesOf(question, table, tables));
  sources.sort((a, b) => b.score - a.score);
  const [best, ...others] = sources;
  if (best === undefined) return { kind: 'none' };
  const equal = others.filter(({ score }) => best.score - score < LEAD);
  if (equal.length > 0) return { kind: 'several', sources: [best, ...equal] };
  return { kind: 'one', source: best, others };
}

function sourcesOf(question: FigureQuestion, table: Table, tables: Table[]): MeasureSource[] {
  const worth = tableWorth(question, table);
  if (worth === null) return [];
  const amounts =
    question.measure === 'count' ? [{ columns: [], score: 0 }] : amountsIn(question, table);
  const dated = datedBy(question, table, tables);
  const needsDate =
    question.period.kind !== 'all' || (question.group !== null && 'unit' in question.group);
  if (dated.length === 0 && !needsDate) dated.push({ date: null, join: null, score: 0 });
  return amounts.flatMap((amount) =>
    dated.flatMap(({ date, join, score }) => {
      // the amounts of a table that nothing connects with the measure may be anything
      const isConnected =
        worth > 0 || amount.score >= OWN || (join !== null && isSource(question, join.table));
      if (!isConnected) return [];
      return [{ table, amount: amount.columns, date, join, score: worth + amount.score + score }];
    }),
  );
}

function isSource({ measure }: FigureQuestion, { words }: Table): boolean {
  return words.some((word) => isOneOf(word, vocabulary.SOURCES[measure]));
}

/** Scores the name and the comment of a table. Returns null for a table of other things. */
function tableWorth(question: FigureQuestion, table: Table): number | null {
  const { measure, words } = question;
  const isNamed = mentions(words, table.words);
  if (measure === 'count') return isNamed ? NAMED : null;
  const own = vocabulary.MEASURES[measure].flat();
  const isOwn = table.words.some((word) => isOneOf(word, own));
  const isOther = table.words.some((word) => isOneOf(word, vocabulary.OTHER_SOURCES[measure]));
  if (isOther && !isNamed) return null;
  const isExplained = table.comment.some((word) => isOneOf(word, own));
  return (
    (isNamed ? NAMED : 0) + (isOwn ? 4 : isSource(question, table) ? 3 : 0) + (isExplained ? 2 : 0)
  );
}

/** Returns whether a question contains all words of a name, in either language. */
export function mentions(question: readonly string[], name: readonly string[]): boolean {
  const parts = name.filter((word) => word.length > 1);
  return parts.length > 0 && parts.every((part) => question.some((word) => namesSame(word, part)));
}

type Amount = { columns: string[]; score: number };

/** Finds what can be summed in a table: an amount, or a quantity multiplied by a price. */
function amountsIn(question: FigureQuestion, table: Table): Amount[] {
  const { measure, words, tax } = question;
  if (measure === 'count') return [];
  const own = vocabulary.MEASURES[measure].flat();
  const foreign = vocabulary.MEASURES[measure === 'cost' ? 'revenue' : 'cost'].flat();
  const isCostTable = table.words.some((word) =>
    isOneOf(word, [...own, ...vocabulary.SOURCES[measure]]),
  );
  const numbers = table.columns.filter((column) => isNumber(column) && column.refers_to === null);
  const amounts = numbers.flatMap((column): Amount[] => {
    const isNet = column.words.some((word) => word.startsWith('net'));
    const isGross = column.words.some(
      (word) => word.startsWith('gross') || word.startsWith('brutto'),
    );
    const fit = (tax === 'net' && isNet) || (tax === 'gross' && isGross) ? 3 : 0;
    const named = mentions(words, column.words) ? NAMED / 2 : 0;
    const score = amountWorth(column.words, own, foreign, measure === 'revenue' || isCostTable);
    return score === 0 ? [] : [{ columns: [column.name], score: score + fit + named }];
  });
  const ofWords = (list: readonly string[]) =>
    numbers.find((column) => column.words.some((word) => isOneOf(word, list)));
  const quantity = ofWords(vocabulary.QUANTITIES);
  const price = ofWords(vocabulary.PRICES);
  if (measure === 'revenue' && quantity !== undefined && price !== undefined && quantity !== price)
    amounts.push({ columns: [quantity.name, price.name], score: 2.5 });
  return amounts;
}

function amountWorth(
  words: string[],
  own: readonly string[],
  foreign: readonly string[],
  takesAmounts: boolean,
): number {
  const isOther =
    hasPart(words, vocabulary.OTHER_AMOUNTS) || words.some((word) => isOneOf(word, foreign));
  if (isOther) return 0;
  if (words.some((word) => isOneOf(word, own))) return OWN;
  return takesAmounts && words.some((word) => isOneOf(word, vocabulary.AMOUNTS)) ? 4 : 0;
}

type Dated = Pick<MeasureSource, 'date' | 'join' | 'score'>;

/** Finds the dates of the rows of a table, there or in a table that it refers to. */
function datedBy(question: FigureQuestion, table: Table, tables: Table[]): Dated[] {
  const own = datesIn(question, table).map(
    ({ column, score }): Dated => ({ date: { column, isJoined: false }, join: null, score }),
  );
  if (own.length > 0) return own;
  return joinsOf(table, tables).flatMap((join) => {
    return datesIn(question, join.table).map(({ column, score }) => ({
      date: { column, isJoined: true },
      join,
      score: score - 1 + (isSource(question, join.table) ? 1 : 0),
    }));
  });
}

/** Returns the dates of a table that are equally good, each with its score from 0 to 1. */
function datesIn({ words }: FigureQuestion, table: Table): { column: Column; score: number }[] {
  const dates = table.columns.filter(isDate).flatMap((column) => {
    if (hasPart(column.words, vocabulary.OTHER_DATES)) return [];
    if (mentions(words, column.words)) return [{ column, rank: -1 }];
    const rank = vocabulary.DATES.findIndex((names) =>
      column.words.some((word) => isOneOf(word, names)),
    );
    return [{ column, rank: rank < 0 ? vocabulary.DATES.length : rank }];
  });
  const best = Math.min(...dates.map(({ rank }) => rank));
  const score = 1 - Math.max(best, 0) / 10;
  return dates.filter(({ rank }) => rank === best).map(({ column }) => ({ column, score }));
}

/** Returns the joins of a table by its foreign keys. */
export function joinsOf(table: Table, tables: Table[]): Join[] {
  return table.columns.flatMap((column) => {
    const target = column.refers_to;
    if (target === null) return [];
    for (const other of tables) {
      const to = other.columns.find(
        ({ name }) => `${bareName(other.name)}.${bareName(name)}` === target,
      );
      if (to !== undefined) return [{ table: other, from: column.name, to: to.name }];
    }
    return [];
  });
}

/** Writes the date of a source as SQL: the table is `t`, and the table of its join `d`. */
export function dateOf({ date }: MeasureSource): string {
  return `${date?.isJoined ? 'd' : 't'}.${date?.column.name ?? ''}`;
}
