import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, makeAgent, makeRun, makeTenant, one, openSession, rolledBack } from '../support.ts';

const JOB = `select to_jsonb(j) - '{id,key,created_at,updated_at,run_at}'::text[] as job,
    j.run_at = e.run_at as is_due_with_run
  from graphile_worker._private_jobs as j join howdah.executions as e on e.id = $1
  where j.key = $2`;

describe('wake-ups of new runs', () => {
  const db = testDatabase();

  test('are the jobs that add_jobs makes', async () => {
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool), priority: 7 });
    await rolledBack(db.pool, async (client) => {
      await client.query(
        `select graphile_worker.add_jobs(array[row('advance', json_build_object('id', e.id), null,
           e.run_at, 25::smallint, 'by add_jobs', e.priority, null)::graphile_worker.job_spec])
         from howdah.executions as e where e.id = $1`,
        [run],
      );
      expect(await one(client, JOB, [run, run])).toEqual(
        await one(client, JOB, [run, 'by add_jobs']),
      );
    });
  });

  test('replace a job that has their key, unless a worker works on it', async () => {
    const agent = await makeAgent(db.pool);
    await rolledBack(db.pool, async (client) => {
      const { free, locked } = await one(
        client,
        'select howdah.uuid_v7() as free, howdah.uuid_v7() as locked',
      );
      await client.query(
        `select graphile_worker.add_job('other', job_key => k)
         from unnest(array[$1, $2]::text[]) as k`,
        [free, locked],
      );
      await client.query(
        `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'x',
           updated_at = now() - interval '1 minute' where key = $1`,
        [locked],
      );
      await client.query(
        `update graphile_worker._private_jobs set updated_at = now() - interval '1 minute'
         where key = $1`,
        [free],
      );
      await client.query(
        `insert into howdah.executions (id, agent_id, input)
         select i, $1, 'x' from unnest(array[$2, $3, howdah.uuid_v7()]::uuid[]) as i`,
        [agent, free, locked],
      );
      const jobs = await all(
        client,
        `select key, task from howdah_private.queue_jobs
         where key in ($1, $2, $2 || ' again') order by key = $1 desc, key`,
        [free, locked],
      );
      expect(jobs).toEqual([
        { key: free, task: 'advance' },
        { key: locked, task: 'other' },
        { key: `${locked} again`, task: 'advance' },
      ]);
    });
  });

  test('create the task of a queue that does not have it', async () => {
    const agent = await makeAgent(db.pool);
    await rolledBack(db.pool, async (client) => {
      await client.query('delete from graphile_worker._private_jobs');
      await client.query(`delete from graphile_worker._private_tasks where identifier = 'advance'`);
      const run = await makeRun(client, { agent_id: agent });
      expect(
        await one(client, 'select task from howdah_private.queue_jobs where key = $1', [run]),
      ).toEqual({ task: 'advance' });
    });
  });
});

describe('the first insert of a connection', () => {
  const db = testDatabase();

  test('opens no table of a feature that has never been used', async () => {
    const agent = await makeAgent(db.pool);
    const client = await openSession(db.url);
    try {
      await client.query('begin');
      await client.query('insert into howdah.executions (agent_id, input) values ($1, $2)', [
        agent,
        'x',
      ]);
      const opened = await all(
        client,
        `select l.relation::regclass::text as name from pg_locks as l
         join pg_class as c on c.oid = l.relation and c.relkind in ('r', 'p')
         where l.pid = pg_backend_pid() and l.relation >= 16384
           and c.relname !~ '^executions_\\d' group by 1 order by 1`,
      );
      expect(opened.map(({ name }) => name)).toEqual([
        'graphile_worker._private_jobs',
        'graphile_worker._private_tasks',
        'howdah.agents',
        'howdah.executions',
        'howdah.tenants',
        'howdah_private.installation',
        'howdah_private.login_tenants',
        'howdah_private.workers',
      ]);
    } finally {
      await client.end();
    }
  });

  test.each([
    ['settings', 'has_settings', `(key, value) values ('max_steps', '7')`],
    ['output_filters', 'has_input_filters', `(name, pattern) values ('f', 'x')`],
    ['limits', 'has_run_limits', `(metric, period, max_value) values ('runs', 'day', 5)`],
  ])('looks into %s once it has had a row', async (table, flag, row) => {
    const read = `select ${flag} as flag from howdah_private.installation`;
    await rolledBack(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [
        await makeTenant(client),
      ]);
      expect(await one(client, read)).toEqual({ flag: false });
      await client.query(`insert into howdah.${table} ${row}`);
      expect(await one(client, read)).toEqual({ flag: true });
      await client.query(`delete from howdah.${table}`);
      expect(await one(client, read)).toEqual({ flag: true });
    });
  });
});
