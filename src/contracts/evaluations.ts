/** The figures of an evaluation. They are absent until a result is graded. */
export type EvaluationTotals = {
  runs?: number;
  graded?: number;
  passed?: number;
  failed?: number;
  cancelled?: number;
  /** Results that no grader could judge, such as those whose judge failed. */
  not_graded?: number;
  flaky_items?: number;
  score?: number | null;
  pass_rate?: number | null;
  /** The ends of its 95 % interval. */
  pass_rate_low?: number | null;
  pass_rate_high?: number | null;
  /** The figures of each grader, by its name. */
  graders?: Record<string, { score: number | null; passed: number; failed: number }>;
  pass_hat_k?: number | null;
  cost?: number;
  /** Cost of the judges, which is no part of `cost`. */
  grading_cost?: number;
  tokens?: number;
  /** Runs that took an answer from a cache. */
  cached_runs?: number;
  /** Mean confidence of answers that state one, and how far it is from the share that passed. */
  confidence?: number | null;
  calibration_error?: number | null;
  latency_ms_mean?: number | null;
  latency_ms_p95?: number | null;
};

/** A figure of two evaluations. `difference` is b - a, with its 95 % interval. */
export type ComparedFigure = {
  a: number | null;
  b: number | null;
  difference: number | null;
  low: number | null;
  high: number | null;
  /** Null if no item has the figure in both evaluations. */
  verdict: string | null;
};

/** An item that passed more often in one evaluation than in the other. */
export type ChangedItem = {
  item_id: string;
  /** The beginning of the input. */
  input: string | null;
  passed_a: number;
  passed_b: number;
  execution_id_a: string | null;
  execution_id_b: string | null;
};

/** One of two evaluations that are compared. */
type ComparedEvaluation = {
  id: string;
  version: number;
  label: string | null;
  status: string;
  totals: EvaluationTotals;
};

/** The differences between two evaluations. */
export type EvaluationComparison = {
  a: ComparedEvaluation;
  b: ComparedEvaluation;
  /** False if one or both are of live runs, which are compared as two groups. */
  is_paired: boolean;
  has_equal_items: boolean;
  has_equal_graders: boolean;
  /** Items that both have graded; 0 for two groups. */
  items: number;
  pass_rate: ComparedFigure;
  score: ComparedFigure;
  cost: ComparedFigure;
  latency_ms: ComparedFigure;
  slices: { key: string; value: string; items: number; pass_rate: ComparedFigure }[];
  regressions: ChangedItem[];
  improvements: ChangedItem[];
};
