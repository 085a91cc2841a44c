import { STATUS_CODES } from 'node:http';
import type { Client } from '@modelcontextprotocol/client';
import type { ApiServer } from '../../src/api/server.ts';
import type { Hooks } from '../../src/contracts/agents/hook.ts';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import type { JsonObject } from '../../src/json/json.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { connect } from '../api/mcp/mcp-client.ts';
import { makePerson, tokenFor, tokenOptions } from '../api/subscriptions/tokens.ts';
import { openWs, type WsClient } from '../api/ws/ws-client.ts';
import { callTools, insertRun, makeAgent, runToEnd, waitForStatus } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

/** Servers and databases for the examples of the pages. */
export type ExampleServers = {
  db: TestDatabase;
  api: ApiServer;
  /** A server that requires a login. */
  locked: ApiServer;
  mcp: Client;
  ws: WsClient;
  /** Values of placeholders and names in the pages. */
  names: Readonly<Record<string, string>>;
  close(): Promise<void>;
};

/**
 * Starts the servers and creates the objects that the pages name.
 *
 * Agents: `greeter`; `retired`, which is inactive; `busy`, whose limit is reached. ENDED_ID is an
 * ended run, QUESTION_ID an open question, ANSWERED_ID an answered question, VIEWER the token of a
 * user who may only read.
 */
export async function startExampleServers(): Promise<ExampleServers> {
  const db = await createTestDatabase();
  const worker: Worker = await startTestWorker(db.url, {
    tools: [orderStatus],
    hooks: { after_setup },
  });
  const api = await startTestApi(db.url);
  const closed = await startTestApi(db.url, tokenOptions);
  const greeter = await makeNamedAgent(db, 'greeter');
  await makeNamedAgent(db, 'retired', { is_active: false });
  const busy = await makeNamedAgent(db, 'busy');
  await makeNamedAgent(db, 'broken', {}, [
    { error: { status: 401, message: 'Incorrect API key provided' } },
  ]);
  const question = { question: 'Which colour?', options: ['red', 'blue'] };
  const asker = await makeNamedAgent(db, 'asker', {}, [
    callTools({ name: 'ask_user', arguments: question }),
  ]);
  await db.pool.query('update howdah.agents set human_input = true where id = $1', [asker]);
  await db.pool.query(
    `insert into howdah.limits (scope, subject_id, metric, period, max_value)
     values ('agent', $1, 'runs', 'month', 0)`,
    [busy],
  );
  const { id: ended } = await runToEnd(db.pool, greeter, 'Hello');
  const [open, answered] = await Promise.all([askQuestion(db, asker), askQuestion(db, asker)]);
  await db.pool.query(`select howdah.answer_question($1, 'blue')`, [answered]);
  const viewer = await tokenFor(await makePerson(db.pool, 'val'), { role: 'viewer' });
  const mcp = await connect(api);
  const ws = await openWs(api);
  ws.socket.send(JSON.stringify({ type: 'connection_init' }));
  await ws.when(({ type }) => type === 'connection_ack');
  return {
    db,
    api,
    locked: closed,
    mcp,
    ws,
    names: {
      ENDED_ID: ended,
      QUESTION_ID: open,
      ANSWERED_ID: answered,
      VIEWER: viewer,
      'localhost:5432': new URL(db.url).host,
    },
    async close() {
      ws.close();
      await mcp.close();
      await worker.stop(0);
      await Promise.all([api.close(), closed.close()]);
      await db.drop();
    },
  };
}

/** Starts a run that asks a question, and returns the id of the question. */
async function askQuestion(db: TestDatabase, agent: string): Promise<string> {
  const run = await insertRun(db.pool, agent);
  await waitForStatus(db.pool, run, 'waiting');
  const { id } = await one(db.pool, 'select id from howdah.questions where execution_id = $1', [
    run,
  ]);
  return id;
}

async function makeNamedAgent(
  db: TestDatabase,
  name: string,
  columns: { is_active?: boolean } = {},
  script: JsonObject[] = [{ content: 'Good day.' }],
): Promise<string> {
  const id = await makeAgent(db.pool, { script });
  await one(
    db.pool,
    'update howdah.agents set name = $2, is_active = $3 where id = $1 returning id',
    [id, name, columns.is_active ?? true],
  );
  return id;
}

/** A tool that always fails. */
const orderStatus: CustomTool = {
  name: 'order_status',
  description: 'Where an order is.',
  parameters: { type: 'object', properties: { id: { type: 'integer' } } },
  run() {
    throw new Error('the order system is closed from 22:00 to 06:00');
  },
};

/** A hook that fails for one agent. */
const after_setup: NonNullable<Hooks['after_setup']> = ({ instruction }) => {
  if (instruction === 'unlucky') throw new Error('no price list for today');
};

/** Formats the stderr output of `howdah` and its exit status. */
export function asPrinted({ status, stderr }: { status: number; stderr: string }): string {
  return `${stderr.trim()}\n[exit status ${status}]\n`;
}

export function httpAnswer(status: number, retryAfter: string | null, body: unknown): string {
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...(retryAfter === null ? [] : [`Retry-After: ${retryAfter}`]),
    '',
    json(body),
  ].join('\n');
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
