/** A mean with its 95 % interval. The bounds are null for fewer than two items. */
export type Estimate = { estimate: number; low: number | null; high: number | null };

/** Results of one item of a data set, as a report shows them. With repeats, the means of them. */
export type ReportedItem = {
  /** The name, or the beginning of the input. */
  name: string;
  /** Null while a grader has not finished, or if the evaluation was cancelled. */
  passed: boolean | null;
  /** By grader, from 0 to 1. Null for a grader that could not decide. */
  scores: Record<string, number | null>;
  /** In the currency of the prices. */
  cost: number | null;
  /** Duration of the run. */
  seconds: number | null;
  /** Why the item did not pass. */
  message?: string | null;
  /** Why the run itself failed. A report counts such an item as an error, not as a failure. */
  error?: string | null;
};

/** An evaluation, for the writers of reports. */
export type EvaluationReport = {
  /** The data set. */
  name: string;
  /** What was evaluated, such as `support (version 12)`. */
  subject: string;
  items: ReportedItem[];
  passRate: Estimate | null;
  score: Estimate | null;
  graders: { name: string; score: number | null; passed: number; failed: number }[];
};

/** One measure of a comparison, from howdah_private.paired_interval. */
export type ComparedMeasure = {
  name: string;
  /** Means of both evaluations. */
  first: number | null;
  second: number | null;
  /** The second minus the first. */
  difference: Estimate | null;
  /** Null if nothing can be compared. */
  verdict: string | null;
};

/** A comparison of two evaluations of the same items. */
export type ComparisonReport = {
  name: string;
  first: string;
  second: string;
  measures: ComparedMeasure[];
  /** Items that passed in the first only, or in the second only. */
  changes: { name: string; change: 'regressed' | 'fixed'; message?: string | null }[];
};

/** Counts of the items of an evaluation. They add up to `items`. */
export function itemCounts(items: readonly ReportedItem[]) {
  const errors = items.filter((item) => item.error != null).length;
  const passed = items.filter((item) => item.error == null && item.passed === true).length;
  const failed = items.filter((item) => item.error == null && item.passed === false).length;
  return {
    items: items.length,
    passed,
    failed,
    errors,
    open: items.length - errors - passed - failed,
  };
}

/** Sums what is known. Null if nothing is. */
export function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  // a number of more digits than a double is an object
  return known.length === 0 ? null : known.reduce((sum, value) => sum + Number(value), 0);
}
