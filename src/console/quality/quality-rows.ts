import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { DATASETS, EVALUATIONS } from '../rows/paths.ts';
import type { EvaluationRow } from '../server/operations.generated.ts';

/** The figures of an evaluation. They are absent until a result is graded. */
export type Totals = {
  runs?: number;
  graded?: number;
  passed?: number;
  failed?: number;
  cancelled?: number;
  not_graded?: number;
  flaky_items?: number;
  score?: number | null;
  pass_rate?: number | null;
  pass_hat_k?: number | null;
  cost?: number;
  tokens?: number;
  cached_runs?: number;
  confidence?: number | null;
  calibration_error?: number | null;
  latency_ms_mean?: number | null;
  latency_ms_p95?: number | null;
};

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

/** A figure of two evaluations. */
export type Figure = {
  a: number | null;
  b: number | null;
  difference: number | null;
  low: number | null;
  high: number | null;
  /** Null if no item has the figure in both evaluations. */
  verdict: string | null;
};

type Side = { id: string; version: number; label: string | null; status: string; totals: Totals };

/** An item that passed more often in one evaluation than in the other. */
export type ChangedItem = {
  item_id: string;
  passed_a: number;
  passed_b: number;
  execution_id_a: string | null;
  execution_id_b: string | null;
};

/** Two evaluations, as `GET /api/evaluations/{id}/comparison` compares them. */
export type Comparison = {
  a: Side;
  b: Side;
  /** False for two evaluations of live runs, which are compared as two groups. */
  is_paired: boolean;
  has_equal_items: boolean;
  has_equal_graders: boolean;
  items: number;
  pass_rate: Figure;
  score: Figure;
  cost: Figure;
  latency_ms: Figure;
  slices: { key: string; value: string; items: number; pass_rate: Figure }[];
  regressions: ChangedItem[];
  improvements: ChangedItem[];
};

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
export function totalsOf({ totals, items, repeats }: EvaluationRow): Totals & { runs: number } {
  const figures = isJsonObject(totals ?? null) ? (totals as JsonObject as Totals) : {};
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
