import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type FaultProxy,
  loseAnswers,
  startFaultProxy,
} from '../../../chaos/faults/fault-proxy.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { lockRun } from '../../support/database/run-heads.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, executionOf, insertRun, kindsOf, makeAgent, waitForEnd } from '../arrange.ts';
import { readCounter, takeLock, waitForWaitingTools } from '../shop.ts';
import { addHooks, createHookShop, eventNamesOf } from './hook-shop.ts';

const PROCESS = fileURLToPath(new URL('../../support/worker-process.ts', import.meta.url));
const ONCE =
  'before_run message_sent tool_before tool_after message_sent message_sent execution_complete';
const EVENTS = ['before_run', 'message_sent', 'tool_before', 'tool_after', 'execution_complete'];

const database = testDatabase();
let proxy: FaultProxy;
let worker: Worker | undefined;
const killed: ChildProcess[] = [];

const note: CustomTool = {
  name: 'note',
  description: '',
  parameters: { type: 'object' },
  run: () => 'noted',
};

beforeAll(async () => {
  await createHookShop(database.pool);
  proxy = await startFaultProxy(database.url);
});
afterAll(async () => {
  for (const child of killed) {
    child.kill('SIGKILL');
  }
  await worker?.stop(1_000);
  await proxy.close();
});

/** Starts a worker in a separate process, which the test kills. */
async function startProcess(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROCESS], {
    env: { ...process.env, DATABASE_URL: database.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killed.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

async function hookedAgent(name: string, args: { name?: string }): Promise<string> {
  const script = [callTools({ name, arguments: args }), { content: 'done' }];
  const agent = await makeAgent(database.pool, { script, tools: [name] });
  await addHooks(database.pool, agent, 'shop.heard', EVENTS);
  return agent;
}

// Must be the first test: no other worker may take the run.
test('writes of hooks exist once when a worker dies while one runs', async () => {
  const { pool } = database;
  const agent = await hookedAgent('count_up', { name: 'killed' });
  await pool.query(
    `create function shop.waits(event jsonb) returns void language sql as
     'insert into shop.audit (hook, execution_id, event) values (''waits'', (event ->> ''execution_id'')::uuid, event);
      select pg_advisory_xact_lock_shared(81)'`,
  );
  await addHooks(pool, agent, 'shop.waits', ['message_sent'], { position: 2, timeout_ms: 60_000 });
  const release = await takeLock(pool, 81);
  const dying = await startProcess();
  const id = await insertRun(pool, agent);
  await waitForWaitingTools(pool, 81);
  dying.kill('SIGKILL');
  await release();
  worker = await startTestWorker(proxy.url, { tools: [note] });
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', fence: 3 });
  expect(await kindsOf(pool, id)).toBe('guard model tool model output');
  expect(await eventNamesOf(pool, id)).toBe(ONCE);
  expect(await eventNamesOf(pool, id, 'waits')).toBe('message_sent message_sent message_sent');
  expect(await readCounter(pool, 'killed')).toBe(1);
});

test('a hook of a repeatable call is recorded once, and no person is asked, when its worker dies', async () => {
  const { pool } = database;
  await worker?.stop(1_000);
  const dying = await startProcess();
  const id = await insertRun(pool, await hookedAgent('wait_for_ever', {}));
  await eventually(
    pool,
    'it is called',
    `select from howdah.steps where execution_id = $1 and kind = 'tool_started'`,
    [id],
  );
  dying.kill('SIGKILL');
  const again = { ...note, name: 'wait_for_ever' };
  worker = await startTestWorker(proxy.url, { tools: [note, again] });
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
  expect(await kindsOf(pool, id)).toBe('guard model tool_started tool model output');
  expect(await eventNamesOf(pool, id)).toBe(ONCE);
});

test.each([
  ['to the commit', /^Q.{4}commit\0/s, 1],
  ['to the insert of the steps', /commit_steps/, 1],
  ['to a group commit', /^Q.{4}commit\0/s, 3],
  ['to begin', /begin_hooks/, 2],
])('writes of hooks exist once when an answer %s is lost', async (_what, request, times) => {
  const { pool } = database;
  const agent = await hookedAgent('note', {});
  const answers = loseAnswers(proxy, request, times);
  const id = await insertRun(pool, agent);
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', fence: 1 });
  expect(answers.lostCount()).toBe(times);
  expect(await kindsOf(pool, id)).toBe('guard model tool_started tool model output');
  expect(await eventNamesOf(pool, id)).toBe(ONCE);
});

test('writes of hooks exist once when an earlier commit is still in progress', async () => {
  const { pool } = database;
  const agent = await hookedAgent('note', {});
  const holder = await pool.connect();
  let cuts = 0;
  let held: Promise<unknown> | undefined;
  proxy.toClient = () => 'pass';
  proxy.toServer = (chunk, { client, server }) => {
    if (cuts > 0 || !chunk.includes('commit_steps') || !chunk.includes('{tool}')) return 'pass';
    cuts += 1;
    const [, id = ''] = /\{([0-9a-f-]{36})\}/.exec(chunk.toString('latin1')) ?? [];
    held = holder
      .query('begin')
      .then(() => lockRun(holder, id))
      // sent; the client sees its connection break
      .then(() => server.write(chunk, () => client.resetAndDestroy()));
    return 'drop';
  };
  const id = await insertRun(pool, agent);
  await expect.poll(() => cuts).toBe(1);
  await held;
  await expect
    .poll(async () => {
      const { rows } = await pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
           and query ~ '(begin_hooks|commit_steps)'`,
      );
      return rows.length;
    })
    .toBe(2);
  await holder.query('commit');
  holder.release();
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', fence: 1 });
  expect(await eventNamesOf(pool, id)).toBe(ONCE);
});

test('a run taken over while a hook runs keeps none of its writes', async () => {
  const { pool } = database;
  const agent = await hookedAgent('note', {});
  await pool.query(
    `create function shop.waits_too(event jsonb) returns void language sql as 'select pg_advisory_xact_lock_shared(82)'`,
  );
  await addHooks(pool, agent, 'shop.waits_too', ['tool_after'], {
    position: 2,
    timeout_ms: 60_000,
  });
  const release = await takeLock(pool, 82);
  const id = await insertRun(pool, agent);
  await waitForWaitingTools(pool, 82);
  await pool.query('select howdah.cancel_execution($1)', [id]);
  await release();
  await expect.poll(() => worker?.inFlight).toBe(0);
  expect((await executionOf(pool, id)).status).toBe('cancelled');
  expect(await kindsOf(pool, id)).toBe('guard model tool_started');
  const { rows } = await pool.query('select from howdah.questions where execution_id = $1', [id]);
  expect(rows).toEqual([]); // the call is repeatable: no person has to check its effect
  await expect
    .poll(() => eventNamesOf(pool, id))
    .toBe('before_run message_sent tool_before execution_complete'); // called by a job
});
