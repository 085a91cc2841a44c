import { beforeEach, describe, expect, test } from 'vitest';
import { ensureMonths } from '../../../src/db/worker/maintenance.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  makeRun,
  one,
  openSession,
  refusedInside,
  rolledBack,
  takeRole,
} from '../support.ts';

const TABLES: Readonly<Record<string, string>> = {
  executions: 'howdah.executions',
  steps: 'howdah.steps',
  message_log: 'howdah_private.message_log',
};

describe('ensure_partitions', () => {
  const db = testDatabase();

  /** Restores the months of a migrated database before each test. */
  beforeEach(async () => {
    const later = await all(
      db.pool,
      `select i.inhrelid::regclass as name from pg_inherits as i
       join pg_class as c on c.oid = i.inhrelid
       where i.inhparent = any ($1::regclass[])
         and right(c.relname, 7) > to_char(
           date_trunc('month', now() at time zone 'utc') + interval '3 months', 'YYYY_MM')`,
      [Object.values(TABLES)],
    );
    for (const { name } of later) await db.pool.query(`drop table ${name}`);
    // A month may have started since the template was migrated.
    await db.pool.query('select howdah_private.ensure_partitions()');
  });

  const partitionsOf = (table: string) =>
    all(
      db.pool,
      `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
       from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
       where i.inhparent = $1::regclass order by c.relname`,
      [TABLES[table]],
    );

  test('creates nothing where all partitions exist, however often it is called', async () => {
    for (let n = 0; n < 2; n++) {
      expect(await one(db.pool, 'select howdah_private.ensure_partitions() as made')).toEqual({
        made: 0,
      });
    }
  });

  test.each(Object.keys(TABLES))(
    'covers last month to three months after %s without a gap',
    async (table) => {
      const partitions = await partitionsOf(table);
      const bounds = partitions.map(({ bounds }) => /FROM \('(.+)'\) TO \('(.+)'\)/.exec(bounds));
      const { floors } = await one(
        db.pool,
        `select array_agg(howdah.uuid_v7_floor(
             (date_trunc('month', now() at time zone 'utc') + n * interval '1 month') at time zone 'utc'
           )::text order by n) as floors
         from generate_series(-1, 4) as n`,
      );
      expect(bounds.slice(-5).map((bound) => bound?.[1])).toEqual(floors.slice(0, 5));
      expect(bounds.slice(-5).map((bound) => bound?.[2])).toEqual(floors.slice(1));
    },
  );

  test('creates no default partition', async () => {
    expect(
      await all(
        db.pool,
        `select 1 from pg_partitioned_table as p where p.partdefid <> 0 and p.partrelid in
           ('howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)`,
      ),
    ).toEqual([]);
  });

  test('creates the same months in any session time zone', async () => {
    for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      await rolledBack(db.pool, async (client) => {
        await client.query(`select set_config('timezone', $1, true)`, [zone]);
        const { made } = await one(client, 'select howdah_private.ensure_partitions() as made');
        expect(made).toBe(0);
      });
    }
  });

  test('creates missing partitions once under concurrent calls', async () => {
    const { made } = await one(
      db.pool,
      `select sum(made)::int as made from (select howdah_private.ensure_partitions(4) as made) as m`,
    );
    expect(made).toBe(3);
    const results = await Promise.all(
      Array.from({ length: 5 }, () =>
        one(db.pool, 'select howdah_private.ensure_partitions(6) as made'),
      ),
    );
    expect(results.reduce((sum, row) => sum + row.made, 0)).toBe(6);
  });

  test('works for a worker, and runs of a new month can write to its partitions', async () => {
    await committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_worker');
      expect(await one(client, 'select howdah_private.ensure_partitions(7) as made')).toEqual({
        made: 12,
      });
    });
    const { id } = await one(
      db.pool,
      `select howdah.uuid_v7_floor(now() + interval '7 months' - interval '1 day') as id`,
    );
    expect(await makeRun(db.pool, { id })).toBe(id);
  });

  test('does not block reads and inserts, and runs beside a long reader', async () => {
    const reader = await db.pool.connect();
    const maker = await db.pool.connect();
    try {
      await reader.query('begin');
      await reader.query('select count(*) from howdah.executions, howdah.steps, howdah.messages');
      await maker.query('begin');
      // The partitions are created while the reader has the tables open.
      const made = await one(maker, 'select howdah_private.ensure_partitions(4) as made');
      expect(made).toEqual({ made: 3 });
      // Other sessions read and write before the transaction commits.
      await committed(db.pool, async (client) => {
        await client.query(`set local lock_timeout = '5s'`);
        await client.query('select count(*) from howdah.executions');
        await makeRun(client);
      });
      await maker.query('commit');
    } finally {
      await reader.query('rollback');
      reader.release();
      maker.release();
    }
  });

  test('creates partitions with the same columns, indexes, constraints and triggers as existing ones', async () => {
    const shapes = await all(
      db.pool,
      `select p.relname as parent, count(distinct (
         (select array_agg((a.attname, a.atttypid, a.attnotnull, a.attstorage, a.atthasdef)::text order by a.attname)
            from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
         (select count(*) from pg_index as x where x.indrelid = c.oid),
         (select array_agg((k.conname, k.contype)::text order by k.conname) from pg_constraint as k
            where k.conrelid = c.oid and k.contype in ('c', 'n')),
         (select count(*) from pg_constraint as k where k.conrelid = c.oid and k.contype in ('f', 'p', 'u')),
         (select array_agg(t.tgname order by t.tgname) from pg_trigger as t where t.tgrelid = c.oid and not t.tgisinternal),
         c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relowner, c.relacl::text)) as shapes
       from pg_inherits as i join pg_class as c on c.oid = i.inhrelid join pg_class as p on p.oid = i.inhparent
       where i.inhparent in ('howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)
       group by p.relname order by 1`,
    );
    expect(shapes).toEqual([
      { parent: 'executions', shapes: '1' },
      { parent: 'message_log', shapes: '1' },
      { parent: 'steps', shapes: '1' },
    ]);
  });

  test('times out quickly when a table is locked, and blocks no other session', async () => {
    await rolledBack(db.pool, async (holder) => {
      await holder.query('lock table howdah.executions in share update exclusive mode');
      await expect(
        db.pool.query('select howdah_private.ensure_partitions(4)'),
      ).rejects.toMatchObject({ code: '55P03' });
    });
    expect(await one(db.pool, 'select howdah_private.ensure_partitions(4, 1) as made')).toEqual({
      made: 1,
    });
    expect(await one(db.pool, 'select howdah_private.ensure_partitions(4, 5) as made')).toEqual({
      made: 2,
    });
  });

  test('attaches a detached partition again, with its rows', async () => {
    const { month } = await one(
      db.pool,
      `select to_char(date_trunc('month', now() at time zone 'utc') + interval '1 month',
         'YYYY_MM') as month`,
    );
    const { id } = await one(
      db.pool,
      `select howdah.uuid_v7_floor(to_date($1, 'YYYY_MM') + interval '1 day') as id`,
      [month],
    );
    await makeRun(db.pool, { id });
    const runs = () => all(db.pool, 'select id from howdah.executions where id = $1', [id]);
    const isMissing = async () =>
      (await all(db.pool, `select from howdah.alerts where name = 'partitions_missing'`)).length >
      0;
    for (const [table, name] of Object.entries(TABLES)) {
      await db.pool.query(`alter table ${name} detach partition howdah_private.${table}_${month}`);
    }
    expect([await runs(), await isMissing()]).toEqual([[], true]);
    expect(await one(db.pool, 'select howdah_private.ensure_partitions() as made')).toEqual({
      made: 3,
    });
    expect([await runs(), await isMissing()]).toEqual([[{ id }], false]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('finishes an interrupted detach, then attaches the partition again', async () => {
    await db.pool.query('select howdah_private.ensure_partitions(4)');
    const [name] = (await partitionsOf('message_log')).slice(-1).map((p) => p.name);
    await rolledBack(db.pool, async (reader) => {
      await reader.query('select count(*) from howdah.messages');
      const detaching = await openSession(db.url);
      await detaching.query(`set lock_timeout = '50ms'`);
      await expect(
        detaching.query(
          `alter table howdah_private.message_log detach partition howdah_private.${name} concurrently`,
        ),
      ).rejects.toMatchObject({ code: '55P03' });
      await detaching.end();
    });
    expect(await one(db.pool, 'select howdah_private.ensure_partitions(4) as made')).toEqual({
      made: 1,
    });
    expect((await partitionsOf('message_log')).at(-1)).toMatchObject({ name });
  });

  test('does not attach a month that is being dropped', async () => {
    await rolledBack(db.pool, async (client) => {
      const [oldest] = await partitionsOf('message_log');
      await client.query(
        `alter table howdah_private.message_log detach partition howdah_private.${oldest?.name}`,
      );
      const month = `to_date(right('${oldest?.name}', 7), 'YYYY_MM')`;
      await client.query(
        `insert into howdah_private.closed_months (month, first_id, next_id)
         select ${month}, b.first_id, b.next_id from howdah_private.month_bounds(${month}) as b`,
      );
      expect(
        await refusedInside(
          client,
          `select howdah_private.ensure_month(${month}::timestamp at time zone 'utc')`,
        ),
      ).toMatchObject({ code: 'HWCNF' });
    });
  });

  test('creating a single month times out quickly under a lock, and is retried', async () => {
    const month = new Date(Date.UTC(2020, 0, 15));
    const holder = await openSession(db.url);
    await holder.query('begin; lock table howdah.executions in share update exclusive mode');
    await expect(
      db.pool.query('select howdah_private.ensure_month($1)', [month]),
    ).rejects.toMatchObject({ code: '55P03' });
    await ensureMonths(db.pool, month, month, () => holder.query('rollback'));
    expect((await partitionsOf('executions'))[0]?.name).toBe('executions_2020_01');
    await holder.end();
    for (const table of Object.keys(TABLES))
      await db.pool.query(`drop table howdah_private.${table}_2020_01`);
  });

  test('a month can be detached and dropped, because nothing references it', async () => {
    await rolledBack(db.pool, async (client) => {
      for (const [table, parent] of Object.entries(TABLES)) {
        const [oldest] = await partitionsOf(table);
        const name = `howdah_private.${oldest?.name}`;
        await client.query(`alter table ${parent} detach partition ${name}`);
        await client.query(`drop table ${name}`);
        const left = await one(client, 'select to_regclass($1) as month', [name]);
        expect(left).toEqual({ month: null });
      }
    });
  });
});
