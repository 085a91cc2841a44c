/** A row of `GET /api/quality-by-day`. */
export type QualityOfDay = {
  day: string;
  dataset_id: string;
  dataset: string;
  agent_id: string | null;
  agent: string | null;
  workflow_id: string | null;
  workflow: string | null;
  version: number;
  split: string | null;
  source: 'items' | 'runs';
  grader: string | null;
  results: number;
  passed: number;
  pass_rate: number;
  pass_rate_low: number | null;
  pass_rate_high: number | null;
  score: number | null;
  cost: number;
  cost_per_pass: number | null;
};

/** The measures of a chart. */
export const MEASURES = ['pass_rate', 'score', 'cost_per_pass'] as const;
export type Measure = (typeof MEASURES)[number];

/** The days of one version on one data set. */
export type Series = { key: string; days: [QualityOfDay, ...QualityOfDay[]] };

/** Returns the series of a grader, or of whole results: the newest version of each name first. */
export function seriesOf(rows: readonly QualityOfDay[], grader: string | undefined): Series[] {
  const found = new Map<string, Series>();
  for (const row of rows) {
    if (row.grader !== (grader ?? null)) continue;
    const key = keyOf(row);
    const series = found.get(key);
    if (series) series.days.push(row);
    else found.set(key, { key, days: [row] });
  }
  return [...found.values()].sort((one, other) => compare(one.days[0], other.days[0]));
}

const keyOf = ({ dataset_id, agent_id, workflow_id, version, split, source }: QualityOfDay) =>
  JSON.stringify([dataset_id, agent_id, workflow_id, version, split, source]);

const compare = (one: QualityOfDay, other: QualityOfDay) =>
  one.dataset.localeCompare(other.dataset) ||
  one.source.localeCompare(other.source) ||
  nameOf(one).localeCompare(nameOf(other)) ||
  other.version - one.version ||
  (one.split ?? '').localeCompare(other.split ?? '');

/** Returns the name of the agent or the workflow. */
export const nameOf = ({ agent, workflow }: QualityOfDay) => agent ?? workflow ?? '';

/** Returns the range of a measure: from 0 to 1 for shares, from 0 to the highest cost. */
export function extentOf(series: readonly Series[], measure: Measure) {
  if (measure !== 'cost_per_pass') return { low: 0, high: 1 };
  const costs = series.flatMap(({ days }) => days.map((day) => day.cost_per_pass ?? 0));
  return { low: 0, high: Math.max(...costs, 0) };
}
