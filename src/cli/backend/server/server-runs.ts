import type { Operations, Step as RestStep } from '../../../client/operations.generated.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import type { Step, TreeNode } from '../../../db/queries/queries.ts';
import type { Question } from '../../../db/queries/questions.ts';
import type { JsonObject } from '../../../json/json.ts';
import { parseJson, parseNumber } from '../../../json/parse-json.ts';
import { partsOf } from '../../input/attach-option.ts';
import { noRunYet, notFound } from '../../input/resolve-id.ts';
import type { PrintedRun } from '../../print/print-run.ts';
import { stepIn } from '../../print/step.ts';
import type {
  ControlResult,
  FollowOptions,
  NewFork,
  NewRun,
  RunBackend,
  StreamedEvent,
} from '../backend.ts';
import type { Api } from '../connect-server.ts';
import { allRows } from '../pages.ts';
import { withDates } from '../with-dates.ts';
import { followRuns, listRuns } from './list-runs.ts';

/** Creates the `RunBackend` of a server. */
export function createServerRuns(api: Api): RunBackend {
  return {
    list: (filter) => listRuns(api, filter),
    followList: (filter, signal) => followRuns(api, filter, signal),
    latest: () => findLatestRun(api),
    async find(id) {
      const row = await api.call('inspectExecution', { params: { id } }).catch(asCliNotFound(id));
      return withDates(row) as unknown as PrintedRun['execution'];
    },
    async steps(id) {
      const read = { params: { id } };
      const steps = await allRows((page) =>
        api.call('listExecutionSteps', { ...read, query: { ...page, said: 'true' } }),
      );
      return steps.map(stepOf);
    },
    async step(id, seq) {
      const query = { after: seq - 1, limit: 1, said: 'true' } as const;
      const { data } = await api
        .call('listExecutionSteps', { params: { id }, query })
        .catch(asCliNotFound(id));
      return stepIn(data.map(stepOf), { id, seq });
    },
    async tree(id) {
      const nodes = await allRows((query) =>
        api.call('listExecutionTree', { params: { id }, query }),
      ).catch(asCliNotFound(id));
      return nodes.map(nodeOf);
    },
    async openQuestions(id) {
      const { data } = await api.call('listExecutionQuestions', { params: { id } });
      return data as unknown as Question[];
    },
    explain: (id) => api.call('explainExecution', { params: { id } }),
    compare: (a, b) => api.call('compareExecutions', { params: { id: a, other_id: b } }),
    control: (id, action) => api.call(`${action}Execution`, { params: { id } }),
    async controlMany(ids, action) {
      const { data } = await api.call(`${action}Executions`, { body: { ids: [...ids] } });
      return data as readonly ControlResult[];
    },
    addInput: (id, content) => api.call('addExecutionInput', { params: { id }, body: { content } }),
    start: (run) => startRun(api, run),
    fork: (id, fork) => forkRun(api, id, fork),
    follow: (id, options, signal) => followRun(api, id, options, signal),
  };
}

async function findLatestRun(api: Api): Promise<string> {
  const query = { is_root: 'true', is_mine: 'true', limit: 1 } as const;
  const { data } = await api.call('listExecutions', { query });
  if (!data[0]) throw noRunYet();
  return data[0].id;
}

/** Stores the files of a run and starts the run. */
async function startRun(api: Api, run: NewRun): Promise<string> {
  const { agent, input, data, metadata, overrides, files, budget, options } = run;
  const { session_id = null } = options;
  const resourceIds: string[] = [];
  for (const { name, type, bytes } of files) {
    const body = { name, type, session_id, base64: bytes.toString('base64') };
    resourceIds.push((await api.call('createResource', { body })).id);
  }
  return api.agent(agent).run(input, {
    ...options,
    ...(resourceIds.length > 0 && { input_parts: partsOf(resourceIds) }),
    ...(metadata !== undefined && { metadata: parseJson<JsonObject>(metadata) }),
    ...(data !== undefined && { input_data: parseJson(data) }),
    ...(budget !== undefined && { max_cost: parseNumber(budget) as number }),
    ...(overrides !== undefined && { overrides }),
  });
}

async function forkRun(
  api: Api,
  id: string,
  { seq, input, version, data, changes, overrides }: NewFork,
): Promise<string> {
  const body = {
    seq,
    ...(input !== null && { input }),
    ...(version !== null && { version }),
    ...(data !== null && { input_data: parseJson(data) }),
    ...(changes !== null && { changes: parseJson<JsonObject>(changes) }),
    ...(overrides !== null && { overrides: parseJson<JsonObject>(overrides) }),
  };
  return (await api.call('forkExecution', { params: { id }, body })).id;
}

async function* followRun(
  api: Api,
  id: string,
  { after, tree }: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent> {
  signal.addEventListener('abort', () => api.leave(), { once: true });
  for await (const event of api.stream(id, { tree })) {
    if (event.event === 'token' || isBefore(event, after)) continue;
    const question = event.event === 'ask_user' ? await openQuestion(api, event) : undefined;
    yield { type: 'streamed', event, question };
  }
}

/** Returns the question of an event. The stream also repeats questions that are answered. */
async function openQuestion(api: Api, { data }: StreamEvent): Promise<Question | undefined> {
  const params = { id: String(data.question_id) };
  const question = await api.call('getQuestion', { params });
  return question.status === 'open' ? (withDates(question) as unknown as Question) : undefined;
}

function isBefore({ event, data }: StreamEvent, after: number): boolean {
  return event !== 'complete' && Number(data.seq ?? after + 1) <= after;
}

/** Returns an error handler that replaces `HWNTF` by the error of the command line. */
function asCliNotFound(id: string) {
  return (error: unknown): never => {
    throw error instanceof HowdahError && error.code === 'HWNTF' ? notFound(id) : error;
  };
}

/** Converts a step to the form that the database returns. */
export function stepOf({ call_id: _, model_id: __, ...step }: RestStep): Step {
  return withDates(step) as unknown as Step;
}

function nodeOf({
  path: _,
  ...node
}: Operations['listExecutionTree']['gives']['data'][number]): TreeNode {
  return withDates(node) as unknown as TreeNode;
}
