import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { dropReplaceable } from '../../../src/db/schema/replaceable-objects.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { makeTwoTenants } from '../../sql/two-tenants.ts';
import {
  createDatabaseOfAllMonths,
  createEmptyDatabase,
  type TestDatabase,
} from '../../support/database.ts';
import { withDatabase } from '../../support/server.ts';
import { OBJECT_DEFINITIONS } from './object-definitions.ts';

const ALL = readdirSync(join(PACKAGE_ROOT, 'migrations'))
  .sort()
  .map((name) => name.replace('.sql', ''));
const LAST = ALL.at(-1) ?? '';

type Row = Record<string, unknown>;

async function ask(db: Pick<pg.ClientBase, 'query'>, text: string): Promise<Row[]> {
  return (await db.query(text)).rows;
}

/** A query for all objects of the database that are not part of PostgreSQL. */
const OBJECTS = `
  select 'schema' as kind, nspname::text as name from pg_namespace where nspname !~ '^pg_(toast|temp)'
  union all
  select 'relation', oid::regclass::text from pg_class
    where relnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace, 'information_schema'::regnamespace)
  union all
  select 'function', oid::regprocedure::text from pg_proc
    where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  union all
  select 'type', oid::regtype::text from pg_type
    where typnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace, 'information_schema'::regnamespace)
  order by 1, 2`;

async function worksFor(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const [run] = await ask(
      client,
      `insert into howdah.executions (agent_id, input)
       values (howdah.agent('development'), 'hi') returning id, status`,
    );
    expect(run).toMatchObject({ status: 'queued' });
    expect(
      await ask(client, `select 1 from graphile_worker._private_jobs where key = '${run?.id}'`),
    ).toHaveLength(1);
    await client.query('begin; set local role howdah_app');
    expect(await ask(client, `select status from howdah.run('development', 'hi')`)).toEqual([
      { status: 'queued' },
    ]);
    await client.query('rollback');
    expect(await ask(client, 'select * from howdah.check_all()')).toEqual([]);
  } finally {
    await client.end();
  }
}

describe('migrate', () => {
  /** The database of the current test: empty, or a copy of the migrated template. */
  let db: TestDatabase;
  const roles: string[] = [];

  const begin = async (make: () => Promise<TestDatabase>) => {
    db = await make();
    onTestFinished(db.drop);
  };
  afterAll(async () => {
    const client = new pg.Client({ connectionString: inject('serverUrl') });
    await client.connect();
    for (const role of roles) {
      await client.query(`drop role if exists ${role}`);
    }
    await client.end();
  });

  const up = (url = db.url) => migrateUp(url, migrateQueue);

  test('up creates everything in an empty database', async () => {
    await begin(createEmptyDatabase);
    expect(await migrationStatus(db.url)).toEqual({
      applied: [],
      pending: ALL,
      newer: [],
      sql: 'outdated',
      backfills: [],
    });
    expect(await up()).toEqual(ALL);
    expect(await migrationStatus(db.url)).toEqual({
      applied: ALL,
      pending: [],
      newer: [],
      sql: 'current',
      backfills: [],
    });
    await worksFor(db.url);
  });

  test('up has nothing to do the second time', async () => {
    await begin(createDatabaseOfAllMonths);
    const stamp = `select xmin::text, ctid::text from pg_proc where pronamespace = 'howdah_private'::regnamespace
      union all select xmin::text, applied_at::text from howdah_private.applied_sql order by 1, 2`;
    const before = await ask(db.pool, stamp);
    expect(await up()).toEqual([]);
    expect(await ask(db.pool, stamp)).toEqual(before);
  });

  test('up with nothing to do waits for no lock', async () => {
    await begin(createDatabaseOfAllMonths);
    const holder = await db.pool.connect();
    await holder.query(`select pg_advisory_lock(hashtextextended('howdah.migrate', 0))`);
    expect(await up()).toEqual([]);
    expect((await migrationStatus(db.url)).sql).toBe('current');
    holder.release(true);
  });

  test('only one of several concurrent ups migrates, and the others find nothing to do', async () => {
    await begin(createEmptyDatabase);
    const results = await Promise.all([up(), up(), up(), up()]);
    expect(results.filter((names) => names.length > 0)).toEqual([ALL]);
    await worksFor(db.url);
  });

  test('up reapplies an outdated sql/ with the same result', async () => {
    await begin(createDatabaseOfAllMonths);
    const before = await ask(db.pool, OBJECT_DEFINITIONS);
    await db.pool.query(`update howdah_private.applied_sql set digest = 'older'`);
    expect((await migrationStatus(db.url)).sql).toBe('outdated');
    expect(await up()).toEqual([]);
    expect(await ask(db.pool, OBJECT_DEFINITIONS)).toEqual(before);
  });

  test('up replaces a function whose result type changed and keeps every trigger and policy', async () => {
    await begin(createDatabaseOfAllMonths);
    const before = await ask(db.pool, OBJECT_DEFINITIONS);
    await db.pool.query(`drop function howdah_private.heartbeat(uuid);
      create function howdah_private.heartbeat(worker uuid) returns text language sql return 'x';
      alter function howdah_private.heartbeat(uuid) owner to howdah_engine;
      update howdah_private.applied_sql set digest = 'older'`);
    await up();
    expect(await ask(db.pool, OBJECT_DEFINITIONS)).toEqual(before);
  });

  test('up replaces a function whose result type changed without recreating policies', async () => {
    await begin(createDatabaseOfAllMonths);
    await db.pool.query(`drop function howdah_private.heartbeat(uuid);
      create function howdah_private.heartbeat(worker uuid) returns text language sql return 'x';
      alter function howdah_private.heartbeat(uuid) owner to howdah_engine;
      update howdah_private.applied_sql set digest = 'older'`);
    const others = 'select oid from pg_policy order by 1';
    const before = await ask(db.pool, others);
    await up();
    expect(await ask(db.pool, others)).toEqual(before);
  });

  test('down reverts the last migration, and up reapplies it', async () => {
    await begin(createDatabaseOfAllMonths);
    await worksFor(db.url);
    const before = await ask(db.pool, OBJECT_DEFINITIONS);
    const runs = await ask(db.pool, 'select id, status, agent_version_id from howdah.executions');
    expect(await migrateDown(db.url, false)).toEqual([LAST]);
    expect(await migrationStatus(db.url)).toEqual({
      applied: ALL.slice(0, -1),
      pending: [LAST],
      newer: [],
      sql: 'outdated',
      backfills: [],
    });
    expect(await up()).toEqual([LAST]);
    expect(await ask(db.pool, OBJECT_DEFINITIONS)).toEqual(before);
    expect(
      await ask(db.pool, 'select id, status, agent_version_id from howdah.executions'),
    ).toEqual(runs);
    await worksFor(db.url);
  });

  test('down reverts one migration at a time, and up returns from any of them', async () => {
    await begin(createDatabaseOfAllMonths);
    for (let left = ALL.length - 1; left >= 5; left--) {
      expect(await migrateDown(db.url, false)).toEqual([ALL[left]]);
    }
    expect(await up()).toEqual(ALL.slice(5));
    await worksFor(db.url);
  });

  test('down --all leaves only what existed before, and up recreates everything', async () => {
    await begin(createEmptyDatabase);
    await db.pool.query('create table public.mine (id int); insert into public.mine values (1)');
    const before = await ask(db.pool, OBJECTS);
    await up();
    await worksFor(db.url);
    expect(await migrateDown(db.url, true)).toEqual([...ALL].reverse());
    expect(await ask(db.pool, OBJECTS)).toEqual(before);
    expect(await ask(db.pool, 'select * from public.mine')).toEqual([{ id: 1 }]);
    expect(
      await ask(
        db.pool,
        `select count(*)::int as n from pg_roles where rolname ~ '^howdah_(owner|app)$'`,
      ),
    ).toEqual([{ n: 2 }]);
    expect(await migrateDown(db.url, true)).toEqual([]);
    expect(await up()).toEqual(ALL);
    await worksFor(db.url);
  });

  test('down --all works with rows in the tables, and up recreates everything', async () => {
    await begin(createDatabaseOfAllMonths);
    await makeTwoTenants(db.pool);
    expect(await migrateDown(db.url, true)).toEqual([...ALL].reverse());
    expect(await up()).toEqual(ALL);
    await worksFor(db.url);
  });

  test('down leaves no filter of the place input, which earlier releases do not know', async () => {
    await begin(createDatabaseOfAllMonths);
    await db.pool.query(
      `insert into howdah.output_filters (name, pattern, places)
       values ('first', 'x', '{input}'), ('second', 'x', '{input,file}'), ('third', 'x', '{file}')`,
    );
    while ((await migrateDown(db.url, false))[0] !== '0023_input_filters');
    expect(
      await ask(db.pool, 'select name, places::text from howdah.output_filters order by name'),
    ).toEqual([
      { name: 'second', places: '{file}' },
      { name: 'third', places: '{file}' },
    ]);
    await up();
    await worksFor(db.url);
  });

  test('down turns CSV documents of every tenant into plain text', async () => {
    await begin(createDatabaseOfAllMonths);
    await db.pool.query(
      `with tenant as (
         insert into howdah.tenants (slug, name) values ('press', 'Press') returning id
       ), base as (
         insert into howdah.knowledge_bases (tenant_id, name) select id, 'prices' from tenant
         returning id, tenant_id
       )
       insert into howdah.documents (tenant_id, knowledge_base_id, title, type, content)
       select tenant_id, id, 'Prices', 'text/csv', 'a,b' from base`,
    );
    while ((await migrateDown(db.url, false))[0] !== '0060_csv_documents');
    expect(await ask(db.pool, 'select type, content from howdah.documents')).toEqual([
      { type: 'text/plain', content: 'a,b' },
    ]);
    await up();
    await worksFor(db.url);
  });

  test('down migrations that change rows disable forced row level security first', () => {
    const hidden = ALL.flatMap((name) => {
      const file = readFileSync(join(PACKAGE_ROOT, 'migrations', `${name}.sql`), 'utf8');
      const lines = file.slice(file.indexOf('-- Down Migration')).split('\n');
      const seen = new Set<string>();
      return lines.flatMap((line) => {
        const [, table, no] = /^ *alter table (\S+) (no )?force row/.exec(line) ?? [];
        if (table !== undefined && no) seen.add(table);
        else if (table !== undefined) seen.delete(table);
        const [, changed] = /^ *(?:delete from|update) (\S+)/.exec(line) ?? [];
        return changed === undefined || seen.has(changed) ? [] : [`${name}: ${line}`];
      });
    });
    expect(hidden).toEqual([]);
  });

  test('down --all refuses when the schemas contain a foreign object, and names it', async () => {
    await begin(createDatabaseOfAllMonths);
    await db.pool.query(`create table howdah.customers (id int generated always as identity primary key);
      create function howdah.greet() returns text language sql return 'hi';
      create view howdah.hellos as select 1 as one`);
    await expect(migrateDown(db.url, true)).rejects.toMatchObject({
      code: 'HWCNF',
      message: expect.stringContaining('howdah.customers, howdah.greet(), howdah.hellos'),
      detail: { objects: ['howdah.customers', 'howdah.greet()', 'howdah.hellos'] },
    });
    expect((await migrationStatus(db.url)).applied).toEqual(ALL);
    await db.pool.query(`alter table howdah.customers set schema public;
      drop function howdah.greet(); drop view howdah.hellos`);
    expect(await migrateDown(db.url, true)).toEqual([...ALL].reverse());
    expect(await ask(db.pool, 'select * from public.customers')).toEqual([]);
  });

  test('rejects a database of a preview release with a message and leaves it unchanged', async () => {
    await begin(createEmptyDatabase);
    await db.pool.query(`create schema howdah_private;
      create table howdah_private.migrations (
        id serial primary key, name text not null, run_on timestamp not null
      );
      insert into howdah_private.migrations (name, run_on)
      values ('0001_schemas_and_roles', now()), ('0002_domains_and_enums', now())`);
    const before = await ask(db.pool, OBJECTS);
    for (const attempt of [up, () => migrateDown(db.url, true), () => migrationStatus(db.url)]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'HWCNF',
        message:
          'this database was created by a preview of Howdah before 0.1.0, which cannot be migrated',
        hint: expect.stringMatching(/empty database: createdb .* howdah backup .* howdah export /),
      });
    }
    expect(await ask(db.pool, OBJECTS)).toEqual(before);
  });

  test('a failure in sql/ rolls back the migrations', async () => {
    await begin(createEmptyDatabase);
    await db.pool.query(`create schema howdah_private;
      create function howdah_private.actor() returns text language sql return 'a stranger''s'`);
    await expect(up()).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringMatching(
        /^sql\/05_identity\/actor\.sql:\d+: must be owner of function/,
      ),
    });
    expect(
      await ask(
        db.pool,
        `select 1 from pg_class where relnamespace = 'howdah'::regnamespace
         union all select 1 from pg_type where typnamespace = 'howdah'::regnamespace`,
      ),
    ).toEqual([]);
    expect((await migrationStatus(db.url)).applied).toEqual(ALL.slice(0, 1));
    await db.pool.query('drop function howdah_private.actor()');
    expect(await up()).toEqual(ALL.slice(1));
    await worksFor(db.url);
  });

  test('a failure in a migration names it', async () => {
    await begin(createDatabaseOfAllMonths);
    const first = ALL.find((name) => name.startsWith('0096_'));
    await db.pool.query('delete from howdah_private.migrations where name >= $1', [first]);
    await expect(up()).rejects.toMatchObject({
      code: '42701',
      message: `migration ${first}: column "ocr_model_id" of relation "knowledge_bases" already exists`,
    });
  });

  test('a failure in sql/ keeps the previous objects in force', async () => {
    await begin(createDatabaseOfAllMonths);
    await db.pool.query(`drop view howdah.daily_usage;
      set role howdah_owner;
      create table howdah.daily_usage (in_the_way boolean);
      reset role;
      update howdah_private.applied_sql set digest = 'older'`);
    const before = await ask(db.pool, OBJECT_DEFINITIONS);
    await expect(up()).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(
        'sql/50_views/daily_usage.sql:1: "daily_usage" is not a view',
      ),
    });
    expect(await ask(db.pool, OBJECT_DEFINITIONS)).toEqual(before);
    await worksFor(db.url);
  });

  test('objects dropped by down count as missing, so up recreates them', async () => {
    await begin(createDatabaseOfAllMonths);
    const before = await ask(db.pool, OBJECT_DEFINITIONS);
    const client = new pg.Client({ connectionString: db.url });
    await client.connect();
    await client.query('begin; set local role howdah_owner');
    await dropReplaceable(client);
    await client.query('commit');
    await client.end();
    expect((await migrationStatus(db.url)).sql).toBe('outdated');
    await up();
    expect(await ask(db.pool, OBJECT_DEFINITIONS)).toEqual(before);
  });

  test('removes what is no longer in sql/, triggers before functions', async () => {
    await begin(createDatabaseOfAllMonths);
    const before = await ask(db.pool, OBJECT_DEFINITIONS);
    await db.pool.query(`set role howdah_owner;
      create function howdah_private.tg_models__older() returns trigger language plpgsql as
        'begin return new; end';
      create view howdah.older as select 1 as one;
      create trigger _300_older before update on howdah.models
        for each row execute function howdah_private.tg_models__older();
      reset role;
      update howdah_private.applied_sql set digest = 'older'`);
    await up();
    expect(await ask(db.pool, OBJECT_DEFINITIONS)).toEqual(before);
  });

  test('foreign objects in our schemas or on our tables survive up and down', async () => {
    await begin(createDatabaseOfAllMonths);
    await db.pool.query(`create schema shop;
      create function howdah.theirs() returns int language sql return 1;
      create view howdah.theirs_too as select 1 as one;
      create table howdah.their_rows (id int primary key, said text not null check (said <> ''), name text);
      create function shop.tg_note() returns trigger language plpgsql as 'begin return new; end';
      create trigger note before update on howdah.models for each row execute function shop.tg_note();
      update howdah_private.applied_sql set digest = 'older'`);
    const theirs = () =>
      ask(
        db.pool,
        `select howdah.theirs() as one, (select count(*)::int from howdah.theirs_too) as rows,
           (select count(*)::int from pg_trigger where tgname = 'note') as triggers`,
      );
    await up();
    expect(await theirs()).toEqual([{ one: 1, rows: 1, triggers: 1 }]);
    await migrateDown(db.url, false);
    await up();
    expect(await theirs()).toEqual([{ one: 1, rows: 1, triggers: 1 }]);
  });

  describe('by an owner who is not a superuser', () => {
    /** Creates a login that has no rights but those of its attributes. */
    const makeOwner = async (pool: pg.Pool, attributes = 'createrole') => {
      const owner = `howdah_test_${randomBytes(6).toString('hex')}`;
      roles.push(owner);
      await pool.query(`create role ${owner} login ${attributes} password 'secret'`);
      return owner;
    };
    const urlOf = (url: string, owner: string) => {
      const own = new URL(url);
      own.username = owner;
      own.password = 'secret';
      return own.toString();
    };

    test('works with membership in howdah_owner when the roles already exist', async () => {
      await begin(createEmptyDatabase);
      const owner = await makeOwner(db.pool);
      const { database } = new pg.Client({ connectionString: db.url });
      await db.pool.query(`alter database ${database} owner to ${owner}`);
      await db.pool.query(`grant howdah_owner to ${owner}`);
      const url = urlOf(db.url, owner);
      expect(await up(url)).toEqual(ALL);
      await worksFor(url);
      expect(await up(url)).toEqual([]);
      expect(await migrateDown(url, true)).toEqual([...ALL].reverse());
      expect(await up(url)).toEqual(ALL);
      await worksFor(url);
    });

    test('is rejected without that membership, naming the missing role', async () => {
      await begin(createEmptyDatabase);
      const owner = await makeOwner(db.pool, 'nocreaterole');
      const { database } = new pg.Client({ connectionString: db.url });
      await db.pool.query(`alter database ${database} owner to ${owner}`);
      await expect(up(urlOf(db.url, owner))).rejects.toMatchObject({
        code: 'HWDEN',
        message: expect.stringContaining('howdah_owner'),
        hint: expect.stringContaining('grant howdah_owner'),
      });
      const { rows } = await db.pool.query(`select to_regnamespace('howdah_private') as left_over`);
      expect(rows).toEqual([{ left_over: null }]);
    });

    test('works on a fresh server, in two databases at once', async () => {
      const home = mkdtempSync(join(tmpdir(), 'howdah-test-'));
      chmodSync(home, 0o755); // the server may run as another user
      const { url } = await startEmbedded({ home });
      const pool = new pg.Pool({ connectionString: url });
      pool.on('error', () => {});
      try {
        await pool.query(`create role plain login createrole password 'secret'`);
        for (const name of ['one', 'two']) {
          await pool.query(`create database ${name} owner plain`);
        }
        const urls = ['one', 'two'].map((name) => urlOf(withDatabase(url, name), 'plain'));
        expect(await Promise.all(urls.map((each) => up(each)))).toEqual([ALL, ALL]);
        for (const each of urls) {
          await worksFor(each);
        }
        expect(
          await ask(
            pool,
            `select 1 from pg_roles where rolname ~ '^howdah_' and (rolsuper or rolcanlogin)`,
          ),
        ).toEqual([]);
      } finally {
        await pool.end();
        await stopEmbedded(home);
        rmSync(home, { recursive: true, force: true });
      }
    });
  });
});
