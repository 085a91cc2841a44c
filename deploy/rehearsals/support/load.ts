import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { followRun, graphql, type Login, sendRequest } from './load-requests.ts';

/** Observations of the clients of a load. */
export type Observations = {
  /** Requests: the start by performance.now(), and the duration. */
  requests: { startedAt: number; ms: number }[];
  /** Messages about requests that failed. */
  failures: string[];
  /** Number of streams that were resumed after their last event. */
  resumedStreams: number;
  /** Messages about streams that lost or repeated events. */
  wrongStreams: string[];
};

export type Load = {
  readonly observations: Observations;
  /** Starts no further requests. Resolves when those under way have ended. */
  stop(): Promise<Observations>;
};

const PAUSE_MS = 100;
/** Time that a client waits for a run. It then continues, and the run counts as lost at the end. */
const RUN_TIMEOUT_MS = 60_000;

const SCRIPT = [
  { tool_calls: [{ name: 'todo', arguments: { action: 'add', title: 'a' } }], delay_ms: 150 },
  { tool_calls: [{ name: 'todo', arguments: { action: 'add', title: 'b' } }], delay_ms: 150 },
  { content: 'done', delay_ms: 150 },
];

/** Creates the agent of the load, whose runs take half a second. Every release can run it. */
export async function makeBusyAgent(pool: pg.Pool): Promise<void> {
  await pool.query(
    `with model as (
       insert into howdah.models (name, provider, model)
       values ('script', 'scripted', 'script') returning id
     ), agent as (
       insert into howdah.agents (name, instruction) values ('busy', 'Plan.') returning id
     ), tool as (
       insert into howdah.agent_tools (agent_id, tool_id)
       select a.id, t.id from agent as a, howdah.tools as t where t.name = 'todo'
     )
     insert into howdah.agent_models (agent_id, model_id, request_params)
     select a.id, m.id, jsonb_build_object('script', $1::jsonb) from agent as a, model as m`,
    [JSON.stringify(SCRIPT)],
  );
}

/**
 * Starts `clients` clients of each kind. Each client waits for its run before it starts the next
 * one. The installation thus sets the rate, and no backlog of the load looks like a fault of the
 * deploy.
 */
export function startLoad(login: Login, pool: pg.Pool, clients: number): Load {
  const observations: Observations = {
    ...{ requests: [], failures: [], resumedStreams: 0, wrongStreams: [] },
  };
  let isOver = false;
  const repeat = async (client: Client) => {
    while (!isOver) {
      await client();
      await delay(PAUSE_MS);
    }
  };
  const running = loadClients(login, pool, observations).flatMap((client) =>
    Array.from({ length: clients }, () => repeat(client)),
  );
  return {
    observations,
    async stop() {
      isOver = true;
      await Promise.all(running);
      return observations;
    },
  };
}

/** One round of a client. */
type Client = () => Promise<unknown>;

/**
 * Lists the kinds of clients. One each starts runs by REST, by GraphQL and by an insert, and reads
 * them until they end. One follows its run by a stream, and two only read lists.
 */
function loadClients(login: Login, pool: pg.Pool, observations: Observations): Client[] {
  const observe = observer(observations);
  const start = () =>
    observe('POST /api/execute', async () => {
      const body = { agent: 'busy', message: 'go' };
      return (await sendRequest(login, '/api/execute', body, 202)).execution_id as string;
    });
  const runByRest = async () => {
    const id = await start();
    const status = async () => (await sendRequest(login, `/api/executions/${id}`)).status;
    if (id) await waitForEnd(() => observe('GET /api/executions/{id}', status));
  };
  const runByGraphql = async () => {
    const run = 'mutation { run(input: { agent: "busy", input: "go" }) { result { id } } }';
    const id = await observe(
      'GraphQL mutation',
      async () => (await graphql(login, run)).run.result.id as string,
    );
    const query = `{ execution(id: "${id}") { status } }`;
    const status = async () => (await graphql(login, query)).execution.status.toLowerCase();
    if (id) await waitForEnd(() => observe('GraphQL query', status));
  };
  const runByInsert = async () => {
    const id = await observe('insert', async () => {
      const { rows } = await pool.query(`select id from howdah.run('busy', 'go')`);
      return rows[0].id as string;
    });
    const text = 'select status from howdah.executions where id = $1';
    const status = async () => (await pool.query(text, [id])).rows[0].status;
    if (id) await waitForEnd(() => observe('select', status));
  };
  const followByStream = async () => {
    const id = await start();
    if (id) await recordStream(login, id, observations);
  };
  const listByRest = () => observe('GET /api/agents', () => sendRequest(login, '/api/agents'));
  const list = '{ executions(first: 5, orderBy: ID_DESC) { nodes { id status } } }';
  const listByGraphql = () => observe('GraphQL list', () => graphql(login, list));
  return [runByRest, runByGraphql, runByInsert, followByStream, listByRest, listByGraphql];
}

/** Returns a function that sends a request and records its duration and failure. */
function observer({ requests, failures }: Observations) {
  return async <T>(name: string, send: () => Promise<T>): Promise<T | undefined> => {
    const startedAt = performance.now();
    try {
      return await send();
    } catch (error) {
      failures.push(`${name} at ${secondsText(startedAt)}: ${(error as Error).message}`);
      return undefined;
    } finally {
      requests.push({ startedAt, ms: performance.now() - startedAt });
    }
  };
}

/** Follows the stream of a run to its end, and records failures and wrong events. */
async function recordStream(login: Login, id: string, observations: Observations): Promise<void> {
  const { resumes, failures, difference } = await followRun(login, id);
  observations.resumedStreams += resumes;
  for (const { at, message } of failures) {
    observations.failures.push(`stream at ${secondsText(at)}: ${message}`);
  }
  if (difference) observations.wrongStreams.push(difference);
}

async function waitForEnd(status: () => Promise<string | undefined>): Promise<void> {
  for (const end = Date.now() + RUN_TIMEOUT_MS; Date.now() < end; await delay(PAUSE_MS)) {
    if (/^(completed|failed|cancelled)$/.test((await status()) ?? '')) return;
  }
}

/** Formats a time since the start of this process. */
const secondsText = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
