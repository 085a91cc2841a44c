import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type Evaluation, startEvaluation } from '../../../operations/quality/evaluations.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { moment } from '../../input/run-filters.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import {
  checkGate,
  checkReports,
  type GateOptions,
  waitForGate,
  withGate,
} from '../../quality/gate.ts';
import {
  type CheckedEvaluation,
  junitOf,
  markdownOf,
  nameOf,
  type ReportedResult,
  reasonOf,
} from '../../quality/reports.ts';

/** The most results that are listed with what is wrong. */
const MAX_FAULTS = 20;

type Options = { tenant?: string };
type RunOptions = Options & {
  agent?: string;
  workflow?: string;
  version?: string;
  repeat?: number;
  split?: string;
  itemsAt?: Date;
  api?: string;
  model?: string;
  graders?: string[];
};
/** Registers `howdah eval run DATASET`: starts an evaluation, waits, and applies the gate. */
export function register(command: Command, io: CliIo): void {
  withGate(
    command
      .argument('<dataset>', 'name or id of the data set')
      .option('--agent <name>', 'the agent to evaluate')
      .option('--workflow <name>', 'the workflow to evaluate, in place of an agent')
      .option('--version <version>', 'number or label of a version (default: the current one)')
      .option('--repeat <number>', 'runs of each item (default: 1)', parseWholeNumber(1, 100))
      .option('--split <name>', 'evaluate this split only')
      .option(
        '--items-at <when>',
        'the items that the data set had then: an age such as 7d, or a date such as 2026-12-01',
        moment,
      )
      .option('--model <name>', 'use another model for these runs')
      .option('--graders <names...>', 'graders (default: those of the data set)'),
  ).action(async (dataset: string, options: RunOptions & GateOptions) => {
    const { failUnder, worseThan, junit, markdown, stopAtLimit, ...others } = options;
    const { tenant, api, itemsAt, ...rest } = others;
    const gate = { failUnder, worseThan, junit, markdown, stopAtLimit } as GateOptions;
    const report = await withBackend(
      io,
      command,
      { ...(tenant && { tenant }) },
      async (backend) => {
        const body = { dataset, ...rest, ...(itemsAt && { items_at: itemsAt.toISOString() }) };
        await checkGate(backend, rest, gate);
        const started = await backend.call(startEvaluation, { body });
        if (!io.json) io.err(`evaluation ${started.id}: ${started.items * started.repeats} runs`);
        return waitForGate(io, backend, started.id, gate);
      },
    );
    await show(io, report, gate);
  });
}

/** Registers `howdah eval wait ID`: waits for an evaluation, and applies the gate. */
export function registerWait(command: Command, io: CliIo): void {
  withGate(command.argument('<id>', 'id of the evaluation')).action(
    async (id: string, { tenant, ...gate }: Options & GateOptions) => {
      await checkReports(gate);
      const report = await withBackend(io, command, { ...(tenant && { tenant }) }, (backend) =>
        waitForGate(io, backend, id, gate),
      );
      await show(io, report, gate);
    },
  );
}

/** Prints what the gate says, writes the reports, and sets the exit status. */
export async function show(
  io: CliIo,
  report: CheckedEvaluation,
  { junit, markdown }: GateOptions,
): Promise<void> {
  const { evaluation, faults, comparison, results } = report;
  if (io.json) printJson(io, { evaluation, comparison, faults });
  else {
    printTable(io, [summaryOf(evaluation)]);
    const graders = Object.entries(evaluation.totals.graders ?? {}).map(
      ([grader, { passed, failed, score }]) => ({ grader, passed, failed, score }),
    );
    if (graders.length > 1) printTable(io, graders);
    const lines = results.flatMap((result) => faultOf(result, report.inputs));
    for (const line of lines.slice(0, MAX_FAULTS)) io.out(line);
    const more = lines.length - MAX_FAULTS;
    if (more > 0) io.err(`and ${more} more. See: howdah eval results ${evaluation.id} --failed`);
    for (const fault of faults) io.err(`refused: ${fault}`);
  }
  if (faults.length > 0) io.setExitCode(exitCodes.refused);
  if (junit !== undefined) await writeFile(junit, junitOf(report));
  if (markdown !== undefined) await writeFile(markdown, markdownOf(report));
}

/** Returns the line of a result that did not pass: its item, its run, and why. */
function faultOf(result: ReportedResult, inputs: CheckedEvaluation['inputs']): string[] {
  const { item_id, execution_id, passed, scores, error } = result;
  const isUnknown = passed === null && error?.code === 'not_graded';
  if (passed !== false && !isUnknown) return [];
  const reason = error?.message ?? reasonOf(scores);
  const name = nameOf(result, inputs);
  const place = item_id === null ? name : `${name}, run ${execution_id}`;
  return [`${isUnknown ? 'not graded' : 'failed'}: ${place}: ${reason}`];
}

/** Returns the figures of an evaluation that a person reads first. */
export function summaryOf({ id, version, totals }: Evaluation): Record<string, unknown> {
  const { passed = 0, failed = 0, cancelled = 0, not_graded = 0, flaky_items: flaky = 0 } = totals;
  const { pass_rate, pass_hat_k, score, cost, grading_cost, latency_ms_mean } = totals;
  const { cached_runs = 0, confidence = null, calibration_error = null } = totals;
  return {
    ...{ evaluation: id, version, passed, failed, cancelled, not_graded, flaky_items: flaky },
    ...{ pass_rate, pass_hat_k, score, cost, grading_cost, latency_ms_mean },
    ...(cached_runs > 0 && { cached_runs }),
    ...(confidence !== null && { confidence, calibration_error }),
  };
}
