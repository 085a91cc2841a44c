import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, insertRun, makeAgent, stepsOf } from '../arrange.ts';
import { createShop, readCounter } from '../shop.ts';

const database = testDatabase();
let worker: Worker;
const login = `howdah_test_${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  const { pool } = database;
  await createShop(pool);
  await pool.query(`create role ${login} login password 'secret' in role howdah_app`);
  await pool.query(
    `insert into howdah_private.login_tenants (login, tenant_id, role) select $1, id, 'admin' from howdah.tenants`,
    [login],
  );
  worker = await startTestWorker(database.url, { answerWithinMs: 2_000 });
});
afterAll(async () => {
  await worker.stop(1_000);
  await database.pool.query(`drop owned by ${login}; drop role ${login}`);
});

test('a login that locks every table delays runs; no step is lost or doubled', async () => {
  const { pool, url } = database;
  const script = [
    callTools({ name: 'count_up', arguments: { name: 'locked' } }),
    callTools({ name: 'count_up', arguments: { name: 'locked' } }),
    { content: 'ok' },
  ];
  const agent = await makeAgent(pool, { script, tools: ['count_up'] });
  const { rows } = await pool.query(
    `select format('howdah.%I', relname) as name from pg_class
     where relnamespace = 'howdah'::regnamespace and relkind in ('r', 'p')
       and has_table_privilege('howdah_app', oid, 'delete')`,
  );
  const address = new URL(url);
  address.username = login;
  address.password = 'secret';
  const holder = new pg.Client({ connectionString: address.toString() });
  await holder.connect();
  const id = await insertRun(pool, agent);
  const names = rows.map(({ name }) => name).join(', ');
  const lock = () => holder.query(`begin; lock table ${names} in access exclusive mode`);
  // one table after the other: a worker's maintenance that locks them in another order may
  // interfere
  for (let isLocked = false; !isLocked; ) {
    isLocked = await lock().then(
      () => true,
      (error) =>
        error.code === '40P01' ? holder.query('rollback').then(() => false) : Promise.reject(error),
    );
  }
  // the worker has closed connections that did not answer, and retried
  await eventually(
    pool,
    'the worker waits for a table, for the second time',
    `select from pg_stat_activity as a
     where datname = current_database() and wait_event_type = 'Lock' and application_name like 'howdah-worker%'
       and (select count(*) from pg_stat_activity as b
         where b.datname = a.datname and b.wait_event_type = 'Lock' and b.application_name = a.application_name) > 1`,
  );
  expect((await pool.query('select from howdah_private.workers')).rowCount).toBe(1);
  await holder.query('rollback');
  await holder.end();
  // lost wake-ups are found by the check of the queue, which may take some time
  const run = await eventually(
    pool,
    'the run ends',
    'select status, output from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  expect(run).toEqual({ status: 'completed', output: 'ok' });
  expect(await readCounter(pool, 'locked')).toBe(2);
  expect((await stepsOf(pool, id)).filter(({ kind }) => kind === 'tool')).toHaveLength(2);
});
