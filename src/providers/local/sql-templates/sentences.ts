import type { Period } from './question.ts';
import type { Measure } from './vocabulary.ts';

const english = {
  measures: { revenue: 'Revenue', cost: 'Cost', count: 'Number of rows' } as Record<
    Measure,
    string
  >,
  refused: 'Not answered. The SQL templates of the local model (not an LLM) cannot do it:',
  noTables:
    "no table may be read. An owner opens a table with `grant usage on schema … to howdah_analyst` and `grant select on … to howdah_analyst`; an admin adds its schema with `select howdah.use_analyst('{…}')`.",
  severalPeriods: 'the question names more than one period. Ask about one period at a time.',
  unknownWords: (words: string) =>
    `they do not know: ${words}. They know revenue, cost and counts, a month, quarter or year, "by" a month or a column, and the names of tables and columns. For other questions use an LLM, or send a SELECT.`,
  readable: (names: string) => `Tables that may be read: ${names}.`,
  noSource: (measure: string) =>
    `no table has an amount or rows with a date that fit "${measure}". Name the table or the column in the question, or describe it with a \`comment on table\`.`,
  severalSources: (measure: string, places: string) =>
    `several columns fit "${measure}" equally well (${places}). Name the table or the column in the question.`,
  noGroup: (table: string) => `${table} has no column to group by that the question names.`,
  noRows: (head: string) => `${head}: there are no rows.`,
  template: (place: string, group: string | null) =>
    `No language model was involved. SQL template "${group === null ? 'total' : `total by ${group}`}": ${place}.`,
  rows: (count: string, first: string, last: string) => `Rows: ${count}, from ${first} to ${last}.`,
  newestYear: (year: number) =>
    `The question names no year; ${year} is the newest year with rows in this period.`,
  notFilteredBy: (columns: string) => `Not filtered by ${columns}.`,
  notDeducted: (columns: string) => `Not deducted: ${columns}.`,
  more: (count: number) => `… and ${count} more`,
  ago: {
    month: ['this month', 'last month'],
    quarter: ['this quarter', 'last quarter'],
    year: ['this year', 'last year'],
  },
  units: { month: 'month', quarter: 'quarter', year: 'year' } as Record<string, string>,
  half: (nth: number) => `H${nth}`,
  by: 'by',
  locale: 'en',
};

/** The sentences of answers in one language. */
export type Sentences = typeof english;

const german: Sentences = {
  measures: { revenue: 'Umsatz', cost: 'Kosten', count: 'Anzahl der Zeilen' },
  refused: 'Nicht beantwortet. Die SQL-Vorlagen des lokalen Modells (kein LLM) können das nicht:',
  noTables:
    "Es darf keine Tabelle gelesen werden. Ein Owner gibt eine Tabelle mit `grant usage on schema … to howdah_analyst` und `grant select on … to howdah_analyst` frei; ein Admin fügt ihr Schema mit `select howdah.use_analyst('{…}')` hinzu.",
  severalPeriods: 'Die Frage nennt mehrere Zeiträume. Fragen Sie nach einem Zeitraum.',
  unknownWords: (words) =>
    `Unbekannt sind ihnen: ${words}. Sie kennen Umsatz, Kosten und Anzahl, einen Monat, ein Quartal oder ein Jahr, „pro“ Monat oder Spalte und die Namen von Tabellen und Spalten. Für andere Fragen nehmen Sie ein LLM, oder senden Sie ein SELECT.`,
  readable: (names) => `Lesbare Tabellen: ${names}.`,
  noSource: (measure) =>
    `Keine Tabelle hat einen Betrag oder Zeilen mit einem Datum, die zu „${measure}“ passen. Nennen Sie die Tabelle oder die Spalte in der Frage, oder beschreiben Sie sie mit \`comment on table\`.`,
  severalSources: (measure, places) =>
    `Mehrere Spalten passen gleich gut zu „${measure}“ (${places}). Nennen Sie die Tabelle oder die Spalte in der Frage.`,
  noGroup: (table) => `${table} hat keine Spalte für die Gruppen, die die Frage nennt.`,
  noRows: (head) => `${head}: Es gibt keine Zeilen.`,
  template: (place, group) =>
    `Ohne Sprachmodell beantwortet. SQL-Vorlage „${group === null ? 'Summe' : `Summe nach ${group}`}“: ${place}.`,
  rows: (count, first, last) => `Zeilen: ${count}, vom ${first} bis ${last}.`,
  newestYear: (year) =>
    `Die Frage nennt kein Jahr; ${year} ist das neueste Jahr mit Zeilen in diesem Zeitraum.`,
  notFilteredBy: (columns) => `Nicht gefiltert nach ${columns}.`,
  notDeducted: (columns) => `Nicht abgezogen: ${columns}.`,
  more: (count) => `… und ${count} weitere`,
  ago: {
    month: ['dieser Monat', 'letzter Monat'],
    quarter: ['dieses Quartal', 'letztes Quartal'],
    year: ['dieses Jahr', 'letztes Jahr'],
  },
  units: { month: 'Monat', quarter: 'Quartal', year: 'Jahr' },
  half: (nth) => `${nth}. Halbjahr`,
  by: 'nach',
  locale: 'de',
};

export const SENTENCES = { english, german };

/** Names a period: `Q1 2026`, `März 2025`, `last month`. */
export function periodLabel(period: Period, newestYear: number | null, say: Sentences): string {
  if (period.kind === 'all') return '';
  if (period.kind === 'relative') return say.ago[period.unit][period.ago] ?? '';
  const { first, months } = period.range;
  const { year } = period;
  const when =
    typeof year === 'object' && year !== null ? say.ago.year[year.ago] : (year ?? newestYear ?? '');
  return `${partLabel(first, months, say)} ${when}`.trim();
}

function partLabel(first: number, months: number, say: Sentences): string {
  if (months === 12) return '';
  if (months === 6) return say.half((first + 5) / 6);
  if (months === 3) return `Q${(first + 2) / 3}`;
  const day = new Date(Date.UTC(2000, first - 1, 1));
  return day.toLocaleString(say.locale, { month: 'long', timeZone: 'UTC' });
}
