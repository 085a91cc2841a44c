import { HowdahError } from '../../contracts/errors.ts';
import type { Client, Queryable } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { OUR_ROLES, refuseViewsOnOurs } from './foreign-objects.ts';
import {
  chooseAll,
  type Digests,
  digestsOf,
  type FileChoice,
  namesMadeBy,
  replaceableFiles,
  type SqlFile,
} from './replaceable-files.ts';

/**
 * Errors such as "cannot change return type of existing function" and "cannot drop columns from
 * view".
 */
const CANNOT_REPLACE = new Set<unknown>(['42P13', '42P16']);
/** The error "cannot drop … because other objects depend on it". */
const STILL_NEEDED = '2BP01';

/** Reads the digests of the applied files. The result is empty before the first time. */
export async function appliedDigests(client: Queryable): Promise<Digests> {
  const { rows } = await client.query<{ path: string; digest: string }>(
    'select path, digest from howdah_private.applied_sql',
  );
  return new Map(rows.map(({ path, digest }) => [path, digest]));
}

/**
 * Applies the chosen files of `sql/`. Some changes cannot replace an object in place: other results
 * or arguments of a function, other columns of a view. If others depend on such an object, all
 * replaceable objects are dropped and created again, for which `lockTables` locks all tables.
 * Throws `HWCNF` if views of others depend on an object that would have to be dropped.
 */
export async function applyReplaceable(
  client: Client,
  choice: FileChoice,
  lockTables: () => Promise<void>,
): Promise<void> {
  const files = replaceableFiles();
  await client.query(`set local check_function_bodies = off; set local client_min_messages = warning;
    set local search_path = ''; savepoint replaceable`);
  try {
    await applyInOrder(client, choice);
  } catch (error) {
    if (!CANNOT_REPLACE.has(faultOf((error as Error).cause).code)) {
      throw error;
    }
    await client.query('rollback to savepoint replaceable');
    if (!choice.changesTables) await lockTables();
    await dropReplaceable(client);
    await applyInOrder(client, chooseAll(files)).catch(async (again) => {
      if (!CANNOT_REPLACE.has(faultOf(again.cause).code)) throw again;
      await client.query('rollback to savepoint replaceable');
      await refuseViewsOnOurs(client);
      throw again;
    });
  }
  await noteApplied(client, digestsOf(files));
}

async function noteApplied(client: Client, digests: Digests): Promise<void> {
  const values = [[...digests.keys()], [...digests.values()]];
  await client.query('delete from howdah_private.applied_sql as a where a.path <> all ($1)', [
    values[0],
  ]);
  await client.query(
    `insert into howdah_private.applied_sql as a (path, digest) select * from unnest($1::text[], $2::text[])
     on conflict (path) do update set digest = excluded.digest, applied_at = now()
     where a.digest <> excluded.digest`,
    values,
  );
}

/**
 * Applies definitions first, then grants and seeds. Grants and seeds come last, because they touch
 * the catalogue rows of all remaining objects. Seeds come after the grants, because a changed row
 * fires triggers, and these need privileges on new objects.
 */
async function applyInOrder(client: Client, choice: FileChoice): Promise<void> {
  const isDefinition = ({ path }: SqlFile): boolean => !/^sql.[89]/.test(path);
  const before = await replaceableObjects(client);
  await applyFiles(client, choice.files.filter(isDefinition));
  await dropLeftOver(client, before, choice);
  const known = new Set(before.map(({ oid }) => oid));
  const isNew = (await replaceableObjects(client)).some(({ oid }) => !known.has(oid));
  await applyFiles(client, [
    ...choice.skipped.filter(({ path }) => isNew && /62_column_comments|90_grants/.test(path)),
    ...choice.files.filter((file) => !isDefinition(file)),
    ...choice.skipped.filter(({ path }) => /97_watch_grants|98_seed/.test(path)),
  ]);
}

/** A routine, trigger or view. `stamp` changes with each `create or replace`. */
type ReplaceableObject = {
  oid: number;
  name: string;
  ofTable: boolean;
  drop: string;
  stamp: string;
};

/**
 * Returns all routines, triggers and views of ours. `ofTable` marks triggers and their functions.
 * Objects that others have created in our schemas or on our tables belong to others, and are not
 * returned.
 */
async function replaceableObjects(client: Client): Promise<ReplaceableObject[]> {
  const { rows } = await client.query(
    `select t.oid, format('%s on %s', t.tgname, t.tgrelid::regclass) as name, true as "ofTable",
       format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass) as drop, t.oid || ' ' || t.xmin as stamp
     from pg_catalog.pg_trigger as t join pg_catalog.pg_class as c on c.oid = t.tgrelid
     join pg_catalog.pg_proc as f on f.oid = t.tgfoid and pg_get_userbyid(f.proowner) ~ '${OUR_ROLES}'
     where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
       and not c.relispartition and not t.tgisinternal
     union all
     select c.oid, c.oid::regclass::text, false, format('drop view %s', c.oid::regclass), c.oid || ' ' || c.xmin
     from pg_catalog.pg_class as c
     where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) and c.relkind = 'v'
       and pg_get_userbyid(c.relowner) ~ '${OUR_ROLES}'
     union all
     select p.oid, format('%s.%s', p.pronamespace::regnamespace, p.proname), p.prorettype = 'trigger'::regtype,
       format('drop routine %s', p.oid::regprocedure), p.oid || ' ' || p.xmin
     from pg_catalog.pg_proc as p
     where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
       and pg_get_userbyid(p.proowner) ~ '${OUR_ROLES}'`,
  );
  return rows;
}

/**
 * Drops objects that existed before, were not written again and are not made by a skipped file,
 * because they are no longer in `sql/`. An object that a default, a domain or a trigger of a
 * partition needs remains. One file makes all objects of one name.
 */
async function dropLeftOver(
  client: Client,
  before: ReplaceableObject[],
  { skipped, changesTables }: FileChoice,
): Promise<void> {
  const now = new Set((await replaceableObjects(client)).map(({ stamp }) => stamp));
  const skippedNames = new Set(skipped.flatMap(namesMadeBy));
  for (const { oid, drop, stamp, name, ofTable } of before) {
    const isLeftOver = now.has(stamp) && !skippedNames.has(name) && (changesTables || !ofTable);
    if (isLeftOver && !(await isNeeded(client, oid))) {
      await client.query('savepoint left_over');
      await client.query(drop).catch(async (error) => {
        if (faultOf(error).code !== STILL_NEEDED) {
          throw error;
        }
        await client.query('rollback to savepoint left_over');
      });
    }
  }
}

/**
 * Returns whether other objects depend on a routine. A failed attempt to drop it would leave an
 * ERROR in the log of the server.
 */
async function isNeeded(client: Client, routine: number): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from pg_catalog.pg_depend as d
       where d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = $1
         and d.deptype = 'n') as needed`,
    [routine],
  );
  return rows[0].needed;
}

const BEFORE_FILE = 'savepoint file;';

async function applyFiles(client: Client, files: readonly SqlFile[]): Promise<void> {
  for (const file of files) {
    await applyFile(client, file);
  }
}

/**
 * Applies a file. If a function cannot be replaced, the function is dropped and the file is
 * retried, unless other objects need the function.
 */
async function applyFile(client: Client, { path, text }: SqlFile): Promise<void> {
  for (const dropped = new Set<string>(); ; ) {
    try {
      await client.query(`${BEFORE_FILE}${text}\n;release savepoint file`);
      return;
    } catch (error) {
      const { code, message, hint = '' } = faultOf(error);
      const drop = CANNOT_REPLACE.has(code)
        ? /\bDROP (FUNCTION|PROCEDURE) .*\)/.exec(hint)?.[0]
        : undefined;
      if (drop && !dropped.has(drop) && (await isDropped(client, drop))) {
        dropped.add(drop);
        continue;
      }
      const { position = BEFORE_FILE.length } = error as { position?: string };
      const line = (BEFORE_FILE + text).slice(0, Number(position)).split('\n').length;
      throw new HowdahError('HWINV', `${path}:${line}: ${message}`, { cause: error });
    }
  }
}

/** Rolls back the failed file, then runs `drop`. Returns whether `drop` succeeded. */
async function isDropped(client: Client, drop: string): Promise<boolean> {
  await client.query('rollback to savepoint file');
  return client.query(drop).then(
    () => true,
    () => false,
  );
}

/**
 * Drops all views, triggers, policies and functions of ours. An object that a default, a domain or
 * a view of others needs remains. A function on which parsed functions depend can only be dropped
 * after them, so the loop repeats until no more objects can be dropped.
 */
export async function dropReplaceable(client: Client): Promise<void> {
  await client.query(`do $$
    declare
      v_drop text;
      v_dropped int;
    begin
      -- first: without its policies the table shows no row
      if to_regclass('howdah_private.applied_sql') is not null then
        delete from howdah_private.applied_sql;
      end if;
      loop
        v_dropped := 0;
        for v_drop in
          select format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
          from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
          join pg_proc as f on f.oid = t.tgfoid and pg_get_userbyid(f.proowner) ~ '${OUR_ROLES}'
          where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
            and not t.tgisinternal and t.tgparentid = 0
          union all
          select format('drop policy %I on %I.%I', p.policyname, p.schemaname, p.tablename)
          from pg_policies as p where p.schemaname in ('howdah', 'howdah_private')
          union all
          select format('drop routine %s', p.oid::regprocedure)
          from pg_proc as p
          where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
            and pg_get_userbyid(p.proowner) ~ '${OUR_ROLES}'
          union all -- last: what gives back its rows has gone; one that a view of somebody else stands on stays
          select format('drop view %s', c.oid::regclass)
          from pg_class as c
          where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) and c.relkind = 'v'
            and pg_get_userbyid(c.relowner) ~ '${OUR_ROLES}'
        loop
          begin
            execute v_drop;
            v_dropped := v_dropped + 1;
          exception when dependent_objects_still_exist then
            null;
          end;
        end loop;
        exit when v_dropped = 0;
      end loop;
    end $$`);
}
