import { describe, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { all, makeAgent, makeRun, one, refusal } from './support.ts';

const db = testDatabase();

const TIMES = ['infinity', '-infinity', '0044-03-15 12:00 BC', '10000-01-01', '294276-12-31'];

test('every time that the application may write is checked, and every expires_at', async () => {
  const unchecked = await all(
    db.pool,
    `select c.relname || '.' || a.attname as name from pg_class as c
     join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
       and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
       and (a.attname = 'expires_at'
         or has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update'))
       and not exists (select from pg_trigger as t where t.tgrelid = c.oid
         and t.tgname = '_990_refuse_invalid' and a.attnum = any (t.tgattr)
         and strpos(pg_get_functiondef(t.tgfoid), format('array[''time'', %L', a.attname)) > 0)`,
  );
  expect(unchecked).toEqual([]);
});

/** A call for each function that takes a time, with the time as $1. */
const CALLS: Record<string, string> = {
  'create_api_key(expires_at)': `select howdah.create_api_key('k', expires_at => $1)`,
  'evaluate(items_at)': `select howdah.evaluate('clocks', 'clock', items_at => $1)`,
  'evaluate_runs(since)': `select howdah.evaluate_runs('clocks', 'clock', since => $1)`,
  'evaluate_runs(until)': `select howdah.evaluate_runs('clocks', 'clock', until => $1)`,
  'remember(valid_from)': `select howdah.remember('x', 'tenant', valid_from => $1)`,
  'run(run_at)': `select howdah.run('clock', 'x', run_at => $1)`,
  'run_workflow(run_at)': `select howdah.run_workflow('clocks', 'x', run_at => $1)`,
  'schedule_times(after)': `select howdah.schedule_times('0 9 * * *', after => $1)`,
};

test('every function that takes a time, except to compute or read with it, is called below', async () => {
  const functions = await all(
    db.pool,
    `select p.proname || '(' || a.name || ')' as name from pg_proc as p
     cross join unnest(p.proargtypes::oid[], p.proargnames) as a (type, name)
     where p.pronamespace = 'howdah'::regnamespace and p.provolatile <> 'i'
       and p.proname not in ('replay_searches', 'usage_by', 'usage_summary')
       and a.type in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) order by 1`,
  );
  expect(functions.map(({ name }) => name)).toEqual(Object.keys(CALLS));
});

describe.each(TIMES)('%s is refused', (time) => {
  test('as the start of a run, by insert, update and function', async () => {
    const agent = await makeAgent(db.pool);
    const id = await makeRun(db.pool, { agent_id: agent });
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
    const attempts: [string, unknown[]][] = [
      [
        `insert into howdah.executions (agent_id, input, run_at) values ($1, 'x', $2)`,
        [agent, time],
      ],
      ['update howdah.executions set run_at = $2 where id = $1', [id, time]],
      [`select howdah.run($1, 'x', run_at => $2)`, [name, time]],
    ];
    for (const [text, values] of attempts) {
      expect(await refusal(db.pool.query(text, values))).toMatchObject({
        code: 'HWINV',
        fields: { table: 'executions', field: 'run_at' },
      });
    }
  });

  test.each(Object.entries(CALLS))('by %s', async (_name, call) => {
    await db.pool.query(`
      insert into howdah.agents (name) values ('clock') on conflict do nothing;
      insert into howdah.datasets (name) values ('clocks') on conflict do nothing;
      insert into howdah.workflows (name, type) values ('clocks', 'chain') on conflict do nothing;
      insert into howdah.workflow_agents (workflow_id, agent_id)
      select howdah.workflow('clocks'), howdah.agent('clock') on conflict do nothing`);
    expect((await refusal(db.pool.query(call, [time]))).code).toBe('HWINV');
  });
});

test('times within these years are stored', async () => {
  const agent = await makeAgent(db.pool);
  for (const run_at of ['0001-02-03 00:00+00', '9999-12-01 00:00+00']) {
    await makeRun(db.pool, { agent_id: agent, run_at });
  }
});

test('a filter by a time far from now has all runs, or none', async () => {
  const agent_id = await makeAgent(db.pool);
  await makeRun(db.pool, { agent_id, metadata: { far: 'yes' } });
  const runsSince = async (time: string) =>
    (await all(db.pool, `select runs from howdah.usage_by('far', 'year', $1)`, [time])).length;
  const idsSince = async (time: string) =>
    (
      await all(
        db.pool,
        'select id from howdah.executions where agent_id = $1 and id >= howdah.uuid_v7_floor($2)',
        [agent_id, time],
      )
    ).length;
  for (const time of ['-infinity', '4713-01-01 00:00 BC', '0001-01-01', '1969-12-31']) {
    expect([time, await runsSince(time), await idsSince(time)]).toEqual([time, 1, 1]);
  }
  for (const time of ['infinity', '294276-12-31', '9999-12-31']) {
    expect([time, await runsSince(time), await idsSince(time)]).toEqual([time, 0, 0]);
  }
});
