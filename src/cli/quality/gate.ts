import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import { versionOperations } from '../../operations/definitions/versions.ts';
import { listOperation } from '../../operations/list-operation.ts';
import { checkEvaluation } from '../../operations/quality/evaluation-gate.ts';
import {
  cancelEvaluation,
  type Evaluation,
  startEvaluation,
} from '../../operations/quality/evaluations.ts';
import { agents } from '../../resources/definitions/agents.ts';
import { workflows } from '../../resources/definitions/workflows.ts';
import { datasetItems } from '../../resources/quality/dataset-items.ts';
import { datasets } from '../../resources/quality/datasets.ts';
import { evaluationResults } from '../../resources/quality/evaluation-results.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import type { Backend } from '../backend/backend.ts';
import { API_OPTION } from '../backend/connect-server.ts';
import { allRows } from '../backend/pages.ts';
import { parseRate } from '../input/parse-number.ts';
import { TENANT_OPTION } from '../input/resolve-tenant.ts';
import type { CliIo } from '../output/output.ts';
import { followEvaluation } from './follow-evaluation.ts';
import { type CheckedEvaluation, namesOf, type ReportedResult } from './reports.ts';

/** Conditions of a gate, and the files of its reports. */
export type GateOptions = {
  failUnder?: number;
  /** The label of `--no-worse-than`, which Commander reads as a negation; true without one. */
  worseThan?: string | true;
  junit?: string;
  markdown?: string;
  stopAtLimit?: true;
};
type Evaluated = { agent?: string; workflow?: string };
type Item = { id: string; input: string; input_data: unknown };

/** Adds the options of a gate. */
export const withGate = (command: Command) =>
  command
    .option('--fail-under <rate>', 'exit with 5 if fewer results pass, from 0 to 1', parseRate)
    .option('--no-worse-than <label>', 'exit with 5 if the version with this label is better')
    .option('--junit <file>', 'write the results as JUnit XML')
    .option('--markdown <file>', 'write the figures as Markdown')
    .option(
      '--stop-at-limit',
      'exit with 5 in place of waiting for a limit of tokens, cost or calls',
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION);

/** Checks what a gate names before runs cost anything: folders of reports, and a label. */
export async function checkGate(
  backend: Backend,
  { agent, workflow }: Evaluated,
  { worseThan, ...reports }: GateOptions,
): Promise<void> {
  await checkReports(reports);
  const name = workflow ?? agent;
  if (typeof worseThan !== 'string' || name === undefined) return;
  // a workflow may be named as agent
  const found = await backend.definitions.lookUp(workflows, name);
  const kind = found || workflow !== undefined ? workflows : agents;
  const { id } = found ?? (await backend.definitions.find(kind, name));
  await backend.call(versionOperations(kind).get, { params: { id, version: worseThan } });
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

/** Waits for an evaluation and its baseline, and returns what the gate says. */
export async function waitForGate(
  io: CliIo,
  backend: Backend,
  id: string,
  { failUnder, worseThan, stopAtLimit }: GateOptions,
): Promise<CheckedEvaluation> {
  const started = (await backend.definitions.find(evaluations, id)) as unknown as Evaluation;
  const label = typeof worseThan === 'string' ? worseThan : undefined;
  const baseline = label === undefined ? null : await startBaseline(backend, started, label);
  const { evaluation, limit } = await followEvaluation(io, backend, id, stopAtLimit);
  const other = baseline && (await followEvaluation(io, backend, baseline.id, stopAtLimit));
  const { faults, comparison } = await backend.call(checkEvaluation, {
    params: { id },
    query: {
      ...(failUnder !== undefined && { fail_under: failUnder }),
      ...(label !== undefined && { no_worse_than: label }),
    },
  });
  const limits = new Set([limit, other?.limit].filter((reached) => reached !== undefined));
  return {
    ...(await readReport(backend, evaluation)),
    faults: [
      ...[...limits].map((reached) => `runs or judges wait, and go on after the limit: ${reached}`),
      ...faults,
    ],
    comparison,
  };
}

/** Returns what reports show of an evaluation: its results, and the inputs of its items. */
async function readReport({ call, definitions }: Backend, evaluation: Evaluation) {
  const { id, dataset_id } = evaluation;
  const results = await allRows((page) =>
    call(listOperation<ReportedResult>(evaluationResults), {
      query: { evaluation_id: id, ...page },
    }),
  );
  const { name } = await definitions.find(datasets, dataset_id);
  const items = await allRows((page) =>
    call(listOperation<Item>(datasetItems), { query: { dataset_id, ...page } }),
  );
  // a list is newest first; a report is in the order of the items
  const ordered = results.toReversed();
  return { dataset: String(name), evaluation, results: ordered, inputs: namesOf(items) };
}

/**
 * Evaluates the version of a label on the items of then with the same graders, unless that was done
 * before. It runs with its own model: overrides are what the new evaluation tries. Returns null for
 * the version that the evaluation tries itself, and for live runs, which cannot be repeated.
 */
async function startBaseline(
  { call, definitions }: Backend,
  evaluation: Evaluation,
  label: string,
): Promise<Evaluation | null> {
  const { dataset_id, agent_id, workflow_id, repeats, split, graders, since_at } = evaluation;
  // a Date has no microseconds, so the next millisecond is the first that has all of its items
  const then = new Date(evaluation.items_at ?? evaluation.created_at).getTime() + 1;
  if (since_at !== null) return null;
  const kind = agent_id === null ? workflows : agents;
  const id = String(agent_id ?? workflow_id);
  const { version } = await call(versionOperations(kind).get, { params: { id, version: label } });
  if (version === evaluation.version && evaluation.overrides === null) return null;
  const { name } = await definitions.find(kind, id);
  const baseline = await call(startEvaluation, {
    body: {
      dataset: dataset_id,
      ...{ [agent_id === null ? 'workflow' : 'agent']: String(name) },
      ...{ version: label, repeat: repeats, reuse: true },
      ...(split !== null && { split: String(split) }),
      items_at: new Date(then).toISOString(),
      graders: (graders as { name: string }[]).map((grader) => grader.name),
    },
  });
  if (isSameJson(baseline.graders, graders)) return baseline;
  // a grader was changed since, so nothing could be compared: the gate says so, without the cost
  if (baseline.status === 'running') {
    await call(cancelEvaluation, { params: { id: baseline.id } });
  }
  return null;
}
