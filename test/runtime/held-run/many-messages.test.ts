import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, waitForEnd } from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
const gate = createGate();
/** Number of model calls in progress, and its maximum, while the session receives many messages. */
let underWay = 0;
let most = 0;

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body, left }) => {
    const messages = body.messages as unknown as Message[];
    const last = messages.at(-1)?.content ?? '';
    if (last === 'wait') await gate.pass(left);
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise(setImmediate);
    underWay -= 1;
    return { content: `${messages.length}: ${messages[0]?.content} … ${last}` };
  });
  worker = await startTestWorker(database.url, { openai: server.url });
});
afterAll(async () => {
  gate.allow(Number.POSITIVE_INFINITY);
  await worker.stop(1_000);
  await server.close();
});

async function sessionWith(agent: string, policy = 'queue'): Promise<string> {
  const { rows } = await database.pool.query(
    `select (howdah.start_session(a.name, policy => $2)).id from howdah.agents as a where a.id = $1`,
    [agent, policy],
  );
  return rows[0].id;
}

test('100 messages from 10 connections get turns 1 to 100, one at a time, and all are answered', {
  timeout: 300_000,
}, async () => {
  const { pool, url } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }], use_history: false });
  const session = await sessionWith(agent);
  await Promise.all(
    Array.from({ length: 10 }, async (_, connection) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      for (let n = 0; n < 10; n += 1) {
        await client.query('select howdah.send_message($1, $2)', [session, `${connection}.${n}`]);
      }
      await client.end();
    }),
  );
  await eventually(
    pool,
    'all are answered',
    `select from howdah.executions where session_id = $1 and status = 'completed' having count(*) = 100`,
    [session],
    60_000,
  );
  const { rows } = await pool.query(
    `select e.turn, e.input, e.output,
       coalesce(e.started_at >= lag(e.completed_at) over (order by e.turn), true) as is_after_the_last
     from howdah.executions as e where e.session_id = $1 order by e.turn`,
    [session],
  );
  expect(rows.map(({ turn }) => turn)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  expect(rows.filter((row) => !row.is_after_the_last)).toEqual([]);
  expect(rows.filter((row) => row.output !== `1: ${row.input} … ${row.input}`)).toEqual([]);
  expect(new Set(rows.map(({ input }) => input)).size).toBe(100);
  expect(most).toBe(1);
});

test('an agent switched to during a run receives all of it, and the run is not affected', async () => {
  const { pool } = database;
  const first = await makeAgent(pool, { models: [{ provider: 'openai' }], instruction: 'first' });
  const second = await makeAgent(pool, { models: [{ provider: 'openai' }], instruction: 'second' });
  const session = await sessionWith(first);
  await pool.query('select howdah.send_message($1, $2)', [session, 'wait']);
  await expect.poll(() => gate.waiting).toBe(1);
  await pool.query(
    'select howdah.switch_agent($1, a.name) from howdah.agents as a where a.id = $2',
    [session, second],
  );
  await pool.query('select howdah.send_message($1, $2)', [session, 'and you?']);
  gate.allow(1);
  const { rows } = await pool.query(
    'select id from howdah.executions where session_id = $1 order by turn',
    [session],
  );
  const [one, two] = await Promise.all(rows.map(({ id }) => waitForEnd(pool, id)));
  expect(one?.output).toBe('2: first … wait');
  // its own instruction, the earlier input and answer, and the message
  expect(two?.output).toBe('4: second … and you?');
});

test('messages with the policy steer from 10 connections are each delivered once, in any state', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }], use_history: false });
  const session = await sessionWith(agent, 'steer');
  await Promise.all(
    Array.from({ length: 10 }, async (_, connection) => {
      for (let n = 0; n < 5; n += 1) {
        await pool.query('select howdah.send_message($1, $2)', [session, `${connection}.${n}`]);
      }
    }),
  );
  await eventually(
    pool,
    'all have ended',
    `select from howdah.executions where session_id = $1 having bool_and(completed_at is not null)`,
    [session],
  );
  const { rows } = await pool.query(
    `select e.status, array_agg(m.content order by m.seq) filter (where m.role = 'user') as said,
       (array_agg(m.role::text order by m.seq desc))[1] as last
     from howdah.executions as e join howdah.messages as m on m.execution_id = e.id
     where e.session_id = $1 group by e.id, e.status`,
    [session],
  );
  const said: string[] = rows.flatMap((row) => row.said);
  expect(said.length).toBe(50);
  expect(new Set(said).size).toBe(50);
  // each message is followed by an answer
  expect(new Set(rows.map(({ status, last }) => `${status} ${last}`))).toEqual(
    new Set(['completed assistant']),
  );
});

test('concurrent messages, plain inserts, cancels and switches leave a session in order', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const session = await sessionWith(agent);
  const refusals: string[] = [];
  const attempt = (text: string, values: unknown[]) =>
    pool.query(text, values).catch((error) => refusals.push(error.code));
  await Promise.all(
    Array.from({ length: 10 }, async (_, connection) => {
      for (const policy of ['queue', 'steer', 'interrupt', 'reject', 'steer']) {
        await attempt('update howdah.sessions set policy = $2 where id = $1', [session, policy]);
        await attempt('select howdah.send_message($1, $2)', [session, `${connection}`]);
        await attempt(
          'insert into howdah.executions (agent_id, session_id, input) values ($1, $2, $3)',
          [agent, session, 'plain'],
        );
        await attempt(
          'select howdah.cancel_execution(s.live_execution_id) from howdah.sessions as s where s.id = $1 and s.live_execution_id is not null',
          [session],
        );
        await attempt(
          'select howdah.switch_agent($1, a.name) from howdah.agents as a where a.id = $2',
          [session, agent],
        );
      }
    }),
  );
  // the run had ended, or the session rejected the message: no deadlock, no other error
  expect(refusals.filter((code) => code !== 'HWTRM' && code !== 'HWCNF')).toEqual([]);
  await eventually(
    pool,
    'all have ended',
    `select from howdah.executions where session_id = $1 having bool_and(completed_at is not null)`,
    [session],
  );
  const { rows } = await pool.query(
    'select s.live_execution_id, s.turns, array_agg(e.turn order by e.turn) as taken from howdah.sessions as s join howdah.executions as e on e.session_id = s.id where s.id = $1 group by s.id',
    [session],
  );
  expect(rows[0].live_execution_id).toBeNull();
  expect(rows[0].taken).toEqual(Array.from({ length: rows[0].turns }, (_, n) => n + 1));
});

test('concurrent messages with the policy interrupt end all runs but one', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const session = await sessionWith(agent, 'interrupt');
  await Promise.all(
    Array.from({ length: 10 }, () =>
      pool.query('select howdah.send_message($1, $2)', [session, 'wait']),
    ),
  );
  const { rows } = await pool.query(
    'select id, turn, status from howdah.executions where session_id = $1 order by turn',
    [session],
  );
  expect(rows.map(({ turn }) => turn)).toEqual(Array.from({ length: 10 }, (_, n) => n + 1));
  expect(rows.slice(0, 9).map(({ status }) => status)).toEqual(Array(9).fill('cancelled'));
  gate.allow(Number.POSITIVE_INFINITY);
  expect((await waitForEnd(pool, rows[9].id)).status).toBe('completed');
});
