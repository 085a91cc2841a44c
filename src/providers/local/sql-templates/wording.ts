import { tableIn } from '../table.ts';
import type { Column, Table } from './catalogue.ts';
import type { FigureQuestion } from './question.ts';
import { currencyOf, type Template } from './select.ts';
import { periodLabel, SENTENCES, type Sentences } from './sentences.ts';
import type { MeasureSource } from './sources.ts';
import { DEDUCTIONS, isOneOf, STATUSES } from './vocabulary.ts';

/** The answers of the templates in the language of a question. */
export type Wording = ReturnType<typeof wordingOf>;

type Row = Record<string, string>;

const MAX_NAMES = 12;
const MAX_ROWS = 30;

/** Returns the wording for a question. Every answer says that no language model was involved. */
export function wordingOf(question: FigureQuestion) {
  const say = SENTENCES[question.isGerman ? 'german' : 'english'];
  const measure = say.measures[question.measure];
  return {
    failure: (trouble: string) => `${say.refused} ${trouble} [sql_query]`,
    noTables: () => `${say.refused} ${say.noTables}`,
    severalPeriods: () => `${say.refused} ${say.severalPeriods}`,
    unknownWords: (words: string[], tables: Table[]) =>
      `${say.refused} ${say.unknownWords(words.join(', '))} ${say.readable(namesOf(tables))}`,
    noSource: (tables: Table[]) =>
      `${say.refused} ${say.noSource(measure)} ${say.readable(namesOf(tables))}`,
    severalSources: (sources: MeasureSource[]) =>
      `${say.refused} ${say.severalSources(
        measure,
        sources
          .slice(0, MAX_NAMES)
          .map((source) => placeOf(source, say))
          .join('; '),
      )}`,
    noGroup: ({ table }: MeasureSource) => `${say.refused} ${say.noGroup(table.name)}`,
    noRows: (template: Template, year: number | null) =>
      `${say.noRows(headOf(template, year, say))} ${explain(template, year, say)} [sql_query]`,
    answer: (template: Template, year: number | null, rows: Row[], result: string) =>
      `${figuresOf(template, year, rows, result, say)}\n${explain(template, year, say, rows)} [sql_query]`,
  };
}

function namesOf(tables: Table[]): string {
  const names = tables.slice(0, MAX_NAMES).map(({ name }) => name);
  return [...names, ...(tables.length > MAX_NAMES ? ['…'] : [])].join(', ');
}

/** Names what is summed, where, and by which date. */
function placeOf({ table, amount, date, join }: MeasureSource, say: Sentences): string {
  const what = amount.length === 0 ? 'count(*)' : `sum(${amount.join(' * ')})`;
  const when =
    date === null
      ? ''
      : ` ${say.by} ${date.isJoined ? `${join?.table.name}.` : ''}${date.column.name}`;
  return `${table.name}: ${what}${when}`;
}

function headOf({ question, source }: Template, year: number | null, say: Sentences): string {
  const { measure, period } = question;
  const what =
    measure === 'count' ? `${say.measures.count} (${source.table.name})` : say.measures[measure];
  const when = periodLabel(period, year, say);
  return when === '' ? what : `${what} ${when}`;
}

function figuresOf(
  template: Template,
  year: number | null,
  rows: Row[],
  result: string,
  say: Sentences,
): string {
  const head = headOf(template, year, say);
  const { measure } = template.question;
  const isSingle = template.grouping === null && currencyOf(template.source.table) === undefined;
  if (isSingle) return `${head}: ${rows[0]?.[measure === 'count' ? 'row_count' : measure] ?? ''}`;
  const table = tableIn(result);
  const lines = [...(table?.head ?? []), ...(table?.rows.slice(0, MAX_ROWS) ?? [])];
  const more = rows.length - MAX_ROWS;
  const after = [
    more > 0 ? say.more(more) : '',
    /there are more/.test(table?.after ?? '') ? table?.after : '',
  ];
  return [`${head}:`, '', ...lines, '', ...after.filter(Boolean)].join('\n');
}

/** Explains the template: what was summed, by which date, and what was not filtered. */
function explain(
  { source, grouping }: Template,
  year: number | null,
  say: Sentences,
  rows: Row[] = [],
): string {
  const tables = source.join === null ? [source.table] : [source.table, source.join.table];
  const isLike = (list: readonly string[]) => (column: Column) =>
    column.words.some((word) => isOneOf(word, list));
  const statuses = tables.flatMap(({ columns }) => columns.filter(isLike(STATUSES)));
  const isProduct = source.amount.length > 1;
  const deductions = isProduct ? source.table.columns.filter(isLike(DEDUCTIONS)) : [];
  const group = grouping === null ? null : (say.units[grouping.label] ?? grouping.label);
  const [first] = rows;
  const isSingle = rows.length === 1 && first?.first_day !== undefined;
  return [
    say.template(placeOf(source, say), group),
    isSingle ? say.rows(first.row_count ?? '', first.first_day ?? '', first.last_day ?? '') : '',
    year === null ? '' : say.newestYear(year),
    statuses.length === 0 ? '' : say.notFilteredBy(listOf(statuses)),
    deductions.length === 0 ? '' : say.notDeducted(listOf(deductions)),
  ]
    .filter(Boolean)
    .join(' ');
}

const listOf = (columns: Column[]): string => columns.map(({ name }) => name).join(', ');
