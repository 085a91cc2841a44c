import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, finish, makeRun, makeWorker, refusal } from '../support.ts';

const LOGS = [
  { table: 'howdah.steps', column: 'name' },
  { table: 'howdah.messages', column: 'content' },
  { table: 'howdah.agent_versions', column: 'created_by' },
  { table: 'howdah.audit_log', column: 'actor' },
];

/** Tables that store the rows of views, which cannot be truncated. */
const STORED: Readonly<Record<string, string>> = {
  'howdah.messages': 'howdah_private.message_log',
};

describe('recorded history is immutable', () => {
  const db = testDatabase();

  beforeAll(async () => {
    await finish(db.pool, await makeWorker(db.pool), await makeRun(db.pool));
  });

  test.each(LOGS)('the owner cannot change $table', async ({ table, column }) => {
    const count = await all(db.pool, `select count(*)::int as n from ${table}`);
    expect(count[0]?.n).toBeGreaterThan(0);
    for (const [verb, statement] of [
      ['update', `update ${table} set ${column} = 'x'`],
      ['delete', `delete from ${table}`],
      ['truncate', `truncate ${STORED[table] ?? table} cascade`],
    ]) {
      expect(await refusal(db.pool.query(statement as string))).toMatchObject({
        code: 'HWDEN',
        message: expect.stringMatching(
          new RegExp(`^${verb} of .* is not allowed: recorded data is immutable`),
        ),
        hint: expect.any(String),
      });
    }
    expect(await all(db.pool, `select count(*)::int as n from ${table}`)).toEqual(count);
  });

  test.each(['howdah.steps', 'howdah_private.message_log'])(
    'the owner cannot change a partition of %s',
    async (log) => {
      const partitions = await all(
        db.pool,
        'select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::regclass',
        [log],
      );
      expect(partitions.length).toBeGreaterThanOrEqual(3);
      const verbs: string[] = [];
      for (const { name } of partitions) {
        const { rows } = await db.pool.query(`select 1 from ${name} limit 1`);
        // An empty partition has no rows to protect. It must still reject truncate.
        const statements = rows.length
          ? [`update ${name} set tenant_id = tenant_id`, `delete from ${name}`, `truncate ${name}`]
          : [`truncate ${name}`];
        for (const statement of statements) {
          const refused = await refusal(db.pool.query(statement));
          expect(refused).toMatchObject({ code: 'HWDEN' });
          verbs.push(statement.split(' ')[0] as string);
        }
      }
      expect(new Set(verbs)).toEqual(new Set(['update', 'delete', 'truncate']));
    },
  );

  test('new partitions get the same trigger, and old ones that lost it regain it', async () => {
    await db.pool.query(`
      set role howdah_owner;
      create table howdah_private.steps_2020_01 partition of howdah.steps
        for values from (howdah.uuid_v7_floor('2020-01-01Z')) to (howdah.uuid_v7_floor('2020-02-01Z'));
      reset role`);
    await db.pool.query('select howdah_private.ensure_partitions(5)');
    const unguarded = await all(
      db.pool,
      `select i.inhrelid::regclass::text as name from pg_inherits as i
       where i.inhparent in ('howdah.steps'::regclass, 'howdah_private.message_log'::regclass)
         and (select count(*) from pg_trigger as t where t.tgrelid = i.inhrelid
           and t.tgname in ('_100_refuse_change', '_100_refuse_truncate')) <> 2`,
    );
    expect(unguarded).toEqual([]);
  });
});
