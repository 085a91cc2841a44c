import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import {
  insertRun,
  makeAgent,
  runToEnd,
  waitForEnd,
  waitForStatus,
} from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startServer } from '../../tools/servers.ts';
import { artifact, startAgentServer, task } from './a2a-server.ts';

// The card of a remote agent determines the interface: version 1.0 or 0.3, JSON-RPC or HTTP+JSON.

const database = testDatabase();
let worker: Worker;
let api: ApiServer;
beforeAll(async () => {
  worker = await startTestWorker(database.url, { egressAllow: ['127.0.0.1'] });
  api = await startTestApi(database.url);
});
afterAll(async () => {
  await api?.close();
  await worker?.stop(0);
});

/** Inserts an agent whose engine is the agent at a URL, and returns its id. */
async function makeRemoteAgent(url: string): Promise<string> {
  const { rows } = await database.pool.query(
    `insert into howdah.agents (name, instruction, engine, engine_configuration)
     values ($1, '', 'a2a', $2) returning id`,
    [`remote_${randomBytes(6).toString('hex')}`, { url }],
  );
  return rows[0].id;
}

/** Makes a local agent, and returns its URL at the API of this test and its name. */
async function makeServedAgent(script: JsonObject[], tools: string[] = []) {
  const id = await makeAgent(database.pool, { script, tools });
  const { rows } = await database.pool.query('select name from howdah.agents where id = $1', [id]);
  return { url: `${api.url}/a2a/${rows[0].name}`, id };
}

const bindingOf = (url: string, protocolBinding: string, protocolVersion = '1.0') => ({
  ...{ url, protocolBinding, protocolVersion },
});

/** Starts a server that serves only a card. */
async function startCard(card: JsonObject) {
  const about = { name: 'remote', description: '', version: '1', skills: [] };
  const modes = { defaultInputModes: ['text/plain'], defaultOutputModes: ['text/plain'] };
  return startServer((_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...about, ...modes, ...card }));
  });
}

describe('an agent of version 0.3', () => {
  test.each([true, false])('is called over JSON-RPC (streaming: %s)', async (streaming) => {
    const { url } = await makeServedAgent([{ content: 'Good day.' }]);
    const card = await startCard({
      ...{ url, protocolVersion: '0.3.0', preferredTransport: 'JSONRPC' },
      capabilities: { streaming },
    });
    const run = await runToEnd(database.pool, await makeRemoteAgent(card.url));
    expect(run).toMatchObject({ status: 'completed', output: 'Good day.' });
  });

  test('asks its question through this run', async () => {
    const args = JSON.stringify({ question: 'Which color?' });
    const call = { id: 'c1', name: 'ask_user', arguments: args };
    const { url } = await makeServedAgent(
      [{ tool_calls: [call] }, { content: 'Noted.' }],
      ['ask_user'],
    );
    const card = await startCard({
      ...{ url, protocolVersion: '0.3.0', preferredTransport: 'JSONRPC' },
      capabilities: { streaming: true },
    });
    const id = await insertRun(database.pool, await makeRemoteAgent(card.url), 'Paint it.');
    await waitForStatus(database.pool, id, 'waiting');
    const { rows } = await database.pool.query(
      `select id from howdah.questions where execution_id = $1 and status = 'open'`,
      [id],
    );
    await database.pool.query('select howdah.answer_question($1, $2)', [rows[0].id, 'red']);
    expect(await waitForEnd(database.pool, id)).toMatchObject({ output: 'Noted.' });
  });
});

describe('an agent over HTTP+JSON', () => {
  const answer = task('COMPLETED', undefined, [artifact([{ text: 'Over HTTP.' }])]);

  test.each([true, false])('is called by its paths (streaming: %s)', async (streaming) => {
    const server = await startServer((seen, response) => {
      const isStream = seen.path.endsWith('/message:stream');
      response.writeHead(200, {
        'content-type': isStream ? 'text/event-stream' : 'application/json',
      });
      const body = JSON.stringify({ task: answer });
      response.end(isStream ? `data: ${body}\n\n` : body);
    });
    const card = await startCard({
      supportedInterfaces: [bindingOf(`${server.url}/rest`, 'HTTP+JSON')],
      capabilities: { streaming },
    });
    const run = await runToEnd(database.pool, await makeRemoteAgent(card.url), 'Hello?');
    expect(run).toMatchObject({ status: 'completed', output: 'Over HTTP.' });
    const [request] = server.seen;
    expect(request).toMatchObject({
      method: 'POST',
      path: `/rest/message:${streaming ? 'stream' : 'send'}`,
    });
    expect(request?.body).toContain('Hello?');
  });
});

describe('a card', () => {
  test('with gRPC first and JSON-RPC second is called over JSON-RPC', async () => {
    const server = await startAgentServer({
      card: (url) => ({
        supportedInterfaces: [bindingOf(url, 'GRPC'), bindingOf(`${url}/rpc`, 'JSONRPC')],
      }),
      on: () => ({
        events: [{ task: task('COMPLETED', undefined, [artifact([{ text: 'By RPC.' }])]) }],
      }),
    });
    const run = await runToEnd(database.pool, await makeRemoteAgent(server.url));
    expect(run).toMatchObject({ status: 'completed', output: 'By RPC.' });
  });

  test('with gRPC alone fails the run and names what is supported', async () => {
    const server = await startAgentServer({
      card: (url) => ({ supportedInterfaces: [bindingOf(url, 'GRPC')] }),
      on: () => undefined,
    });
    const run = await runToEnd(database.pool, await makeRemoteAgent(server.url));
    expect(run.error?.message).toContain('no endpoint over JSON-RPC or HTTP+JSON');
  });
});

test('a run that is cancelled cancels the run of another Howdah below it', async () => {
  const { pool } = database;
  const slow = { content: 'Too late.', delay_ms: 600_000 };
  const { url, id: remote } = await makeServedAgent([slow]);
  const id = await insertRun(pool, await makeRemoteAgent(url), 'Take your time.');
  const below = async () =>
    (await pool.query('select status from howdah.executions where agent_id = $1', [remote])).rows;
  await expect.poll(below, { timeout: 30_000 }).toEqual([{ status: 'running' }]);
  await pool.query('select howdah.cancel_execution($1)', [id]);
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'cancelled' });
  await expect.poll(below, { timeout: 30_000 }).toEqual([{ status: 'cancelled' }]);
});
