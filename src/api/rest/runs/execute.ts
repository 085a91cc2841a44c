import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { EXECUTION_STATUSES } from '../../../contracts/runs/step.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { executionSchema, findExecution } from '../../../operations/runs/run-rows.ts';
import { id, json, numberText, object, time } from '../../../resources/fields.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import { withTraceparent } from '../../http/traceparent.ts';
import { keyIn, storeAnswer, takeKey } from '../framework/request-keys.ts';
import { type Route, type RouteContext, type RouteResponse, route } from '../framework/route.ts';

/** Longest time that a request may wait for a run, in seconds. */
export const LONGEST_WAIT = 300;
export const waitField = z
  .union([z.boolean(), z.number().min(0).max(LONGEST_WAIT)])
  .optional()
  .describe(`Seconds to wait for the output; true means ${LONGEST_WAIT}`);

export const executeBody = z.strictObject({
  message: z.string().describe('The input of the run'),
  agent: z
    .string()
    .optional()
    .describe('The name of an agent, or of a workflow if no agent has this name'),
  workflow: z.string().optional().describe('The name of a workflow'),
  agent_id: id.optional(),
  workflow_id: id.optional(),
  version: z
    .string()
    .optional()
    .describe('A version number or a label; the current version by default'),
  session_id: id.optional(),
  input_data: json.optional(),
  input_parts: z.array(object).optional().describe('Files and images; see docs/artifacts.md'),
  metadata: object.optional(),
  priority: z.int().min(-32_768).max(32_767).optional().describe('Smaller first'),
  run_at: time.optional().describe('Not before'),
  max_cost: z
    .number()
    .optional()
    .describe('The maximum cost; can only lower the limit of the agent'),
  overrides: object
    .optional()
    .describe('Overrides of the agent: model, request_params, …; see docs/control.md'),
  idempotency_key: z
    .string()
    .optional()
    .describe(
      'The key of `run()`; a repeated key for the same agent or workflow returns the first run',
    ),
  concurrency_key: z
    .string()
    .optional()
    .describe('A key you choose, such as customer-42; counts for limits of scope key'),
  debounce_key: z
    .string()
    .optional()
    .describe('Requests with the same key within debounce_ms start one run, with the newest input'),
  debounce_ms: z
    .int()
    .max(2_147_483_647)
    .optional()
    .describe('The window of debounce_key in milliseconds; each request restarts it'),
  callback_url: z
    .string()
    .optional()
    .describe('The address notified when the run ends or asks a question; see docs/webhooks.md'),
  wait: waitField,
  stream: z
    .boolean()
    .optional()
    .describe('Streams the events of the run in the answer; not together with wait'),
  tree: z
    .boolean()
    .optional()
    .describe('With stream: also streams the events of all runs below the run'),
});
type Body = z.output<typeof executeBody>;

const started = z.object({
  execution_id: id,
  status: z.enum(EXECUTION_STATUSES),
});

const ended = started.extend({
  output: executionSchema.shape.output,
  output_data: json,
  stop_reason: executionSchema.shape.stop_reason,
  finish_reason: executionSchema.shape.finish_reason,
  error: executionSchema.shape.error,
  tokens_in: z.number(),
  tokens_out: z.number(),
  cost: z.number(),
});

/** Routes that start a run. On request, the answer waits for the run or streams its events. */
export const executeRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/api/execute',
    id: 'execute',
    tag: 'executions',
    summary: 'Start a run of an agent or a workflow',
    description:
      'A repeated Idempotency-Key returns the first run, or 409 if the request differs. With `wait` the status is 200 if the run ends in time, else 202.',
    query: z.strictObject({
      wait: numberText(
        z
          .number(`must be a number of seconds from 0 to ${LONGEST_WAIT}`)
          .min(0)
          .max(LONGEST_WAIT)
          .optional(),
      ).describe('The same as wait in the body'),
    }),
    body: executeBody,
    isKeyed: true,
    fieldAliases: { input: 'message', user_input: 'message' },
    answers: {
      200: { description: 'The ended run, or its events', schema: ended },
      202: { description: 'The run has started', schema: started },
    },
    async serve({ query, body, headers }, context) {
      const seconds = waitSeconds(query.wait, body);
      const id = await startOnce(body, headers, context);
      const { stream, tree = false } = body;
      if (stream) return { events: context.runEvents(id, { seq: 0, n: 0 }, { tree }) };
      if (seconds > 0) await context.waitForEnd(id, seconds * 1000);
      return answerFor(context, id, seconds > 0);
    },
  }),
];

/** Returns the seconds to wait for the run. Throws 400 for contradictory fields. */
function waitSeconds(inQuery: number | undefined, { wait: inBody, stream }: Body): number {
  if (inQuery !== undefined && inBody !== undefined) throw waitTwice();
  const wait = inQuery ?? inBody;
  if (stream && wait) throw streamAndWait();
  return wait === true ? LONGEST_WAIT : Number(wait ?? 0);
}

/** Starts the run, or finds the run that an earlier request with the same key started. */
async function startOnce(
  body: Body,
  headers: IncomingHttpHeaders,
  context: RouteContext,
): Promise<string> {
  const { wait: _wait, stream, tree: _tree, idempotency_key, ...requested } = body;
  const header = keyIn(headers);
  const sentKey = idempotency_key ?? header;
  if (sentKey !== header && header !== undefined) throw otherKeys();
  const isDebounced = body.debounce_key !== undefined;
  const key = isDebounced ? idempotency_key : sentKey;
  const metadata = withTraceparent(body.metadata, headers) as Body['metadata'];
  return context.transaction(async (db) => {
    const request = ['execute', requested];
    const before = header === undefined ? null : await takeKey<{ id: string }>(db, header, request);
    const id = before?.id ?? (await start(db, { ...body, metadata }, key));
    // A debounced run has no key of its own to be found by.
    if (header !== undefined && isDebounced) await storeAnswer(db, header, { id });
    // Registers a follower, so that the run is followed from its first step.
    if (stream) await db.query('select howdah_private.register_follower($1)', [id]);
    return id;
  });
}

function otherKeys(): RequestRefusal {
  return new RequestRefusal(400, 'idempotency_key differs from the header Idempotency-Key', {
    hint: 'Send only one of them.',
    detail: { field: 'idempotency_key' },
  });
}

function waitTwice(): RequestRefusal {
  return new RequestRefusal(400, 'wait is set in both the query and the body', {
    hint: 'Send only one of them.',
    detail: { field: 'wait' },
  });
}

function streamAndWait(): RequestRefusal {
  return new RequestRefusal(400, 'stream and wait cannot be combined', {
    hint: 'Leave wait out: the last event of the stream, complete, has the output.',
    detail: { field: 'wait' },
  });
}

async function answerFor(
  context: RouteContext,
  executionId: string,
  isWaitedFor: boolean,
): Promise<RouteResponse> {
  const run = await context.transaction((db) => findExecution(db, executionId));
  const headers = { location: `/api/executions/${executionId}` };
  const { status, output, output_data, stop_reason, finish_reason, error } = run;
  const { tokens_in, tokens_out, cost } = run;
  const summary = { execution_id: executionId, status };
  if (!isWaitedFor || run.completed_at === null) return { status: 202, headers, body: summary };
  const result = { output, output_data, stop_reason, finish_reason, error };
  const end = { ...result, tokens_in, tokens_out, cost };
  return { status: 200, headers, body: { ...summary, ...end } };
}

/** Starts a run of an agent or a workflow, given by name or by id. Returns the id of the run. */
async function start(db: Queryable, sent: Body, key: string | undefined): Promise<string> {
  refuseOtherThanOne(sent);
  const { agent, workflow } = sent;
  const values = valuesOf(sent, key);
  const hasCallback = sent.callback_url !== undefined; // run and run_workflow take no callback
  if (agent !== undefined && !hasCallback) return startAgent(db, agent, values);
  const { parts, overrides } = values;
  if (workflow !== undefined && !hasCallback && parts === null && overrides === null) {
    return startWorkflow(db, workflow, values);
  }
  return startById(db, sent, values);
}

function refuseOtherThanOne({ agent, workflow, agent_id, workflow_id }: Body): void {
  const targets = [agent, workflow, agent_id, workflow_id].filter((one) => one !== undefined);
  if (targets.length === 1) return;
  throw new RequestRefusal(400, 'a run needs exactly one agent or workflow', {
    hint: 'Set exactly one of agent, workflow, agent_id and workflow_id.',
    detail: { field: 'agent' },
  });
}

type Values = ReturnType<typeof valuesOf>;

/** Returns the arguments of the SQL functions that start a run. */
function valuesOf(sent: Body, key: string | undefined) {
  const jsonOf = (value: unknown) => (value == null ? null : JSON.stringify(value));
  const { message, session_id = null, run_at = null, priority = 0, version = null } = sent;
  const { max_cost = null, concurrency_key = null, debounce_key = null, debounce_ms = null } = sent;
  const metadata = JSON.stringify(sent.metadata ?? {});
  const data = jsonOf(sent.input_data);
  return {
    input: [message, data, session_id, run_at, priority, key ?? null, metadata],
    parts: jsonOf(sent.input_parts),
    version,
    max_cost,
    overrides: jsonOf(sent.overrides),
    keys: [concurrency_key, debounce_key, debounce_ms],
  };
}

function startAgent(
  db: Queryable,
  agent: string,
  { input, parts, version, max_cost, overrides, keys }: Values,
): Promise<string> {
  return firstId(
    db,
    'select (howdah.run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)).id::uuid::text as id',
    [agent, ...input, parts, version, max_cost, overrides, ...keys],
  );
}

function startWorkflow(
  db: Queryable,
  workflow: string,
  { input, version, max_cost, keys }: Values,
): Promise<string> {
  return firstId(
    db,
    'select (howdah.run_workflow($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)).id::uuid::text as id',
    [workflow, ...input, version, max_cost, ...keys],
  );
}

async function startById(
  db: Queryable,
  { agent, workflow, agent_id, workflow_id, callback_url }: Body,
  { input, parts, version, max_cost, overrides, keys }: Values,
): Promise<string> {
  const name = agent ?? workflow ?? null;
  const workflowId = await firstId(
    db,
    `select coalesce($2::uuid, howdah_private.workflow_by_name($1), case when $3 then howdah.workflow($1) end)::text as id`,
    [name, workflow_id ?? null, workflow !== undefined],
  );
  return firstId(
    db,
    `select howdah_private.run_by_id(
       case when $2::uuid is null then coalesce($1::uuid, howdah.agent($3)) end,
       $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)::text as id`,
    [
      ...[agent_id ?? null, workflowId || null, name],
      ...[...input, parts, callback_url ?? null, version, max_cost, overrides],
      ...keys,
    ],
  );
}

/** Returns the id in the first row of a query, or an empty text if there is none. */
async function firstId(db: Queryable, text: string, values: unknown[]): Promise<string> {
  const { rows } = await db.query<{ id: string | null }>(text, values);
  return rows[0]?.id ?? '';
}
