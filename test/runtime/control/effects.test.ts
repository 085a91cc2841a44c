import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Json } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startServer, type TestServer } from '../../tools/servers.ts';
import { killWorkerProcesses, startWorkerProcess } from '../../workers/worker-process.ts';
import {
  callTools,
  createLatch,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  shortenBackOff,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const LOOPBACK = '127.0.0.1';

const database = testDatabase();
let worker: Worker | undefined;

/** Fails as `fetch` does when the connection breaks after the request was sent. */
const breaking: CustomTool = {
  name: 'send_and_break',
  description: 'Sends something, and then the connection is gone.',
  parameters: { type: 'object' },
  effect: 'once',
  run() {
    throw new TypeError('fetch failed', {
      cause: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
    });
  },
};

beforeAll(() => shortenBackOff(database.pool));
afterEach(async () => {
  await worker?.stop(0);
  worker = undefined;
});
afterAll(async () => {
  killWorkerProcesses();
});

async function startHere(): Promise<void> {
  worker = await startTestWorker(database.url, { tools: [breaking], egressAllow: [LOOPBACK] });
}

/** Sets the effect and the timeout of http_request in this tenant. */
async function setEffect(effect: string, timeoutMs = 60_000): Promise<void> {
  await database.pool.query(
    `update howdah.tools set effect = $1::howdah.tool_effect, timeout_ms = $2 where name = 'http_request'`,
    [effect, timeoutMs],
  );
}

/** Starts a run that sends one POST to the server and then answers. */
async function startPost(server: TestServer, configuration?: Json): Promise<string> {
  const { pool } = database;
  const call = { name: 'http_request', arguments: { url: server.url, method: 'POST', body: 'x' } };
  const script = [callTools(call), { content: 'done' }];
  const agent = await makeAgent(pool, { script, tools: ['http_request'] });
  if (configuration !== undefined) {
    await pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
      agent,
      JSON.stringify(configuration),
    ]);
  }
  return insertRun(pool, agent);
}

/** Kills a worker during the calls of its runs. The server answers no call before that. */
async function killWhileCalling(runs: number): Promise<{ server: TestServer; ids: string[] }> {
  let silent = true;
  const server = await startServer((_request, response) => {
    if (!silent) response.end('charged');
  });
  const victim = await startWorkerProcess(database.url, { egressAllow: LOOPBACK });
  const ids: string[] = [];
  while (ids.length < runs) ids.push(await startPost(server));
  await expect.poll(() => server.seen.length, { timeout: 60_000 }).toBe(runs);
  victim.signal('SIGKILL');
  await victim.ended;
  silent = false;
  await startHere();
  return { server, ids };
}

type Question = { id: string; kind: string; prompt: string; options: string[]; tool_call: Json };

/** Returns the question of this kind once the run waits for its answer. */
function questionOf(id: string, kind: string): Promise<Question> {
  return eventually<Question>(
    database.pool,
    `an open question of kind ${kind}`,
    `select q.* from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
     where e.id = $1 and q.status = 'open' and q.kind::text = $2
       and (e.waiting_for = 'question' or e.completed_at is not null)`,
    [id, kind],
  );
}

async function answer(question: Question, word: string, data?: Json): Promise<void> {
  await database.pool.query('select howdah.answer_question($1, $2, $3)', [
    question.id,
    word,
    data === undefined ? null : JSON.stringify(data),
  ]);
}

/** Returns the only row of the effects. */
async function effectOf(id: string) {
  const { rows } = await database.pool.query(
    'select * from howdah.effects where execution_id = $1',
    [id],
  );
  expect(rows).toHaveLength(1);
  return rows[0];
}

const keysOf = (server: TestServer) => server.seen.map(({ headers }) => headers['idempotency-key']);
const hang = (): void => {};

describe('a worker killed during a call', () => {
  test('repeats an idempotent call under the same key', async () => {
    await setEffect('idempotent');
    const { server, ids } = await killWhileCalling(1);
    const id = ids[0] as string;
    expect(await waitForEnd(database.pool, id)).toMatchObject({
      status: 'completed',
      output: 'done',
    });
    expect(server.seen).toHaveLength(2);
    expect(new Set(keysOf(server))).toEqual(new Set([`${id}:2:${await callOf(id)}`]));
    expect(await kindsOf(database.pool, id)).toBe('model tool model output');
    expect(await effectOf(id)).toMatchObject({ state: 'done', idempotency_key: keysOf(server)[0] });
  });

  test('asks a person to decide about a once-only call', async () => {
    await setEffect('once');
    const { server, ids } = await killWhileCalling(3);
    const [done, again, gaveUp] = ids as [string, string, string];
    for (const id of ids) {
      expect(await questionOf(id, 'effect')).toMatchObject({
        options: ['done', 'again', 'give_up'],
        prompt: expect.stringContaining('its outcome is unknown'),
        tool_call: { name: 'http_request', arguments: { url: server.url } },
      });
      expect(await executionOf(database.pool, id)).toMatchObject({ status: 'waiting' });
      expect(await effectOf(id)).toMatchObject({ state: 'unknown', finished_at: null });
    }
    expect(server.seen).toHaveLength(3);
    await answer(await questionOf(done, 'effect'), 'done', { receipt: 4711 });
    await answer(await questionOf(again, 'effect'), 'again');
    await answer(await questionOf(gaveUp, 'effect'), 'give_up');
    for (const id of ids) {
      expect(await waitForEnd(database.pool, id)).toMatchObject({ status: 'completed' });
    }
    expect(await resultsOf(database.pool, done)).toEqual(['{"receipt":4711}']);
    expect((await resultsOf(database.pool, again))[0]).toContain('charged');
    expect((await resultsOf(database.pool, gaveUp))[0]).toContain('gave it up');
    expect(keysOf(server).toSorted()).toEqual(
      [...new Set(keysOf(server)), keysOf(server).at(-1)].toSorted(),
    );
    expect(keysOf(server).at(-1)).toContain(again);
    expect(await effectOf(done)).toMatchObject({ state: 'done', result: { receipt: 4711 } });
    expect(await effectOf(again)).toMatchObject({
      state: 'done',
      idempotency_key: keysOf(server).at(-1),
    });
    expect(await effectOf(gaveUp)).toMatchObject({ state: 'given_up', result: null });
    expect(await kindsOf(database.pool, again)).toBe(
      'model tool_started question answer tool_started tool model output',
    );
  });
});

async function callOf(id: string): Promise<string | null | undefined> {
  return (await stepsOf(database.pool, id)).find(({ call_id }) => call_id)?.call_id;
}

describe('a once-only call without an answer', () => {
  test.each<[string, (response: ServerResponse) => void]>([
    ['a timeout', hang],
    ['a broken connection', (response) => response.socket?.destroy()],
    ['a 502', (response) => response.writeHead(502).end()],
    ['malformed HTTP', (response) => response.socket?.end('nonsense\r\n\r\n')],
  ])('%s raises a question, and the call is not repeated', async (_what, behave) => {
    await setEffect('once', 500);
    const server = await startServer((_request, response) => behave(response));
    await startHere();
    const id = await startPost(server);
    const question = await questionOf(id, 'effect');
    expect(question.prompt).toContain('gave no answer');
    expect(await effectOf(id)).toMatchObject({ state: 'unknown', effect: 'once' });
    await answer(question, 'give_up');
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(server.seen).toHaveLength(1);
    expect(await kindsOf(database.pool, id)).toBe(
      'model tool_started question answer tool model output',
    );
  });

  test('a broken connection thrown by a custom tool raises a question too', async () => {
    await startHere();
    const script = [callTools({ name: breaking.name }), { content: 'done' }];
    const agent = await makeAgent(database.pool, { script, tools: [breaking.name] });
    const id = await insertRun(database.pool, agent);
    await answer(await questionOf(id, 'effect'), 'done', 'sent');
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(await resultsOf(database.pool, id)).toEqual(['sent']);
  });

  test('a call rejected before it had any effect is simply retried', async () => {
    await setEffect('once');
    const server = await startServer((_request, response) => {
      response.writeHead(server.seen.length === 1 ? 429 : 200).end();
    });
    await startHere();
    const id = await startPost(server);
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(await kindsOf(database.pool, id)).toBe(
      'model tool_started retry tool_started tool model output',
    );
    expect(new Set(keysOf(server)).size).toBe(1);
  });

  test('a call never sent, as the connection was refused, is retried without a question', async () => {
    await setEffect('once');
    const server = await startServer(hang);
    await startHere();
    const id = await startPost({ ...server, url: 'http://127.0.0.1:1' });
    // its model received the error after the last attempt
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(await kindsOf(database.pool, id)).toMatch(/^model( tool_started retry){3}/);
    expect(await effectOf(id)).toMatchObject({ state: 'failed' });
    const { rows } = await database.pool.query(
      'select from howdah.questions where execution_id = $1',
      [id],
    );
    expect(rows).toEqual([]);
  });
});

describe('a once-only call with an answer', () => {
  test.each([
    [
      'with an answer that exceeds the size limit',
      (response: ServerResponse) => response.end(Buffer.alloc(2_000_000)),
    ],
    [
      'with a redirect to a blocked address',
      (response: ServerResponse) => response.writeHead(302, { location: 'http://10.0.0.1/' }).end(),
    ],
  ])('%s raises a question', async (_, respond) => {
    await setEffect('once');
    const server = await startServer((_request, response) => void respond(response));
    await startHere();
    const id = await startPost(server);
    await answer(await questionOf(id, 'effect'), 'done', 'charged');
    expect(await waitForEnd(database.pool, id)).toMatchObject({ status: 'completed' });
    expect(server.seen).toHaveLength(1);
  });
});

describe('an approved call', () => {
  test('with edited arguments uses them for the call, the question and the repetition', async () => {
    await setEffect('once', 500);
    const server = await startServer((_request, response) => {
      if (server.seen.length > 1) response.end('charged');
    });
    await startHere();
    const { pool } = database;
    const script = [
      callTools({
        name: 'http_request',
        arguments: { url: server.url, method: 'POST', body: '100' },
      }),
      { content: 'done' },
    ];
    const agent = await makeAgent(pool, { script, tools: ['http_request'] });
    await pool.query('update howdah.agent_tools set requires_approval = true where agent_id = $1', [
      agent,
    ]);
    const id = await insertRun(pool, agent);
    const edited = { url: server.url, method: 'POST', body: '10' };
    await answer(await questionOf(id, 'approval'), 'approve', edited);
    const question = await questionOf(id, 'effect');
    expect(question.tool_call).toMatchObject({ arguments: edited });
    await answer(question, 'again');
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(server.seen.map(({ body }) => body)).toEqual(['10', '10']);
    expect(new Set(keysOf(server)).size).toBe(1);
    expect(await effectOf(id)).toMatchObject({ state: 'done', arguments: edited });
    expect(await kindsOf(pool, id)).toBe(
      'model question answer tool_started question answer tool_started tool model output',
    );
  });

  test('is not made with invalid edited arguments: the editor gets an error', async () => {
    await setEffect('idempotent');
    const server = await startServer((_request, response) => response.end());
    await startHere();
    const { pool } = database;
    const call = { name: 'http_request', arguments: { url: server.url } };
    const script = [callTools(call), { content: 'ok' }];
    const agent = await makeAgent(pool, { script, tools: ['http_request'] });
    await pool.query('update howdah.agent_tools set requires_approval = true where agent_id = $1', [
      agent,
    ]);
    const id = await insertRun(pool, agent);
    const question = await questionOf(id, 'approval');
    await expect(answer(question, 'approve', { link: server.url })).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('url'),
    });
    expect(server.seen).toEqual([]);
    await answer(question, 'approve', { url: `${server.url}/mended` });
    await waitForEnd(pool, id);
    expect(server.seen.map(({ path }) => path)).toEqual(['/mended']);
  });
});

describe('a run cancelled during a once-only call', () => {
  async function cancelWhileCalling(): Promise<{ id: string; server: TestServer }> {
    await setEffect('once');
    const server = await startServer((_request, response) => {
      if (server.seen.length > 1) response.end('charged');
    });
    await startHere();
    const id = await startPost(server);
    await expect.poll(() => server.seen.length, { timeout: 60_000 }).toBe(1);
    await database.pool.query('select howdah.cancel_execution($1)', [id]);
    return { id, server };
  }

  test('answered `again` but cancelled before the repetition asks again, as the outcome is unknown', async () => {
    const { pool } = database;
    const { id } = await cancelWhileCalling();
    await pool.query('select howdah.retry_execution($1)', [id]);
    const question = await questionOf(id, 'effect');
    await worker?.stop(0);
    worker = undefined;
    await answer(question, 'again');
    await pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await effectOf(id)).toMatchObject({ state: 'unknown' });
    expect((await questionOf(id, 'effect')).options).toEqual(['done', 'give_up']);
  });

  test('asks again in a fork, which does not repeat the call by itself', async () => {
    const { pool } = database;
    const { id, server } = await cancelWhileCalling();
    const { rows } = await pool.query('select (howdah.fork_execution($1, 2)).id', [id]);
    const question = await questionOf(rows[0].id, 'effect');
    expect(server.seen).toHaveLength(1);
    await answer(question, 'done', 'charged before');
    expect(await waitForEnd(pool, rows[0].id)).toMatchObject({ status: 'completed' });
    expect(server.seen).toHaveLength(1);
  });

  test('leaves the question open: it accepts done or give up, but not again', async () => {
    const { id } = await cancelWhileCalling();
    const question = await questionOf(id, 'effect');
    expect(question.options).toEqual(['done', 'give_up']);
    expect(await effectOf(id)).toMatchObject({ state: 'unknown' });
    await expect(answer(question, 'again')).rejects.toMatchObject({ code: 'HWINV' });
    await answer(question, 'done', { receipt: 1 });
    await expect(answer(question, 'give_up')).rejects.toMatchObject({ code: 'HWCNF' });
    expect(await effectOf(id)).toMatchObject({ state: 'done', result: { receipt: 1 } });
    expect((await executionOf(database.pool, id)).status).toBe('cancelled');
  });

  test('retried without an answer asks again and continues by the answer', async () => {
    const { id, server } = await cancelWhileCalling();
    const first = await questionOf(id, 'effect');
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    const second = await questionOf(id, 'effect');
    expect(second.id).not.toBe(first.id);
    expect(second.options).toContain('again');
    await expect(answer(first, 'done')).rejects.toMatchObject({ code: 'HWCNF' });
    await answer(second, 'again');
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(keysOf(server)).toHaveLength(2);
    expect(new Set(keysOf(server)).size).toBe(1);
  });

  test('retried after an answer follows it and asks nothing', async () => {
    const { id, server } = await cancelWhileCalling();
    await answer(await questionOf(id, 'effect'), 'done', 'it went through');
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(await resultsOf(database.pool, id)).toEqual(['it went through']);
    expect(server.seen).toHaveLength(1);
    const { rows } = await database.pool.query(
      'select from howdah.questions where execution_id = $1',
      [id],
    );
    expect(rows).toHaveLength(1);
  });

  test('does not repeat an answered question after another cancel', async () => {
    const { id } = await cancelWhileCalling();
    await worker?.stop(0);
    worker = undefined;
    await answer(await questionOf(id, 'effect'), 'give_up');
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    await database.pool.query('select howdah.cancel_execution($1)', [id]);
    const { rows } = await database.pool.query(
      `select status from howdah.questions where execution_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ status: 'answered' }]);
    expect(await effectOf(id)).toMatchObject({ state: 'given_up' });
  });
});

describe('http_request', () => {
  test('reaches only what its configuration allows', async () => {
    await setEffect('idempotent');
    const server = await startServer((_request, response) => response.end('hello'));
    await startHere();
    const allowed = await startPost(server, { allow: [server.host] });
    const refused = await startPost(server, { allow: ['example.com'] });
    await waitForEnd(database.pool, allowed);
    await waitForEnd(database.pool, refused);
    expect((await resultsOf(database.pool, allowed))[0]).toContain('hello');
    expect((await resultsOf(database.pool, refused))[0]).toContain('invalid_request');
    expect(server.seen).toHaveLength(1);
  });

  test('keeps its owner’s restrictions when the built-in tools are seeded again', async () => {
    await setEffect('once');
    await database.pool.query(
      `update howdah.tools set description = 'of before' where name = 'http_request'`,
    );
    await database.pool.query('select howdah_private.seed_builtin_tools(id) from howdah.tenants');
    const { rows } = await database.pool.query(
      `select effect, description from howdah.tools where name = 'http_request'`,
    );
    expect(rows).toEqual([
      { effect: 'once', description: expect.stringContaining('Sends one HTTP request') },
    ]);
  });
});

describe('the effects ledger', () => {
  test('has no row for a pure call, and none in a fork for calls of the original', async () => {
    await setEffect('idempotent');
    const gate = createLatch();
    const server = await startServer(
      (_request, response) => void gate.opened.then(() => response.end()),
    );
    await startHere();
    const id = await startPost(server);
    gate.open();
    await waitForEnd(database.pool, id);
    const { rows } = await database.pool.query(
      `select (f).id from howdah.fork_execution($1, 2) as f`,
      [id],
    );
    await waitForEnd(database.pool, rows[0].id);
    expect(await effectOf(id)).toMatchObject({
      tool: 'http_request',
      seq: 2,
      effect: 'idempotent',
      state: 'done',
      arguments: { url: server.url },
      error: null,
      compensation_execution_id: null,
    });
    await setEffect('pure');
    const pure = await startPost(server);
    await waitForEnd(database.pool, pure);
    const others = await database.pool.query(
      'select from howdah.effects where execution_id = any ($1)',
      [[rows[0].id, pure]],
    );
    expect(others.rows).toEqual([]);
    expect(server.seen).toHaveLength(2);
  });
});
