import type { ComparedFigure, EvaluationComparison } from '../../contracts/evaluations.ts';
import type { Evaluation } from '../../operations/quality/evaluations.ts';
import type {
  ComparisonReport,
  EvaluationReport,
  ReportedItem,
} from '../../text/reports/evaluation-report.ts';
import { junitReport } from '../../text/reports/junit-report.ts';
import { markdownComparison, markdownReport } from '../../text/reports/markdown-report.ts';
import { truncateToFit } from '../../text/truncate.ts';
import { percent } from './figures.ts';

/** The grade of a result by one grader. A judge that failed gives an error and no score. */
type Grade = { score?: number | null; passed?: boolean | null; detail?: string; error?: string };
/** A result as reports show it. */
export type ReportedResult = {
  /** Null for a run that was not started for an item. */
  item_id: string | null;
  execution_id: string | null;
  repeat: number;
  passed: boolean | null;
  scores: Record<string, Grade>;
  error: { code?: string; message?: string } | null;
  cost: number | null;
  latency_ms: number | null;
};

/** An evaluation, and what the gate says of it. */
export type CheckedEvaluation = {
  dataset: string;
  evaluation: Evaluation;
  results: readonly ReportedResult[];
  /** The beginning of the input of each item, by its id. */
  inputs: ReadonlyMap<string, string>;
  /** Why the gate refuses it. */
  faults: readonly string[];
  comparison: EvaluationComparison | null;
};

/** Writes JUnit XML: a test case for each result, and one for each fault of the gate. */
export function junitOf(checked: CheckedEvaluation): string {
  const report = reportOf(checked);
  const faults = checked.faults.map((message) => ({ ...NO_ITEM, name: 'gate', message }));
  return junitReport({ ...report, items: [...report.items, ...faults] });
}

const NO_ITEM = { passed: false, scores: {}, cost: null, seconds: null };

/** Writes Markdown, for the comment of a pull request. */
export function markdownOf(checked: CheckedEvaluation): string {
  const { faults, comparison, inputs } = checked;
  const verdict = faults.map((fault) => `- Refused: ${fault}\n`).join('');
  const parts = [
    markdownReport(reportOf(checked)),
    ...(comparison ? [markdownComparison(comparisonOf(checked.dataset, comparison, inputs))] : []),
    ...(verdict === '' ? [] : [verdict]),
  ];
  return parts.join('\n');
}

function reportOf({ dataset, evaluation, results, inputs }: CheckedEvaluation): EvaluationReport {
  const { version, model, totals } = evaluation;
  const name = evaluation.agent ?? evaluation.workflow;
  const subject = [name, `version ${version}`].filter(Boolean).join(' ');
  return {
    name: dataset,
    subject: model ? `${subject} (${model})` : subject,
    items: results.map((result) => itemOf(result, inputs)),
    passRate: estimateOf(totals.pass_rate, totals.pass_rate_low, totals.pass_rate_high),
    score: estimateOf(totals.score),
    graders: Object.entries(totals.graders ?? {}).map(([grader, { score, passed, failed }]) => ({
      ...{ name: grader, score, passed, failed },
    })),
  };
}

const estimateOf = (
  estimate: number | null | undefined,
  low: number | null = null,
  high: number | null = null,
) => (estimate == null ? null : { estimate, low, high });

/** The longest beginning of an input that names an item. */
const MAX_NAME = 80;

/**
 * Returns the names of items by their ids: the beginning of the input, with the id if several begin
 * like that.
 */
export function namesOf(
  items: readonly { id: string; input: string; input_data?: unknown }[],
): Map<string, string> {
  const names = items.map(({ id, input, input_data }) => {
    const text = input.trim() === '' ? JSON.stringify(input_data ?? null) : input;
    return { id, name: truncateToFit(text.trim().replace(/\s+/g, ' '), MAX_NAME) };
  });
  const equal = Map.groupBy(names, ({ name }) => name);
  return new Map(
    names.map(({ id, name }) => [id, equal.get(name)?.length === 1 ? name : `${name} (${id})`]),
  );
}

function itemOf(result: ReportedResult, inputs: CheckedEvaluation['inputs']): ReportedItem {
  const { passed, cost, latency_ms, error } = result;
  const run = result.execution_id === null ? '' : `, run ${result.execution_id}`;
  return {
    name: nameOf(result, inputs),
    ...{ passed, cost },
    scores: Object.fromEntries(
      Object.entries(result.scores).map(([name, { score }]) => [name, score ?? null]),
    ),
    seconds: latency_ms === null ? null : latency_ms / 1000,
    message: passed === false ? `${reasonOf(result.scores)}${run}` : null,
    // a cancelled run neither passes nor fails
    error:
      passed === null && error?.code !== 'not_graded'
        ? null
        : error && `${error.code ?? 'error'}: ${error.message ?? ''}${run}`,
  };
}

/** Returns the name of a result: its item and repeat, or its run. */
export function nameOf(
  { item_id, repeat, execution_id }: ReportedResult,
  inputs: CheckedEvaluation['inputs'],
): string {
  if (item_id === null) return `run ${execution_id ?? 'that was deleted'}`;
  return `${inputs.get(item_id) ?? item_id} #${repeat}`;
}

/** Returns why a result did not pass, in the words of its graders. */
export const reasonOf = (scores: ReportedResult['scores']) =>
  Object.entries(scores)
    .filter(([, { passed }]) => passed === false)
    .map(([name, { detail = 'too low' }]) => `${name}: ${detail}`)
    .join('; ');

function comparisonOf(
  name: string,
  comparison: EvaluationComparison,
  inputs: CheckedEvaluation['inputs'],
): ComparisonReport {
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
        name: inputs.get(item.item_id) ?? item.item_id,
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
