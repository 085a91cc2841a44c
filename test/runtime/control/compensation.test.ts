import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { takeRole } from '../../sql/support.ts';
import { bookingTools } from '../../support/booking.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startServer, type TestServer } from '../../tools/servers.ts';
import { killWorkerProcesses, startWorkerProcess } from '../../workers/worker-process.ts';
import {
  callTools,
  type Execution,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker | undefined;

beforeAll(async () => {
  await startHere();
  await database.pool.query(
    `update howdah.tools set compensation_tool_id = (select id from howdah.tools where name = 'unbook')
     where name = 'book'`,
  );
});
afterEach(async () => {
  if (!worker) await startHere();
});
afterAll(async () => {
  await worker?.stop(0);
  killWorkerProcesses();
});

async function startHere(): Promise<void> {
  worker = await startTestWorker(database.url, { tools: bookingTools });
}

async function stopHere(): Promise<void> {
  await worker?.stop(0);
  worker = undefined;
}

const refused = { error: { status: 400, message: 'no more' } };
const pathsOf = (server: TestServer) => server.seen.map(({ path }) => path);

/** Starts a server that accepts every booking. */
const startBookingServer = () => startServer((_request, response) => response.end());

/** Makes an agent that books these rooms one after the other, and then makes the step `then`. */
function makeBooker(server: TestServer, rooms: string[], then: object, tools = ['book']) {
  const calls = rooms.map((room) =>
    callTools({ name: 'book', arguments: { url: server.url, room } }),
  );
  return makeAgent(database.pool, { script: [...calls, then as never], tools });
}

async function runFailingBooker(server: TestServer, rooms: string[]): Promise<Execution> {
  const id = await insertRun(database.pool, await makeBooker(server, rooms, refused));
  return waitForEnd(database.pool, id);
}

/** Returns the compensating run of a run once it has ended. */
async function waitForCompensation(id: string): Promise<Execution & { model_count: number }> {
  return eventually<Execution>(
    database.pool,
    `run ${id} is taken back`,
    `select * from howdah.executions where compensates_execution_id = $1 and completed_at is not null`,
    [id],
  );
}

async function countCompensations(id: string): Promise<number> {
  const { rows } = await database.pool.query(
    'select from howdah.executions where compensates_execution_id = $1',
    [id],
  );
  return rows.length;
}

async function statesOf(id: string): Promise<Json[]> {
  const { rows } = await database.pool.query(
    'select state from howdah.effects where execution_id = $1 order by seq',
    [id],
  );
  return rows.map(({ state }) => state);
}

describe('compensation undoes effects, newest first', () => {
  test('when a run failed', async () => {
    const server = await startBookingServer();
    const { id, status } = await runFailingBooker(server, ['a', 'b', 'c']);
    expect(status).toBe('failed');
    const undoing = await waitForCompensation(id);
    expect(undoing).toMatchObject({ status: 'completed', model_count: 0, tokens_in: '0' });
    expect(undoing.output).toBe('3 effects were taken back.');
    expect(pathsOf(server)).toEqual([
      '/book/a',
      '/book/b',
      '/book/c',
      '/unbook/B-c',
      '/unbook/B-b',
      '/unbook/B-a',
    ]);
    expect(await statesOf(id)).toEqual(['compensated', 'compensated', 'compensated']);
    expect(await statesOf(undoing.id)).toEqual(['done', 'done', 'done']);
    const { rows } = await database.pool.query(
      'select distinct compensation_execution_id as id from howdah.effects where execution_id = $1',
      [id],
    );
    expect(rows).toEqual([{ id: undoing.id }]);
  });

  test('when a run hit a limit', async () => {
    const server = await startBookingServer();
    const agent = await makeBooker(server, ['a', 'b'], { content: 'never' });
    await database.pool.query('update howdah.agents set max_steps = 1 where id = $1', [agent]);
    const { id, stop_reason } = await waitForEnd(
      database.pool,
      await insertRun(database.pool, agent),
    );
    expect(stop_reason).toBe('max_steps');
    await waitForCompensation(id);
    expect(pathsOf(server)).toEqual(['/book/a', '/unbook/B-a']);
  });

  test.each(['cancelled', 'poison', 'expired'])('when a run ended as %s', async (reason) => {
    const server = await startServer(({ path }, response) => {
      if (path !== '/book/b') response.end();
    });
    const id = await insertRun(database.pool, await makeBooker(server, ['a', 'b'], refused));
    await expect.poll(() => pathsOf(server), { timeout: 60_000 }).toEqual(['/book/a', '/book/b']);
    const error = { code: 'internal', message: 'no more', retryable: false };
    await database.pool.query(
      `select howdah_private.terminate_runs(howdah_private.lock_subtree(array[$1::uuid]),
         $2::howdah.stop_reason, case when $2 <> 'cancelled' then $3::jsonb end)`,
      [id, reason, JSON.stringify(error)],
    );
    await waitForCompensation(id);
    expect(pathsOf(server).slice(2)).toEqual(['/unbook/B-a']);
    expect(await statesOf(id)).toEqual(['compensated', 'unknown']);
  });

  test('including those of completed children', async () => {
    const server = await startBookingServer();
    const { pool } = database;
    const child = await makeBooker(server, ['a'], { content: 'booked' });
    await pool.query(
      `insert into howdah.tools (name, kind, agent_id, parameters)
       values ('clerk', 'agent', $1, '{"type": "object", "properties": {"message": {"type": "string"}}}')`,
      [child],
    );
    const script = [
      callTools({ name: 'clerk', arguments: { message: 'go' } }),
      callTools({ name: 'book', arguments: { url: server.url, room: 'b' } }),
      refused,
    ];
    const agent = await makeAgent(pool, { script, tools: ['clerk', 'book'] });
    const { id } = await waitForEnd(pool, await insertRun(pool, agent));
    await waitForCompensation(id);
    const { rows } = await pool.query(
      'select id from howdah.executions where parent_execution_id = $1',
      [id],
    );
    await waitForCompensation(rows[0].id);
    expect(pathsOf(server).slice(2).toSorted()).toEqual(['/unbook/B-a', '/unbook/B-b']);
    expect(await statesOf(rows[0].id)).toEqual(['compensated']);
  });

  test('but not those of a completed run, nor failed calls', async () => {
    const server = await startServer(({ path }, response) =>
      response.writeHead(path === '/book/b' ? 500 : 200).end(),
    );
    const { pool } = database;
    const agent = await makeBooker(server, ['a', 'b'], { content: 'fine' });
    const { id } = await waitForEnd(pool, await insertRun(pool, agent));
    expect(await countCompensations(id)).toBe(0);
    expect(await statesOf(id)).toEqual(['done', 'failed']);
    const failed = await runFailingBooker(server, ['b']);
    expect(await countCompensations(failed.id)).toBe(0);
  });

  test('even when agent and tools were deleted meanwhile', async () => {
    const server = await startServer(({ path }, response) => {
      if (path !== '/book/b') response.end();
    });
    const { pool } = database;
    const agent = await makeBooker(server, ['a', 'b'], refused);
    const id = await insertRun(pool, agent);
    await expect.poll(() => pathsOf(server).length, { timeout: 60_000 }).toBe(2);
    await pool.query(`update howdah.tools set is_active = false where name in ('book', 'unbook')`);
    await pool.query('select howdah.delete_agent($1)', [agent]);
    await pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await waitForCompensation(id)).toMatchObject({ status: 'completed' });
    expect(pathsOf(server).at(-1)).toBe('/unbook/B-a');
    await pool.query(`update howdah.tools set is_active = true where name in ('book', 'unbook')`);
  });

  test('including those of a child agent that its user may no longer see', async () => {
    const server = await startBookingServer();
    const { pool } = database;
    const child = await makeBooker(server, ['a'], { content: 'booked' });
    await pool.query(
      `insert into howdah.tools (name, kind, agent_id, parameters)
       values ('desk_clerk', 'agent', $1, '{"type": "object", "properties": {"message": {"type": "string"}}}')`,
      [child],
    );
    const script = [
      callTools({ name: 'desk_clerk', arguments: { message: 'go' } }),
      callTools({ name: 'ask_user', arguments: { question: 'More?' } }),
    ];
    const agent = await makeAgent(pool, { script, tools: ['desk_clerk', 'ask_user'] });
    const users = await pool.query<{ id: string; tenant_id: string }>(
      `insert into howdah.users (username, role) values ('guest', 'member'), ('host', 'member')
       returning id, tenant_id`,
    );
    const [guest, host] = users.rows as [{ id: string; tenant_id: string }, { id: string }];
    const { rows } = await pool.query<{ id: string }>(
      `insert into howdah.executions (agent_id, input, user_id) values ($1, 'hello', $2) returning id`,
      [agent, guest.id],
    );
    const id = rows[0]?.id as string;
    await eventually(
      pool,
      'the run asks',
      `select from howdah.executions where id = $1 and waiting_for = 'question'`,
      [id],
    );
    await pool.query(
      `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, 'run')`,
      [child, host.id],
    );
    const client = await pool.connect();
    try {
      await client.query('begin');
      const settings = { 'howdah.tenant_id': guest.tenant_id, 'howdah.user_id': guest.id };
      await takeRole(client, 'howdah_app', settings);
      await client.query('select howdah.cancel_execution($1)', [id]);
      await client.query('commit');
    } finally {
      client.release();
    }
    const children = await pool.query<{ id: string }>(
      'select id from howdah.executions where parent_execution_id = $1',
      [id],
    );
    await waitForCompensation(children.rows[0]?.id as string);
    expect(pathsOf(server)).toEqual(['/book/a', '/unbook/B-a']);
  });

  test('by a worker that takes over from a killed one', async () => {
    let silent = true;
    const server = await startServer(({ path }, response) => {
      if (!silent || path !== '/unbook/B-b') response.end();
    });
    await stopHere();
    const victim = await startWorkerProcess(database.url);
    const id = await insertRun(database.pool, await makeBooker(server, ['a', 'b', 'c'], refused));
    await expect.poll(() => server.seen.length, { timeout: 60_000 }).toBe(5);
    victim.signal('SIGKILL');
    await victim.ended;
    silent = false;
    await startHere();
    const undoing = await waitForCompensation(id);
    expect(undoing.status).toBe('completed');
    expect(pathsOf(server).slice(3)).toEqual([
      '/unbook/B-c',
      '/unbook/B-b',
      '/unbook/B-b',
      '/unbook/B-a',
    ]);
    const keys = server.seen.slice(3).map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(3);
    expect(await kindsOf(database.pool, undoing.id)).toBe('tool tool tool output');
  });
});

test('a compensatable, repeatable call is repeated after a kill without a question', async () => {
  let silent = true;
  const server = await startServer((_request, response) => {
    if (!silent) response.end();
  });
  await stopHere();
  const victim = await startWorkerProcess(database.url);
  const id = await insertRun(database.pool, await makeBooker(server, ['a'], { content: 'fine' }));
  await expect.poll(() => server.seen.length, { timeout: 60_000 }).toBe(1);
  victim.signal('SIGKILL');
  await victim.ended;
  silent = false;
  await startHere();
  expect((await waitForEnd(database.pool, id)).status).toBe('completed');
  expect(await kindsOf(database.pool, id)).toBe('model tool_started tool model output');
  const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
  expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
});

test('an effect that cannot be undone fails the compensation run after it tried the others', async () => {
  const server = await startServer(({ path }, response) =>
    response.writeHead(path === '/unbook/B-b' ? 500 : 200).end(),
  );
  const { id } = await runFailingBooker(server, ['a', 'b', 'c']);
  const undoing = await waitForCompensation(id);
  expect(undoing).toMatchObject({ status: 'failed', stop_reason: 'error' });
  expect(undoing.error?.message).toContain('1 of 3 effects could not be reverted: unbook');
  expect(await statesOf(id)).toEqual(['compensated', 'compensation_failed', 'compensated']);
  expect(pathsOf(server).at(-1)).toBe('/unbook/B-a');
  expect(await countCompensations(undoing.id)).toBe(0);
});

test('a run whose effects were undone is not retried', async () => {
  const { id } = await runFailingBooker(await startBookingServer(), ['a']);
  await waitForCompensation(id);
  await expect(
    database.pool.query('select howdah.retry_execution($1)', [id]),
  ).rejects.toMatchObject({ code: 'HWCNF' });
});

test('an effect that a person reports as done after the run ended is undone once', async () => {
  const { pool } = database;
  const server = await startServer(({ path }, response) => {
    if (path !== '/book/b') response.end();
  });
  const id = await insertRun(pool, await makeBooker(server, ['a', 'b'], refused));
  await expect.poll(() => pathsOf(server).length, { timeout: 60_000 }).toBe(2);
  await pool.query('select howdah.cancel_execution($1)', [id]);
  await waitForCompensation(id);
  const { rows } = await pool.query(
    `select howdah.answer_question(id, 'done', '{"booking": "B-b"}')
     from howdah.questions where execution_id = $1 and status = 'open'`,
    [id],
  );
  expect(rows).toHaveLength(1);
  await expect.poll(() => pathsOf(server).at(-1), { timeout: 60_000 }).toBe('/unbook/B-b');
  await expect.poll(() => statesOf(id)).toEqual(['compensated', 'compensated']);
  expect(pathsOf(server)).toHaveLength(4);
});

test('the compensation run does not count in the agent’s statistics', async () => {
  const { pool } = database;
  const agent = await makeBooker(await startBookingServer(), ['a'], refused);
  const { id } = await waitForEnd(pool, await insertRun(pool, agent));
  await waitForCompensation(id);
  for (const view of ['agent_performance', 'daily_usage']) {
    const { rows } = await pool.query(`select * from howdah.${view} where agent_id = $1`, [agent]);
    expect(rows.map(({ runs }) => runs)).toEqual(['1']);
  }
});

test('a result that only looks like an error is not an error', async () => {
  const { pool } = database;
  await pool.query(`
    create schema if not exists hotel;
    create function hotel.release(room text) returns jsonb language sql as
      $$ select jsonb_build_object('error', null) $$;
    select howdah.register_sql_tool('hotel.release(text)');
    update howdah.tools set compensation_tool_id = (select id from howdah.tools where name = 'release')
    where name = 'book'`);
  const { id } = await runFailingBooker(await startBookingServer(), ['a']);
  const undoing = await waitForCompensation(id);
  expect(await resultsOf(pool, undoing.id)).toEqual(['{"error":null}']);
  expect(undoing.status).toBe('completed');
  expect((await stepsOf(pool, undoing.id))[0]?.input).toEqual({ room: 'a' });
  expect((await executionOf(pool, id)).status).toBe('failed');
});
