import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { callTools, insertRun, makeAgent as makeScriptedAgent } from '../../runtime/arrange.ts';
import { makeAgent, makeRun } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { count, driveRun, followSteps, openSocket, startTestApi } from '../harness.ts';
import { openStream } from '../rest/events.ts';

// Stops one server of several, as in a deployment. Its clients lose nothing and continue at another
// server.

const db = testDatabase();
let other: ApiServer;

beforeAll(async () => {
  other = await startTestApi(db.url);
});

afterAll(async () => {
  await other?.close();
});

async function startGoing(): Promise<ApiServer> {
  const api = await startTestApi(db.url);
  onTestFinished(() => api.close());
  return api;
}

type Answer = { status: number; connection: string | undefined; body: string };

/** Sends a request over a kept-alive connection, as a load balancer does. */
function send(api: ApiServer, method: string, path: string, body?: object): Promise<Answer> {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { 'content-type': 'application/json' };
  const sent = request(`${api.url}${path}`, { method, agent, headers });
  sent.on('error', reject).on('response', async (response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const { connection } = response.headers;
    resolve({ status: response.statusCode ?? 0, connection, body: String(Buffer.concat(chunks)) });
  });
  sent.end(body && JSON.stringify(body));
  return promise;
}

test('a draining server reports 503 on /readyz, still answers, and closes connections', async () => {
  const api = await startGoing();
  expect(await send(api, 'GET', '/api/agents')).toMatchObject({
    status: 200,
    connection: 'keep-alive',
  });
  api.drain();
  expect(await send(api, 'GET', '/readyz')).toMatchObject({
    status: 503,
    connection: 'close',
    body: expect.stringContaining('shutting down'),
  });
  expect((await send(api, 'GET', '/healthz')).status).toBe(200);
  const response = await send(api, 'POST', '/graphql', { query: '{ nodeId }' });
  expect(response).toMatchObject({ status: 200, connection: 'close' });
  expect(await send(api, 'GET', '/api/agents')).toMatchObject({ status: 200, connection: 'close' });
});

test('a request in progress is answered, and no other connection stays open or is accepted', async () => {
  const api = await startGoing();
  const silent = connect(api.port, '127.0.0.1').resume();
  const isEnded = once(silent, 'close');
  const agent = await makeAgent(db.pool);
  const holder = await db.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from howdah.agents where id = $1 for update', [agent]);
    const answered = send(api, 'PATCH', `/api/agents/${agent}`, { description: 'changed' });
    await eventually(
      db.pool,
      'the request waits for the row',
      `select from pg_stat_activity where datname = current_database() and application_name = 'howdah-api'
         and wait_event_type = 'Lock'`,
    );
    const closed = api.close();
    await expect(send(api, 'GET', '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await isEnded;
    await holder.query('rollback');
    expect(await answered).toMatchObject({ status: 200, connection: 'close' });
    await closed;
  } finally {
    await holder.query('rollback');
    holder.release();
  }
});

test('an event stream ends without an error, and resumes elsewhere after its last event', async () => {
  const api = await startGoing();
  const worker = await startTestWorker(db.url);
  onTestFinished(() => worker.stop(0));
  const script = [
    callTools({ name: 'ask_user', arguments: { question: 'Which?' } }),
    { content: 'done' },
  ];
  const agent = await makeScriptedAgent(db.pool, { script });
  await db.pool.query('update howdah.agents set human_input = true where id = $1', [agent]);
  const id = await insertRun(db.pool, agent);
  const path = `/api/executions/${id}/stream`;
  const started = await openStream(api, path);
  const question = await started.when(({ event }) => event === 'ask_user');
  const closed = api.close();
  await started.end;
  await closed;
  await db.pool.query(
    `select howdah.answer_question(id, 'this one') from howdah.questions where execution_id = $1`,
    [id],
  );
  const resumed = await openStream(
    other,
    path,
    question.id === undefined ? {} : { lastEventId: question.id },
  );
  await resumed.end;
  const whole = await openStream(other, path);
  await whole.end;
  expect([...started.eventLines(), ...resumed.eventLines()]).toEqual(whole.eventLines());
  expect(whole.events.at(-1)?.event).toBe('complete');
});

test('a subscription closes with 1001 (going away), and resumes elsewhere after its last step', async () => {
  const api = await startGoing();
  const id = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
  const run = await driveRun(db.pool, id);
  const socket = openSocket(api);
  const started = followSteps(socket, id);
  await run.steps(3);
  await expect.poll(() => started.items.length).toBe(3);
  const closed = api.close();
  expect(await socket.closed).toBe(1001);
  await closed;
  await run.steps(3);
  const again = openSocket(other);
  const resumed = followSteps(again, id, 3);
  await run.finish();
  expect(await resumed.end).toBe('completed');
  await again.client.dispose();
  expect([...started.items, ...resumed.items].map(({ seq }) => seq)).toEqual(count(1, 7));
});

test('the process answers for the duration of --drain, and a second signal ends it', async () => {
  const home = mkdtempSync(join(tmpdir(), 'howdah-drain-'));
  const main = join(import.meta.dirname, '../../../src/cli/main.ts');
  const child = spawn(process.execPath, [main, 'api', '--drain', '1h'], {
    env: {
      ...{ PATH: process.env.PATH, DATABASE_URL: db.url, PORT: '0', HOWDAH_HOME: home },
      HOWDAH_AUTH: 'none',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  await expect.poll(() => said).toContain('Model');
  const url = /http:\/\/[\d.:]+/.exec(said)?.[0] ?? '';
  const statusAt = async (path: string) => (await fetch(`${url}${path}`)).status;
  expect(await statusAt('/readyz')).toBe(200);
  child.kill('SIGTERM');
  await expect.poll(() => statusAt('/readyz')).toBe(503);
  expect(await statusAt('/api/agents')).toBe(200);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await exit).toEqual([143, null]);
});
