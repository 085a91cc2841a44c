import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import {
  chooseAll,
  chooseChanged,
  digestsOf,
  type FileChoice,
  replaceableFiles,
  type SqlFile,
} from '../../../src/db/schema/replaceable-files.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { all, makeAgent, makeRun, one } from '../../sql/support.ts';
import { createDatabaseOfAllMonths, type TestDatabase } from '../../support/database.ts';
import { OBJECT_DEFINITIONS } from './object-definitions.ts';

const PRICE = 'sql/10_private/models/price.sql';
const LOOPS = [
  'sql/05_identity/permission_rows.sql',
  'sql/06_rows/content_columns.sql',
  'sql/06_rows/erased_rows.sql',
  'sql/06_rows/exported_rows.sql',
  'sql/06_rows/renamed_rows.sql',
  'sql/30_triggers/audit.sql',
  'sql/30_triggers/permissions.sql',
  'sql/30_triggers/run_references.sql',
  'sql/30_triggers/stamps.sql',
  'sql/40_policies/policies.sql',
  'sql/62_column_comments.sql',
  'sql/66_references.sql',
  'sql/90_grants.sql',
  'sql/95_refusals.sql',
  'sql/99_embedded.sql',
];

describe('an upgrade selects from the files of sql/', () => {
  const files = replaceableFiles();
  const paths = (choice: FileChoice) => choice.files.map(({ path }) => path);
  /** Selects the files to apply if these files changed since the last migration. */
  const chooseAfter = (...changed: string[]) =>
    chooseChanged(
      files,
      new Map([...digestsOf(files), ...changed.map((it) => [it, 'x'] as const)]),
    );

  test('all of them when none is applied', () => {
    expect(paths(chooseChanged(files, new Map()))).toEqual(paths(chooseAll(files)));
  });

  test('none when none changed', () => {
    expect(chooseAfter()).toMatchObject({ files: [], changesTables: false });
  });

  test('only changed files with functions and views, which change no table', () => {
    const changed = [PRICE, 'sql/20_public/runs/run.sql', 'sql/50_views/effects.sql'];
    const choice = chooseAfter(...changed);
    expect(paths(choice)).toEqual(changed);
    expect(choice.changesTables).toBe(false);
    expect(choice.skipped).toHaveLength(files.length - 3);
  });

  test.each([
    ['creates triggers', 'sql/30_triggers/todos.sql'],
    ['loops over the catalogue', 'sql/90_grants.sql'],
    ['has a function that a loop calls', 'sql/10_private/limits/size_limits.sql'],
    ['no longer exists', 'sql/10_private/runs/gone.sql'],
  ])('all loops over the catalogue run again when the changed file %s', (_, path) => {
    const choice = chooseAfter(path);
    const changed = files.some((file) => file.path === path) ? [path] : [];
    expect(paths(choice)).toEqual([...new Set([...LOOPS, ...changed])].sort());
    expect(choice.changesTables).toBe(true);
  });

  test('all loops over the catalogue when a new file creates triggers in another folder', () => {
    const made = {
      path: 'sql/10_private/queue/triggers.sql',
      text: 'create or replace trigger _100_stamp before update on howdah.todos',
    };
    const choice = chooseChanged([...files, made], digestsOf(files));
    expect(paths(choice).toSorted()).toEqual([...LOOPS, made.path].toSorted());
    expect(choice.changesTables).toBe(true);
  });
});

describe('an upgrade without a migration', () => {
  let db: TestDatabase;
  let file: SqlFile;

  beforeAll(() => {
    file = replaceableFiles().find(({ path }) => path === PRICE) as SqlFile;
  });

  const begin = async () => {
    db = await createDatabaseOfAllMonths();
    onTestFinished(db.drop);
    return all(db.pool, OBJECT_DEFINITIONS);
  };
  const outdate = (path: string) =>
    db.pool.query(`update howdah_private.applied_sql set digest = 'older' where path = $1`, [path]);
  const up = (patienceMs?: number) => migrateUp(db.url, migrateQueue, { patienceMs });
  const stamps = () =>
    all(
      db.pool,
      `select p.oid::regprocedure::text as name, p.xmin::text from pg_proc as p
       where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) order by 1`,
    );

  test('applies changes and waits for no session that uses tables', async () => {
    const inForce = await begin();
    expect(file.text).toContain('function howdah_private.price(');
    await db.pool.query(`create or replace function howdah_private.price(tokens_in int, tokens_out int, m howdah.models, usage jsonb default null)
      returns numeric language sql immutable return 1`);
    await outdate(PRICE);
    const before = await stamps();
    const user = await db.pool.connect();
    await user.query('begin');
    await makeRun(user, { agent_id: await makeAgent(user) });
    await user.query('select from howdah.mail');
    expect(await migrationStatus(db.url)).toMatchObject({ sql: 'outdated' });
    expect(await up(0)).toEqual([]);
    await user.query('rollback');
    user.release();
    expect(await migrationStatus(db.url)).toMatchObject({ sql: 'current' });
    expect(await all(db.pool, OBJECT_DEFINITIONS)).toEqual(inForce);
    const old = new Map(before.map(({ name, xmin }) => [name, xmin]));
    const written = (await stamps()).filter(({ name, xmin }) => old.get(name as string) !== xmin);
    // the functions of the changed file only
    expect(written.map(({ name }) => name)).toEqual([
      'howdah_private.cache_surcharge(integer,howdah.models,jsonb)',
      'howdah_private.cache_write_tokens(jsonb,integer)',
      'howdah_private.cached_tokens(jsonb,integer)',
      'howdah_private.count_in(jsonb,integer)',
      'howdah_private.price(integer,integer,howdah.models,jsonb)',
      'howdah_private.unit_cost(howdah.models,jsonb)',
    ]);
  });

  test('drops what is no longer in sql/ and keeps what other files create', async () => {
    const inForce = await begin();
    await db.pool.query(`set role howdah_owner;
      create function howdah_private.left_over() returns int language sql immutable return 1;
      create function howdah_private.price(text) returns int language sql immutable return 1;
      create view howdah_private.left_over as select 1 as one;
      reset role`);
    await outdate(PRICE);
    expect(await up()).toEqual([]);
    expect(await all(db.pool, OBJECT_DEFINITIONS)).toEqual(inForce);
  });

  test('recreates what it has to drop, with its owner and rights', async () => {
    const inForce = await begin();
    const rights = `select proacl::text[] as rights from pg_proc where oid = 'howdah.agent(text)'::regprocedure`;
    const before = await one(db.pool, rights);
    await db.pool.query(`drop function howdah.agent(text);
      set role howdah_owner;
      create function howdah.agent(name text) returns text language sql stable as 'select null';
      reset role`);
    await outdate('sql/20_public/agents/agent.sql');
    expect(await up()).toEqual([]);
    expect(await all(db.pool, OBJECT_DEFINITIONS)).toEqual(inForce);
    expect(await one(db.pool, rights)).toEqual(before);
  });

  test('recreates everything when our other objects depend on what it has to drop', async () => {
    const inForce = await begin();
    await db.pool.query(`drop view howdah.effects; set role howdah_owner;
      create view howdah.effects as select 1 as one;
      create view howdah.more_effects as select * from howdah.effects;
      reset role`);
    await outdate('sql/50_views/effects.sql');
    expect(await up()).toEqual([]);
    expect(await all(db.pool, OBJECT_DEFINITIONS)).toEqual(inForce);
  });

  test('recreates the triggers of a changed file', async () => {
    const inForce = await begin();
    await db.pool.query(`drop trigger _900_enqueue on howdah.executions;
      set role howdah_owner;
      create trigger _123_left_over before insert on howdah.executions
        for each statement execute function howdah_private.tg_executions__permit();
      reset role`);
    await outdate('sql/30_triggers/executions.sql');
    expect(await up()).toEqual([]);
    expect(await all(db.pool, OBJECT_DEFINITIONS)).toEqual(inForce);
  });
});
