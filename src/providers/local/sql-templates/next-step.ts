import { isJsonObject, type Json } from '../../../json/json.ts';
import { troubleOf } from '../render.ts';
import { tableIn } from '../table.ts';
import { parseResult, type Result } from '../turn.ts';
import { type Table, tablesIn } from './catalogue.ts';
import { groupingOf } from './grouping.ts';
import type { FigureQuestion } from './question.ts';
import { selectFigure, selectNewestYear, type Template } from './select.ts';
import { chooseSource, type MeasureSource } from './sources.ts';
import { namesSame } from './vocabulary.ts';
import { type Wording, wordingOf } from './wording.ts';

/** The next query of `sql_query`, or the answer. */
export type TemplateStep = { query: string } | { text: string };

/** The tool that the templates call. */
export const TEMPLATE_TOOL = 'sql_query';
const DESCRIBE = 'describe';

/**
 * Decides the next step of a question about a figure. The first query reads the catalogue, the
 * next one the newest year if the question names none, and the last one the figure. Every step is
 * derived from the results so far, so that a continued run takes the same steps.
 */
export function nextStep(question: FigureQuestion, results: readonly Result[]): TemplateStep {
  const wording = wordingOf(question);
  const catalogue = resultOf(results, DESCRIBE);
  if (catalogue === undefined) return { query: DESCRIBE };
  const trouble = troubleOf(catalogue);
  if (trouble !== null) return { text: wording.failure(trouble) };
  const tables = tablesIn(String(catalogue));
  const template = templateOf(question, tables, wording);
  return 'text' in template ? template : queryStep(template, results, wording);
}

/** Chooses everything that the query needs, or says why no template fits. */
function templateOf(
  question: FigureQuestion,
  tables: Table[],
  wording: Wording,
): Template | { text: string } {
  if (tables.length === 0) return { text: wording.noTables() };
  if (question.hasSeveralPeriods) return { text: wording.severalPeriods() };
  const choice = chooseSource(question, tables);
  const sources =
    choice.kind === 'none' ? [] : choice.kind === 'one' ? [choice.source] : choice.sources;
  const unknown = question.rest.filter(({ word }) => !isName(word, sources));
  if (unknown.length > 0)
    return {
      text: wording.unknownWords(
        unknown.map(({ written }) => written),
        tables,
      ),
    };
  if (choice.kind === 'none') return { text: wording.noSource(tables) };
  if (choice.kind === 'several') return { text: wording.severalSources(choice.sources) };
  const grouping = groupingOf(question, choice.source, tables);
  if (grouping === undefined) return { text: wording.noGroup(choice.source) };
  return { question, source: choice.source, grouping };
}

/** Returns whether a word of a question is part of the name of a table or column that is used. */
function isName(word: string, sources: readonly MeasureSource[]): boolean {
  return sources.some(({ table, join, date, amount }) => {
    const columns = table.columns.filter(({ name }) => amount.includes(name));
    const names = [table, join?.table, date?.column, ...columns].flatMap((one) => one?.words ?? []);
    const schema = table.name.split('.')[0] ?? '';
    return word === schema || names.some((name) => namesSame(name, word));
  });
}

function queryStep(template: Template, results: readonly Result[], wording: Wording): TemplateStep {
  const { period } = template.question;
  let newestYear: number | null = null;
  if (period.kind === 'months' && period.year === null) {
    const query = selectNewestYear(template);
    const result = resultOf(results, query);
    if (result === undefined) return { query };
    const trouble = troubleOf(result);
    if (trouble !== null) return { text: wording.failure(trouble) };
    const year = /^\d{4}$/.exec(rowsIn(result)[0]?.newest_year ?? '')?.[0];
    if (year === undefined) return { text: wording.noRows(template, null) };
    newestYear = Number(year);
  }
  const query = selectFigure(template, newestYear);
  const result = resultOf(results, query);
  if (result === undefined) return { query };
  const trouble = troubleOf(result);
  if (trouble !== null) return { text: wording.failure(trouble) };
  const rows = rowsIn(result);
  const isEmpty = rows.every(({ row_count }) => row_count === '0');
  if (isEmpty) return { text: wording.noRows(template, newestYear) };
  return { text: wording.answer(template, newestYear, rows, String(result)) };
}

function resultOf(results: readonly Result[], query: string): Json | undefined {
  return results.find((result) => {
    const input = parseResult(result.arguments);
    return result.name === TEMPLATE_TOOL && isJsonObject(input) && input.query === query;
  })?.content;
}

/** Reads the rows of a table in the text of a result. */
function rowsIn(result: Json): Record<string, string>[] {
  const table = tableIn(String(result));
  if (table === null) return [];
  const names = cellsOf(table.head[0] ?? '');
  return table.rows.map((row) => {
    const cells = cellsOf(row);
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']));
  });
}

function cellsOf(line: string): string[] {
  const cells = line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim().replace(/\\([\\|])/g, '$1'));
}
