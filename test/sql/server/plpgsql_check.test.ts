import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, one } from '../support.ts';

// plpgsql_check, a package of the distributions, reads each function in PL/pgSQL and checks its
// statements, types and variables. Its version 2.3 ends the server at a function that assigns a
// field of type record to a variable.

const db = testDatabase();

/** Functions of which it says something that is not so, with the reason. */
const KNOWN: Record<string, string> = {
  'howdah_private.call_files(uuid,text[])': 'reads a record that a function returns',
  'howdah_private.call_read_resource(uuid,jsonb)': 'reads a record that a function returns',
  'howdah_private.check_no_block(text)': 'tries a commit to see whether one is possible',
  'howdah_private.refused_commit_message()': 'tries a commit to get the message of PostgreSQL',
  'howdah_private.tg__permit_attachment()': 'serves tables with other columns, by their name',
  'howdah_private.tg__permit_session()': 'serves tables with other columns, by their name',
  'howdah_private.touched_rows(jsonb,text,integer,integer,bigint)': 'reads rows of any table',
  'howdah_private.tg_agents__unset_default()': 'loops until it returns',
  'howdah_private.lock_many_to_continue(uuid[])': 'loops until it returns',
  'howdah_private.lock_user_data(howdah.users,boolean)': 'loops until it returns',
};

test('plpgsql_check finds no fault in a function', { timeout: 300_000 }, async ({ skip }) => {
  const { isThere } = await one(
    db.pool,
    `select exists (select from pg_available_extensions where name = 'plpgsql_check') as "isThere"`,
  );
  skip(!isThere, 'plpgsql_check is not installed');
  await db.pool.query('create extension plpgsql_check');
  const faults = await all(
    db.pool,
    `with functions as (
       select p.oid, t.tgrelid as relation, t.tgoldtable as old_table, t.tgnewtable as new_table
       from pg_proc as p
       left join lateral (
         select t.* from pg_trigger as t where t.tgfoid = p.oid order by (t.tgoldtable is null)::int + (t.tgnewtable is null)::int, t.oid limit 1
       ) as t on true
       where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
         and p.prolang = (select l.oid from pg_language as l where l.lanname = 'plpgsql')
         and (t.tgrelid is not null or p.prorettype <> 'trigger'::regtype)
     )
     select f.oid::regprocedure::text as function, c.lineno, c.level, c.message
     from functions as f
     cross join lateral plpgsql_check_function_tb(f.oid, coalesce(f.relation, 0),
       other_warnings => false,
       performance_warnings => false,
       extra_warnings => false, oldtable => f.old_table, newtable => f.new_table) as c
     order by 1, 2`,
  );
  expect(faults.filter((fault) => !(fault.function in KNOWN))).toEqual([]);
});
