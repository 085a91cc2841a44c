import { contentStems, words as plainWords } from '../words.ts';
import * as vocabulary from './vocabulary.ts';

const { isOneOf, foldedWords } = vocabulary;

export type Unit = 'month' | 'quarter' | 'year';
type Range = { first: number; months: number };

/**
 * The time of a question. `months` are months of a year: of `year`, of the year that many years
 * away from now, or of the newest year with rows (null). `relative` is a unit that many units away
 * from now.
 */
export type Period =
  | { kind: 'all' }
  | { kind: 'months'; range: Range; year: number | { ago: number } | null }
  | { kind: 'relative'; unit: Unit; ago: number };

/** The parts of a question. `rest` holds words that the templates do not know. */
export type FigureQuestion = {
  measure: vocabulary.Measure;
  period: Period;
  /** Set if the question names more than one period. */
  hasSeveralPeriods: boolean;
  group: { unit: Unit } | { thing: string } | null;
  tax: 'net' | 'gross' | null;
  isGerman: boolean;
  /** All words, in which names of tables and columns are looked for. */
  words: string[];
  rest: { word: string; written: string }[];
};

const MAX_CHARACTERS = 300;
const UNITS = ['month', 'quarter', 'half', 'year'] as const;
const LENGTHS = { month: 1, quarter: 3, half: 6, year: 12 } as const;

/** Reads a question about a figure. Returns null for any other text. */
export function readQuestion(text: string): FigureQuestion | null {
  if (text.length > MAX_CHARACTERS) return null;
  const words = foldedWords(text);
  const known = new Set<number>();
  const measure = measureOf(words, known);
  if (measure === null) return null;
  const group = groupOf(words, known);
  const { periods, years } = timesOf(words, known);
  const isGerman = words.some((word) => vocabulary.GERMAN.includes(word) || isGermanMeasure(word));
  const tax = taxOf(words, known, isGerman);
  const written = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  const unfolded = plainWords(text);
  const rest = words.flatMap((word, at) => {
    if (known.has(at) || isFiller(word, unfolded[at] ?? word)) return [];
    return [{ word, written: (written.length === words.length ? written[at] : undefined) ?? word }];
  });
  return {
    measure,
    ...combine(periods, years),
    group,
    tax,
    isGerman,
    words,
    rest,
  };
}

function isGermanMeasure(word: string): boolean {
  return Object.values(vocabulary.MEASURES).some(([, german]) => isOneOf(word, german));
}

function measureOf(words: string[], known: Set<number>): vocabulary.Measure | null {
  const found = new Set<vocabulary.Measure>();
  for (const [at, word] of words.entries()) {
    const next = words[at + 1] ?? '';
    const counts =
      (word === 'how' && next === 'many') ||
      (word === 'wie' && /^viele[nr]?$/.test(next)) ||
      (word === 'number' && next === 'of');
    if (counts) known.add(at + 1);
    if (counts || word === 'anzahl' || word === 'count') {
      found.add('count');
      known.add(at);
    }
    for (const measure of ['revenue', 'cost'] as const) {
      if (!isOneOf(word, vocabulary.MEASURES[measure].flat())) continue;
      found.add(measure);
      known.add(at);
    }
  }
  const [only, ...more] = found;
  // two measures need two queries, which no template writes
  return more.length === 0 ? (only ?? null) : null;
}

function groupOf(words: string[], known: Set<number>): FigureQuestion['group'] {
  for (const [at, word] of words.entries()) {
    for (const unit of ['month', 'quarter', 'year'] as const) {
      if (!vocabulary.ADVERBS[unit].includes(word)) continue;
      known.add(at);
      return { unit };
    }
    const next = words[at + 1];
    if (!vocabulary.PER.includes(word) || next === undefined) continue;
    known.add(at).add(at + 1);
    const unit = unitOf(next);
    return unit === null || unit === 'half' ? { thing: next } : { unit };
  }
  return null;
}

function unitOf(word: string): (typeof UNITS)[number] | null {
  return UNITS.find((unit) => vocabulary.UNITS[unit].some((one) => one === word)) ?? null;
}

type Times = { periods: Period[]; years: (number | { ago: number })[] };

/** Finds all quarters, months and years. Years are apart, since they complete the others. */
function timesOf(words: string[], known: Set<number>): Times {
  const times: Times = { periods: [], years: [] };
  for (const [at, word] of words.entries()) {
    if (known.has(at)) continue;
    const span = absoluteAt(words, at, times) || relativeAt(words, at, times);
    for (let step = 0; step < span; step += 1) known.add(at + step);
    if (span === 0 && word === 'vorjahr') {
      times.years.push({ ago: 1 });
      known.add(at);
    }
  }
  return times;
}

/** Reads `q1`, `first quarter`, `Quartal 1`, a month or a year. Returns the words it takes. */
function absoluteAt(words: string[], at: number, { periods, years }: Times): number {
  const word = words[at] ?? '';
  const next = words[at + 1] ?? '';
  const isYear = (text: string) => /^(19|20)\d\d$/.test(text);
  if (isYear(word)) return years.push(Number(word)) && 1;
  if (unitOf(word) === 'year' && isYear(next)) return years.push(Number(next)) && 2;
  const add = (length: number, nth: number) => {
    periods.push({
      kind: 'months',
      range: { first: 1 + length * nth, months: length },
      year: null,
    });
  };
  const short = /^([qh])([1-4])$/.exec(word);
  if (short && (short[1] === 'q' || Number(short[2]) <= 2)) {
    add(short[1] === 'q' ? 3 : 6, Number(short[2]) - 1);
    return 1;
  }
  const month = vocabulary.MONTHS.findIndex((names) => names.includes(word));
  // elsewhere `may` is a verb
  const isVerb =
    word === 'may' && !/^(in|of|for|during)$/.test(words[at - 1] ?? '') && !isYear(next);
  if (month >= 0 && !isVerb) {
    add(1, month);
    return 1;
  }
  for (const [one, other] of [
    [word, next],
    [next, word],
  ] as const) {
    const nth = vocabulary.ORDINALS.findIndex((names) => names.includes(one));
    const unit = unitOf(other);
    const isPart =
      (unit === 'quarter' && nth >= 0) || (unit === 'half' && (nth === 0 || nth === 1));
    if (!isPart) continue;
    add(LENGTHS[unit], nth);
    return 2;
  }
  return 0;
}

/** Reads `last quarter` or `dieses Jahr`. Returns the number of words it takes. */
function relativeAt(words: string[], at: number, { periods, years }: Times): number {
  const word = words[at] ?? '';
  const unit = unitOf(words[at + 1] ?? '');
  const isLast = vocabulary.LAST.includes(word);
  if (unit === null || unit === 'half' || (!isLast && !vocabulary.THIS.includes(word))) return 0;
  const ago = isLast ? 1 : 0;
  if (unit === 'year') years.push({ ago });
  else periods.push({ kind: 'relative', unit, ago });
  return 2;
}

function combine(
  periods: Period[],
  years: Times['years'],
): Pick<FigureQuestion, 'period' | 'hasSeveralPeriods'> {
  const [first] = periods;
  const [year = null] = years;
  const hasSeveralPeriods =
    periods.length > 1 || years.length > 1 || (first?.kind === 'relative' && year !== null);
  if (first?.kind === 'months') return { period: { ...first, year }, hasSeveralPeriods };
  if (first !== undefined) return { period: first, hasSeveralPeriods };
  if (year === null) return { period: { kind: 'all' }, hasSeveralPeriods };
  const range = { first: 1, months: 12 };
  return { period: { kind: 'months', range, year }, hasSeveralPeriods };
}

/** Reads net or gross. In German, `gross` is the word for large. */
function taxOf(words: string[], known: Set<number>, isGerman: boolean): FigureQuestion['tax'] {
  for (const [at, word] of words.entries()) {
    const isGross = word === 'brutto' || (word === 'gross' && !isGerman);
    if (!isGross && word !== 'net' && word !== 'netto') continue;
    known.add(at);
    return isGross ? 'gross' : 'net';
  }
  return null;
}

function isFiller(word: string, unfolded: string): boolean {
  if (vocabulary.NOT_FILLERS.includes(word)) return false;
  if (vocabulary.FILLERS.includes(word)) return true;
  return !/\d/.test(word) && contentStems(unfolded).length === 0;
}
