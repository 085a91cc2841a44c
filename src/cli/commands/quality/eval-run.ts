import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { versionOperations } from '../../../operations/definitions/versions.ts';
import { listOperation } from '../../../operations/list-operation.ts';
import {
  compareEvaluations,
  type Evaluation,
  startEvaluation,
} from '../../../operations/quality/evaluations.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import { workflows } from '../../../resources/definitions/workflows.ts';
import { datasetItems } from '../../../resources/quality/dataset-items.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import { evaluationResults } from '../../../resources/quality/evaluation-results.ts';
import { evaluations } from '../../../resources/quality/evaluations.ts';
import type { Backend } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseRate, parseWholeNumber } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { followEvaluation } from '../../quality/follow-evaluation.ts';
import { gateFaults } from '../../quality/gate.ts';
import {
  type JudgedEvaluation,
  junitOf,
  markdownOf,
  nameOf,
  namesOf,
  type ReportedResult,
  reasonOf,
} from '../../quality/reports.ts';

type Options = { tenant?: string };
type RunOptions = Options & {
  agent?: string;
  workflow?: string;
  version?: string;
  repeat?: number;
  split?: string;
  model?: string;
  graders?: string[];
};
type Item = { id: string; input: string; input_data: unknown };
/** Conditions of a gate, and the files of its reports. */
export type GateOptions = {
  failUnder?: number;
  /** The label of `--no-worse-than`, which Commander reads as a negation; true without one. */
  worseThan?: string | true;
  junit?: string;
  markdown?: string;
  stopAtLimit?: true;
};

/** Adds the options of a gate that looks at one evaluation. */
export const withReports = (command: Command) =>
  command
    .option('--fail-under <rate>', 'exit with 5 if fewer results pass, from 0 to 1', parseRate)
    .option('--junit <file>', 'write the results as JUnit XML')
    .option('--markdown <file>', 'write the figures as Markdown')
    .option(
      '--stop-at-limit',
      'exit with 5 in place of waiting for a limit of tokens, cost or calls',
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION);

const withGate = (command: Command) =>
  withReports(command).option(
    '--no-worse-than <label>',
    'exit with 5 if the version with this label is better',
  );

/** Registers `howdah eval run DATASET`: starts an evaluation, waits for it, and judges it. */
export function register(command: Command, io: CliIo): void {
  withGate(
    command
      .argument('<dataset>', 'name or id of the data set')
      .option('--agent <name>', 'the agent to evaluate')
      .option('--workflow <name>', 'the workflow to evaluate, in place of an agent')
      .option('--version <version>', 'number or label of a version (default: the current one)')
      .option('--repeat <number>', 'runs of each item (default: 1)', parseWholeNumber(1, 100))
      .option('--split <name>', 'evaluate this split only')
      .option('--model <name>', 'use another model for these runs')
      .option('--graders <names...>', 'graders (default: those of the data set)'),
  ).action(async (dataset: string, options: RunOptions & GateOptions) => {
    const { failUnder, worseThan, junit, markdown, stopAtLimit, tenant, ...rest } = options;
    const gate = { failUnder, worseThan, junit, markdown, stopAtLimit } as GateOptions;
    const report = await withBackend(
      io,
      command,
      { ...(tenant && { tenant }) },
      async (backend) => {
        const body = { dataset, ...rest };
        await checkGate(backend, rest, gate);
        const started = await backend.call(startEvaluation, { body });
        if (!io.json) io.err(`evaluation ${started.id}: ${started.items * started.repeats} runs`);
        return judge(io, backend, started.id, gate);
      },
    );
    await show(io, report, gate);
  });
}

/** Checks what a gate names before runs cost anything: folders of reports, and a label. */
async function checkGate(
  { call, definitions }: Backend,
  { agent, workflow }: RunOptions,
  { worseThan, ...reports }: GateOptions,
): Promise<void> {
  await checkReports(reports);
  const [kind, name] = workflow === undefined ? [agents, agent] : [workflows, workflow];
  if (typeof worseThan !== 'string' || name === undefined) return;
  const { id } = await definitions.find(kind, name);
  await call(versionOperations(kind).get, { params: { id, version: worseThan } });
}

/** Throws `EUSAGE` if the folder of a report does not exist or cannot be written to. */
export async function checkReports({ junit, markdown }: GateOptions): Promise<void> {
  for (const file of [junit, markdown]) {
    if (file === undefined) continue;
    await access(dirname(file), constants.W_OK).catch((cause) => {
      throw new HowdahError('EUSAGE', `${file} cannot be written: ${cause.message}`, {
        hint: 'Name a file in a folder that exists.',
        detail: { file },
        cause,
      });
    });
  }
}

/** Registers `howdah eval wait ID`: waits for an evaluation that was started, and judges it. */
export function registerWait(command: Command, io: CliIo): void {
  withGate(command.argument('<id>', 'id of the evaluation')).action(
    async (id: string, { tenant, ...gate }: Options & GateOptions) => {
      await checkReports(gate);
      const report = await withBackend(io, command, { ...(tenant && { tenant }) }, (backend) =>
        judge(io, backend, id, gate),
      );
      await show(io, report, gate);
    },
  );
}

/** Waits for an evaluation and its baseline, and returns what the gate says. */
export async function judge(
  io: CliIo,
  backend: Backend,
  id: string,
  { failUnder, worseThan, stopAtLimit }: GateOptions,
): Promise<JudgedEvaluation> {
  const started = await backend.definitions.find(evaluations, id);
  const baseline =
    typeof worseThan === 'string'
      ? await startBaseline(backend, started as unknown as Evaluation, worseThan)
      : undefined;
  const { evaluation, limit } = await followEvaluation(io, backend, id, stopAtLimit);
  const other = baseline && (await followEvaluation(io, backend, baseline.id, stopAtLimit));
  const comparison = baseline
    ? await backend.call(compareEvaluations, {
        params: { id: baseline.id },
        query: { with: id },
      })
    : undefined;
  const results = await allRows((page) =>
    backend.call(listOperation<ReportedResult>(evaluationResults), {
      query: { evaluation_id: id, ...page },
    }),
  );
  const { name } = await backend.definitions.find(datasets, evaluation.dataset_id);
  const items = await allRows((page) =>
    backend.call(listOperation<Item>(datasetItems), {
      query: { dataset_id: evaluation.dataset_id, ...page },
    }),
  );
  const inputs = namesOf(items);
  const limits = new Set([limit, other?.limit].filter((reached) => reached !== undefined));
  const faults = [
    ...[...limits].map((reached) => `runs or judges wait, and go on after the limit: ${reached}`),
    ...gateFaults(evaluation, { failUnder }, comparison),
  ];
  return { dataset: String(name), evaluation, results, inputs, faults, comparison };
}

/**
 * Evaluates the version of a label on the same items with the same graders, unless that was done
 * before. It runs with its own model: overrides are what the new evaluation tries.
 */
async function startBaseline(
  { call, definitions }: Backend,
  { dataset_id, agent_id, workflow_id, repeats, split, graders, since_at }: Evaluation,
  label: string,
): Promise<Evaluation> {
  if (since_at !== null) {
    throw new HowdahError('HWINV', 'an evaluation of runs that exist has no items to compare', {
      hint: 'Leave --no-worse-than out, or evaluate the items of the data set: howdah eval run',
    });
  }
  const { name } =
    agent_id === null
      ? await definitions.find(workflows, workflow_id ?? '')
      : await definitions.find(agents, agent_id);
  return call(startEvaluation, {
    body: {
      dataset: dataset_id,
      ...(agent_id === null ? { workflow: String(name) } : { agent: String(name) }),
      ...{ version: label, repeat: repeats, reuse: true },
      ...(split !== null && { split: String(split) }),
      graders: (graders as { name: string }[]).map((grader) => grader.name),
    },
  });
}

/** Prints what the gate says, writes the reports, and sets the exit status. */
export async function show(
  io: CliIo,
  report: JudgedEvaluation,
  { junit, markdown }: GateOptions,
): Promise<void> {
  const { evaluation, faults, comparison, results } = report;
  if (io.json) printJson(io, { evaluation, comparison: comparison ?? null, faults });
  else {
    printTable(io, [summaryOf(evaluation)]);
    for (const line of results.flatMap((result) => faultOf(result, report.inputs)).slice(0, 20)) {
      io.out(line);
    }
    for (const fault of faults) io.err(`refused: ${fault}`);
  }
  if (faults.length > 0) io.setExitCode(exitCodes.refused);
  if (junit !== undefined) await writeFile(junit, junitOf(report));
  if (markdown !== undefined) await writeFile(markdown, markdownOf(report));
}

/** Returns the line of a result that did not pass: its item, its run, and why. */
function faultOf(result: ReportedResult, inputs: JudgedEvaluation['inputs']): string[] {
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
