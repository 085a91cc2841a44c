import type { Column, Table } from './catalogue.ts';
import type { Grouping } from './grouping.ts';
import type { FigureQuestion, Period } from './question.ts';
import { dateOf, type MeasureSource } from './sources.ts';
import { CURRENCIES, isOneOf } from './vocabulary.ts';

/** Everything that a template needs to write its query. */
export type Template = {
  question: FigureQuestion;
  source: MeasureSource;
  grouping: Grouping | null;
};

const MONTHS_OF = { month: 1, quarter: 3, year: 12 } as const;

/** Writes the query for the newest year with rows in the months of the question. */
export function selectNewestYear({ source, question }: Template): string {
  const date = dateOf(source);
  const { period } = question;
  const { first, months } = period.kind === 'months' ? period.range : { first: 1, months: 12 };
  const within =
    months === 12
      ? ''
      : ` where extract(month from ${date}) between ${first} and ${first + months - 1}`;
  return `select extract(year from max(${date}))::int as newest_year from ${fromOf(source, null)}${within}`;
}

/** Writes the query for the figure. `newestYear` completes a period without a year. */
export function selectFigure(template: Template, newestYear: number | null): string {
  const { source, grouping, question } = template;
  const currency = currencyOf(source.table);
  const groups = [
    ...(grouping?.columns ?? []),
    ...(currency === undefined ? [] : [`t.${currency.name}`]),
  ];
  const range = rangeOf(question.period, newestYear);
  const date = source.date === null ? null : dateOf(source);
  const where =
    date !== null && range !== null
      ? `where ${date} >= ${range.from} and ${date} < ${range.to}`
      : '';
  const by = groups.map((_, at) => at + 1).join(', ');
  const order =
    grouping === null || grouping.isTime ? by : `${groups.length + 1} desc nulls last, ${by}`;
  return [
    `select ${[...groups, ...figuresOf(question, source, date)].join(', ')}`,
    `from ${fromOf(source, grouping)}`,
    where,
    groups.length === 0 ? '' : `group by ${by} order by ${order}`,
  ]
    .filter(Boolean)
    .join('\n');
}

function figuresOf(
  { measure }: FigureQuestion,
  source: MeasureSource,
  date: string | null,
): string[] {
  const product = source.amount.map((name) => `t.${name}`).join(' * ');
  return [
    ...(measure === 'count' ? [] : [`sum(${product}) as ${measure}`]),
    'count(*) as row_count',
    ...(date === null ? [] : [`min(${date})::date as first_day`, `max(${date})::date as last_day`]),
  ];
}

/** Writes the tables: `t` has the amount, `d` the date, `g` the name of a group. */
function fromOf({ table, join }: MeasureSource, grouping: Grouping | null): string {
  const dated =
    join === null ? '' : ` join ${join.table.name} as d on d.${join.to} = t.${join.from}`;
  const named = grouping?.join ?? null;
  const grouped =
    named === null
      ? ''
      : ` left join ${named.table.name} as g on g.${named.to} = ${named.side}.${named.from}`;
  return `${table.name} as t${dated}${grouped}`;
}

/** Returns the currency of a table, by which every sum is grouped. */
export function currencyOf({ columns }: Table): Column | undefined {
  return columns.find(({ words }) => words.some((word) => isOneOf(word, CURRENCIES)));
}

/** Returns the first moment of a period and the first one after it, as SQL. */
function rangeOf(period: Period, newestYear: number | null): { from: string; to: string } | null {
  if (period.kind === 'all') return null;
  if (period.kind === 'relative') {
    const { unit, ago } = period;
    const start = (units: number) =>
      `date_trunc('${unit}', current_date) + interval '${units * MONTHS_OF[unit]} months'`;
    return { from: start(-ago), to: start(1 - ago) };
  }
  const { first, months } = period.range;
  const { year } = period;
  if (year !== null && typeof year === 'object') {
    const start = (month: number) =>
      `date_trunc('year', current_date) + interval '${month - 1 - 12 * year.ago} months'`;
    return { from: start(first), to: start(first + months) };
  }
  const known = year ?? newestYear ?? 0;
  return { from: dayOf(known, first), to: dayOf(known, first + months) };
}

function dayOf(year: number, month: number): string {
  const day = month > 12 ? `${year + 1}-01` : `${year}-${String(month).padStart(2, '0')}`;
  return `date '${day}-01'`;
}
