import type { EvaluationTotals } from '../../contracts/evaluations.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { DATASETS, EVALUATIONS } from '../rows/paths.ts';
import type { EvaluationRow } from '../server/operations.generated.ts';

/** A result, as `GET /api/evaluation-results` shows it. */
export type ResultRow = {
  id: string;
  /** Null for a run that was not started for an item. */
  item_id: string | null;
  execution_id: string | null;
  repeat: number;
  passed: boolean | null;
  score: number | null;
  scores: Readonly<Record<string, Grade>>;
  error: { code?: string; message?: string } | null;
  cost: number | string | null;
  latency_ms: number | null;
  graded_at: string | null;
};

/** The grade that one grader gave. One without a score has an error. */
type Grade = { score?: number; passed?: boolean; detail?: Json; error?: string };

/** Returns the path of an evaluation. */
export const evaluationPage = (id: string) => `${EVALUATIONS}/${id}`;

/** Returns the path on which a person grades the results of an evaluation. */
export const gradingPage = (id: string) => `${evaluationPage(id)}/grade`;

/** Returns the path of a data set, by its id or its name. */
export const datasetPage = (dataset: string) => `${DATASETS}/${encodeURIComponent(dataset)}`;

/** Returns the path of the leaderboard of a data set, by its id or its name. */
export const leaderboardPage = (dataset: string) => `${datasetPage(dataset)}/leaderboard`;

/** Returns the path on which two evaluations are compared. */
export const comparisonPage = (a: string, b: string) => `${EVALUATIONS}/${a}/compare?with=${b}`;

/** Returns the figures of an evaluation, and the number of its runs. */
export function totalsOf({
  totals,
  items,
  repeats,
}: EvaluationRow): EvaluationTotals & { runs: number } {
  const figures = isJsonObject(totals ?? null) ? (totals as JsonObject as EvaluationTotals) : {};
  return { ...figures, runs: figures.runs ?? items * repeats };
}

/** Returns what an evaluation evaluates, such as `support, version 3`. */
export function nameOfEvaluation(row: EvaluationRow): string {
  const { deleted, version } = qualityTexts.evaluations;
  const name = row.agent?.name ?? row.workflow?.name ?? deleted;
  return `${name}, ${version(row.version, row.label)}`;
}

/** Writes the part of a whole, such as 66.7 %. */
export function formatShare(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : shares.format(value);
}
const shares = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** Writes a score from 0 to 1. */
export function formatScore(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : scores.format(value);
}
const scores = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

/** Writes what a run was given or answered: its text, else its JSON. */
export function shownText(text: string | null | undefined, data: Json | undefined): string {
  if (text !== null && text !== undefined && text !== '') return text;
  if (data === null || data === undefined) return '';
  return typeof data === 'string' ? data : JSON.stringify(data, null, 2);
}

/** Returns a conversation as text: who said what. Messages without words are left out. */
export function shownConversation(history: Json | undefined): string {
  if (!Array.isArray(history)) return '';
  const lines = history.filter(isJsonObject).flatMap(({ role, content, data }) => {
    const words = shownText(typeof content === 'string' ? content : null, data);
    return words === '' ? [] : `${role}: ${words}`;
  });
  return lines.join('\n\n');
}
