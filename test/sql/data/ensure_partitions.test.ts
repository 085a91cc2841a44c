import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, committed, makeRun, one, rolledBack, takeRole } from '../support.ts';

describe('ensure_partitions', () => {
  const db = testDatabase();

  beforeAll(async () => {
    await db.pool.query('select howdah_private.ensure_partitions()'); // a month may have begun since it was migrated
  });

  const partitionsOf = (table: string) =>
    all(
      db.pool,
      `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
       from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
       where i.inhparent = $1::regclass order by c.relname`,
      [`howdah.${table}`],
    );

  test('finds nothing to do where all is there, however often it is called', async () => {
    for (let n = 0; n < 2; n++) {
      expect(await one(db.pool, 'select howdah_private.ensure_partitions() as made')).toEqual({
        made: 0,
      });
    }
  });

  test.each(['executions', 'steps', 'messages'])(
    'covers last month to three months ahead of %s without a gap',
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

  test('there is no default partition', async () => {
    expect(
      await all(
        db.pool,
        `select 1 from pg_partitioned_table as p where p.partdefid <> 0 and p.partrelid in
           ('howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah.messages'::regclass)`,
      ),
    ).toEqual([]);
  });

  test('makes the same months whatever the time zone of the session', async () => {
    for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      await rolledBack(db.pool, async (client) => {
        await client.query(`select set_config('timezone', $1, true)`, [zone]);
        const { made } = await one(client, 'select howdah_private.ensure_partitions() as made');
        expect(made).toBe(0);
      });
    }
  });

  test('makes what is missing, once, when many call it at the same time', async () => {
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

  test('works for a worker, and what it makes can be written by runs of that month', async () => {
    await committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_worker');
      expect(await one(client, 'select howdah_private.ensure_partitions(7) as made')).toEqual({
        made: 3,
      });
    });
    const { id } = await one(
      db.pool,
      `select howdah.uuid_v7_floor(now() + interval '7 months' - interval '1 day') as id`,
    );
    expect(await makeRun(db.pool, { id })).toBe(id);
  });

  test('lets others go on beside a long reader, and those who begin runs meanwhile', async () => {
    const reader = await db.pool.connect();
    const maker = await db.pool.connect();
    try {
      await reader.query('begin');
      await reader.query('select count(*) from howdah.executions, howdah.steps, howdah.messages');
      await maker.query('begin');
      // this happens beside the reader, who holds the tables for as long as it likes …
      const made = await one(maker, 'select howdah_private.ensure_partitions(8) as made');
      expect(made).toEqual({ made: 3 });
      // … and while it is uncommitted, others read and write
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

  test('makes them as those are that are there: columns, indexes, constraints and triggers', async () => {
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
       where i.inhparent in ('howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah.messages'::regclass)
       group by p.relname order by 1`,
    );
    expect(shapes).toEqual([
      { parent: 'executions', shapes: '1' },
      { parent: 'messages', shapes: '1' },
      { parent: 'steps', shapes: '1' },
    ]);
  });

  test('gives up soon where somebody holds a table, and holds up nobody behind it', async () => {
    await rolledBack(db.pool, async (holder) => {
      await holder.query('lock table howdah.executions in share update exclusive mode');
      await expect(
        db.pool.query('select howdah_private.ensure_partitions(9)'),
      ).rejects.toMatchObject({ code: '55P03' });
    });
    expect(await one(db.pool, 'select howdah_private.ensure_partitions(9, 1) as made')).toEqual({
      made: 1,
    });
    expect(await one(db.pool, 'select howdah_private.ensure_partitions(9, 5) as made')).toEqual({
      made: 2,
    });
  });

  test('a month can be detached and dropped, since nothing points at it', async () => {
    await rolledBack(db.pool, async (client) => {
      for (const table of ['steps', 'messages', 'executions']) {
        const [oldest] = await partitionsOf(table);
        const name = `howdah_private.${oldest?.name}`;
        await client.query(`alter table howdah.${table} detach partition ${name}`);
        await client.query(`drop table ${name}`);
      }
    });
  });
});
