import type {
  ComparedFigure,
  Evaluation,
  EvaluationComparison,
} from '../../operations/quality/evaluations.ts';
import type {
  ComparisonReport,
  EvaluationReport,
  ReportedItem,
} from '../../text/reports/evaluation-report.ts';
import { junitReport } from '../../text/reports/junit-report.ts';
import { markdownComparison, markdownReport } from '../../text/reports/markdown-report.ts';
import { percent } from './gate.ts';

/** The grade of a result by one grader. */
type Grade = { score?: number | null; passed?: boolean; detail?: string };
/** A result as reports show it. */
export type ReportedResult = {
  item_id: string;
  execution_id: string | null;
  repeat: number;
  passed: boolean | null;
  scores: Record<string, Grade>;
  error: { code?: string; message?: string } | null;
  cost: number | null;
  latency_ms: number | null;
};

/** An evaluation, and what the gate says of it. */
export type JudgedEvaluation = {
  dataset: string;
  evaluation: Evaluation;
  results: readonly ReportedResult[];
  /** Why the gate refuses it. */
  faults: readonly string[];
  comparison?: EvaluationComparison | undefined;
};

/** Writes JUnit XML: a test case for each result, and one for each fault of the gate. */
export function junitOf(judged: JudgedEvaluation): string {
  const report = reportOf(judged);
  const faults = judged.faults.map((message) => ({ ...NO_ITEM, name: 'gate', message }));
  return junitReport({ ...report, items: [...report.items, ...faults] });
}

const NO_ITEM = { passed: false, scores: {}, cost: null, seconds: null };

/** Writes Markdown, for the comment of a pull request. */
export function markdownOf(judged: JudgedEvaluation): string {
  const { faults, comparison } = judged;
  const verdict = faults.map((fault) => `- Refused: ${fault}\n`).join('');
  const parts = [
    markdownReport(reportOf(judged)),
    ...(comparison ? [markdownComparison(comparisonOf(judged.dataset, comparison))] : []),
    ...(verdict === '' ? [] : [verdict]),
  ];
  return parts.join('\n');
}

function reportOf({ dataset, evaluation, results }: JudgedEvaluation): EvaluationReport {
  const { version, totals } = evaluation;
  return {
    name: dataset,
    subject: `version ${version}`,
    items: results.map(itemOf),
    passRate: estimateOf(totals.pass_rate),
    score: estimateOf(totals.score),
  };
}

const estimateOf = (estimate: number | null | undefined) =>
  estimate == null ? null : { estimate, low: null, high: null };

function itemOf(result: ReportedResult): ReportedItem {
  const { item_id, repeat, passed, cost, latency_ms, error } = result;
  const run = result.execution_id === null ? '' : `, run ${result.execution_id}`;
  return {
    name: `${item_id} #${repeat}`,
    ...{ passed, cost },
    scores: Object.fromEntries(
      Object.entries(result.scores).map(([name, { score }]) => [name, score ?? null]),
    ),
    seconds: latency_ms === null ? null : latency_ms / 1000,
    message: passed === false ? `${reasonOf(result.scores)}${run}` : null,
    // a cancelled run neither passes nor fails
    error:
      passed === null ? null : error && `${error.code ?? 'error'}: ${error.message ?? ''}${run}`,
  };
}

/** Returns why a result did not pass. */
const reasonOf = (scores: ReportedResult['scores']) =>
  Object.entries(scores)
    .filter(([, { passed }]) => passed === false)
    .map(([name, { detail = 'too low' }]) => `${name}: ${detail}`)
    .join('; ');

function comparisonOf(name: string, comparison: EvaluationComparison): ComparisonReport {
  const { a, b, pass_rate, score, cost, latency_ms, slices } = comparison;
  const changes = { regressed: comparison.regressions, fixed: comparison.improvements };
  return {
    name,
    first: `version ${a.version}`,
    second: `version ${b.version}`,
    measures: [
      ...Object.entries({ 'pass rate': pass_rate, score, cost, 'latency in ms': latency_ms }).map(
        measureOf,
      ),
      ...slices.map(({ key, value, pass_rate: rate }) =>
        measureOf([`pass rate of ${key} ${value}`, rate]),
      ),
    ],
    changes: Object.entries(changes).flatMap(([change, items]) =>
      items.map((item) => ({
        name: item.item_id,
        change: change as keyof typeof changes,
        message: `${percent(item.passed_a)}, run ${item.execution_id_a}; now ${percent(item.passed_b)}, run ${item.execution_id_b}`,
      })),
    ),
  };
}

function measureOf([name, figure]: [string, ComparedFigure]) {
  const { a, b, difference, low, high, verdict } = figure;
  return {
    ...{ name, first: a, second: b, verdict },
    difference: difference === null ? null : { estimate: difference, low, high },
  };
}
