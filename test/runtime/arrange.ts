import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { RunError } from '../../src/contracts/errors.ts';
import type { Message } from '../../src/contracts/runs/message.ts';
import type { Json, JsonObject } from '../../src/json/json.ts';
import { eventually } from '../support/database.ts';

/** One model of an agent, in the order of use. The default provider is the scripted one. */
export type ModelSpec = {
  provider?: string;
  base_url?: string;
  secret_name?: string;
  script?: JsonObject[];
  request_params?: JsonObject;
  input_price?: number;
  output_price?: number;
  context_tokens?: number;
};

export type AgentSpec = {
  /** Shorthand for one scripted model. */
  script?: JsonObject[];
  models?: ModelSpec[];
  tools?: string[];
  instruction?: string;
  system_prompt?: string;
  use_history?: boolean;
  context_policy?: 'trim' | 'summarize' | 'none';
  output_schema?: JsonObject;
  max_steps?: number;
  max_tokens?: number;
  max_cost?: number;
  max_seconds?: number;
  /** Seconds for which failed calls are repeated; 0 ends the run after a few attempts. */
  retry_for?: number;
};

/**
 * Shortens the back-off between attempts of models and tools to at most 0.1 s, by the setting, and
 * ends a run after a few attempts. For tests of failures, not of delays and patience.
 */
export async function shortenBackOff(pool: pg.Pool): Promise<void> {
  await pool.query(
    `insert into howdah.settings (key, value) values ('backoff_max_seconds', '0.1'), ('retry_for', '0')`,
  );
}

/** Ends the wait of a run that is parked until a time, after its worker has released it. */
export async function wakeNow(pool: pg.Pool, id: string): Promise<void> {
  await pool.query(
    `update howdah.executions set wake_at = now() where id = $1 and status = 'waiting'`,
    [id],
  );
  await pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
}

/** Creates an agent with its models and tools in one transaction, and returns its id. */
export async function makeAgent(pool: pg.Pool, spec: AgentSpec): Promise<string> {
  const { script, models = [{ script: script ?? [] }], tools = [], ...columns } = spec;
  const name = `agent_${randomBytes(6).toString('hex')}`;
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query(
      `insert into howdah.agents (name, instruction, system_prompt, use_history, output_schema,
         max_steps, max_tokens, max_cost, max_seconds, retry_for, context_policy)
       select $1, coalesce(a.instruction, ''), a.system_prompt, coalesce(a.use_history, true),
         a.output_schema, a.max_steps, a.max_tokens, a.max_cost, a.max_seconds, a.retry_for,
         coalesce(a.context_policy, 'trim')::howdah.context_policy
       from jsonb_to_record($2::jsonb) as a (instruction text, system_prompt text, use_history bool,
         output_schema jsonb, max_steps int, max_tokens bigint, max_cost numeric, max_seconds int, retry_for int, context_policy text)
       returning id`,
      [name, JSON.stringify(columns)],
    );
    for (const [index, model] of models.entries()) {
      await addModel(client, rows[0].id, `${name}_${index + 1}`, index + 1, model);
    }
    const inserted = await client.query(
      `insert into howdah.agent_tools (agent_id, tool_id)
       select $1, t.id from howdah.tools as t where t.name = any ($2) and t.tenant_id = howdah.current_tenant()`,
      [rows[0].id, tools],
    );
    await client.query('commit');
    if (inserted.rowCount !== tools.length) throw new Error(`not all of ${tools} are tools`);
    return rows[0].id;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

async function addModel(
  client: pg.PoolClient,
  agent: string,
  name: string,
  position: number,
  spec: ModelSpec,
): Promise<void> {
  const {
    provider = 'scripted',
    base_url,
    secret_name,
    script,
    request_params = script ? { script } : {},
    input_price,
    output_price,
    context_tokens,
  } = spec;
  await client.query(
    `with model as (
       insert into howdah.models (name, provider, model, base_url, input_price, output_price, context_tokens,
         secret_name)
       values ($1, $2, 'm', $3, $4, $5, $9, $10) returning id
     )
     insert into howdah.agent_models (agent_id, model_id, position, request_params)
     select $6, m.id, $7, $8 from model as m`,
    [
      name,
      provider,
      base_url,
      input_price,
      output_price,
      agent,
      position,
      JSON.stringify(request_params),
      context_tokens,
      secret_name,
    ],
  );
}

/** Offers an agent to other agents as a tool, and returns the name of the tool. */
export async function makeAgentTool(pool: pg.Pool, agent: string): Promise<string> {
  const name = `ask_${randomBytes(6).toString('hex')}`;
  await pool.query(
    `insert into howdah.tools (name, kind, agent_id, parameters) values ($1, 'agent', $2,
       '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}')`,
    [name, agent],
  );
  return name;
}

/** Adds a tool to an existing agent. */
export async function addTool(pool: pg.Pool, agent: string, tool: string): Promise<void> {
  await pool.query(
    'insert into howdah.agent_tools (agent_id, tool_id) select $1, id from howdah.tools where name = $2',
    [agent, tool],
  );
}

export type Execution = {
  id: string;
  status: string;
  stop_reason: string | null;
  finish_reason: string | null;
  waiting_for: string | null;
  input: string;
  output: string | null;
  output_data: Json;
  error: RunError | null;
  step_count: number;
  model_count: number;
  message_count: number;
  tokens_in: string;
  tokens_out: string;
  cost: string;
  fence: number;
  owner_worker: string | null;
  crashes_without_progress: number;
  turn: number | null;
  live_children: number;
  children_tokens_in: string;
  children_tokens_out: string;
  children_cost: string;
  run_at: Date;
  wake_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
};

/** Inserts a run as a user would, and returns its id. */
export async function insertRun(
  pool: pg.Pool,
  agent: string,
  input = 'hello',
  columns: { session_id?: string; priority?: number; run_at?: Date; input_data?: Json } = {},
): Promise<string> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input, session_id, priority, run_at, input_data)
     values ($1, $2, $3, $4, coalesce($5, now()), $6) returning id`,
    [
      agent,
      input,
      columns.session_id,
      columns.priority ?? 0,
      columns.run_at,
      columns.input_data === undefined ? null : JSON.stringify(columns.input_data),
    ],
  );
  return rows[0].id;
}

/**
 * Inserts a run that is offered to no worker. It starts when a worker takes its wake-up from the
 * queue.
 */
export async function insertQueuedRun(pool: pg.Pool, agent: string): Promise<string> {
  const id = await insertRun(pool, agent, 'hello', { run_at: new Date(Date.now() + 3_600_000) });
  await pool.query(
    `with due as (
       update howdah.executions set run_at = now() where id = $1 returning id
     )
     select graphile_worker.add_job('advance', json_build_object('id', d.id), job_key => d.id::text)
     from due as d`,
    [id],
  );
  return id;
}

/** Returns the current row of a run. */
export async function executionOf(pool: pg.Pool, id: string): Promise<Execution> {
  const { rows } = await pool.query('select * from howdah.executions where id = $1', [id]);
  return rows[0];
}

/** Returns the run once it has ended. */
export function waitForEnd(pool: pg.Pool, id: string): Promise<Execution> {
  return eventually<Execution>(
    pool,
    `run ${id} ends`,
    'select * from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
}

/** Returns the run once it has this status. */
export function waitForStatus(pool: pg.Pool, id: string, status: string): Promise<Execution> {
  return eventually<Execution>(
    pool,
    `run ${id} is ${status}`,
    'select * from howdah.executions where id = $1 and status::text = $2',
    [id, status],
  );
}

/** Returns the children of a run, the oldest first. */
export async function childrenOf(pool: pg.Pool, id: string): Promise<Execution[]> {
  const { rows } = await pool.query(
    'select * from howdah.executions where parent_execution_id = $1 order by id',
    [id],
  );
  return rows;
}

/** Inserts a run and waits for its end. */
export async function runToEnd(
  pool: pg.Pool,
  agent: string,
  input?: string,
  columns?: Parameters<typeof insertRun>[3],
): Promise<Execution> {
  return waitForEnd(pool, await insertRun(pool, agent, input, columns));
}

export type Step = {
  seq: number;
  call_id: string | null;
  kind: string;
  name: string | null;
  input: Json;
  output: Json;
  error: RunError | null;
  tokens_in: number;
  tokens_out: number;
  cost: string;
  worker: string | null;
  started_at: Date;
  finished_at: Date;
};

/** Returns the log of a run in order. */
export async function stepsOf(pool: pg.Pool, id: string): Promise<Step[]> {
  const { rows } = await pool.query(
    'select * from howdah.steps where execution_id = $1 order by seq',
    [id],
  );
  return rows;
}

/** Returns the kinds of a run's steps in order, such as `model tool model output`. */
export async function kindsOf(pool: pg.Pool, id: string): Promise<string> {
  return (await stepsOf(pool, id)).map((step) => step.kind).join(' ');
}

/** Returns the conversation of a run in order. */
export async function messagesOf(
  pool: pg.Pool,
  id: string,
): Promise<(Message & { seq: number; step_seq: number | null })[]> {
  const { rows } = await pool.query(
    'select * from howdah.messages where execution_id = $1 order by seq',
    [id],
  );
  return rows;
}

/** Returns the results of calls that the model received, by name of the tool. */
export async function resultsOf(pool: pg.Pool, id: string): Promise<string[]> {
  const messages = await messagesOf(pool, id);
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => content ?? '');
}

/** Returns all violated invariants. A test file asserts at its end that there are none. */
export async function findViolations(pool: pg.Pool): Promise<object[]> {
  return (await pool.query('select * from howdah.check_all()')).rows;
}

/** Builds a script step that calls tools. */
export function callTools(...calls: { name: string; arguments?: Json; id?: string }[]): JsonObject {
  return { tool_calls: calls as JsonObject[] };
}

/** Creates a latch that opens once, for tools that wait for the test. */
export function createLatch<T = void>(): { opened: Promise<T>; open(value: T): void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve };
}
