import type { JsonObject } from '../../../json/json.ts';

/** The measures by which contenders are ranked. */
export const MEASURES = ['score', 'cost', 'latency_ms', 'flakiness', 'brier_score'] as const;
export type Measure = (typeof MEASURES)[number];

/** A row of `GET /api/datasets/{id}/leaderboard`. */
export type Contender = {
  rank: number;
  evaluation_id: string;
  name: string | null;
  version: number;
  label: string | null;
  model: string | null;
  overrides: JsonObject | null;
  items: number;
  ungraded_items: number;
  pass_rate: number;
  pass_rate_low: number | null;
  pass_rate_high: number | null;
  score: number | null;
  cost: number | null;
  latency_ms: number | null;
  flakiness: number | null;
  flaky_items: number;
  difference: number | null;
  difference_low: number | null;
  difference_high: number | null;
  verdict: string | null;
  is_on_front: boolean | null;
  calibration_error: number | null;
};
