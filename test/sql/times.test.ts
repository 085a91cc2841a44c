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
         and t.tgname = '_060_refuse_unreadable_time' and a.attnum = any (t.tgattr))`,
  );
  expect(unchecked).toEqual([]);
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

  test('as the end of an API key', async () => {
    const call = `select howdah.create_api_key('k', expires_at => $1)`;
    expect(['HWINV', 'HWDEN']).toContain((await refusal(db.pool.query(call, [time]))).code);
  });
});

test('times within these years are stored', async () => {
  const agent = await makeAgent(db.pool);
  for (const run_at of ['0001-02-03 00:00+00', '9999-12-01 00:00+00']) {
    await makeRun(db.pool, { agent_id: agent, run_at });
  }
});
