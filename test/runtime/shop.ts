import type pg from 'pg';
import { eventually } from '../support/database.ts';

/**
 * SQL functions as users write them. Functions that wait take an advisory lock that the test holds,
 * so that no test sleeps.
 */
const FUNCTIONS = `
  create schema shop;
  create table shop.counters (name text primary key, value int not null);
  create table shop.items (id int primary key, parent int references shop.items deferrable initially deferred);
  create table shop.secrets (word text);
  grant usage on schema shop to howdah_app;
  grant select, insert, update on shop.counters, shop.items to howdah_app;

  create function shop.who() returns text language sql as
    'select current_user || '' for '' || howdah.current_tenant() || '' in '' || current_setting(''statement_timeout'')';
  create function shop.read_secret() returns text language sql as 'select word from shop.secrets';
  create function shop.wait_for(lock int) returns text language sql as
    'select ''waited'' from (select pg_advisory_xact_lock_shared(lock)) as l';
  create function shop.count_up(name text) returns int language sql as
    'insert into shop.counters as c values (count_up.name, 1)
     on conflict (name) do update set value = c.value + 1 returning value';
  create function shop.count_up_and_fail(name text) returns int language plpgsql as $$
    begin
      perform shop.count_up(name);
      raise exception 'out of stock' using errcode = 'SH001', hint = 'Order less.', detail = 'only 3 left';
    end $$;
  create function shop.count_up_behind_a_lock(name text, lock int) returns int language plpgsql as $$
    begin
      perform shop.wait_for(lock);
      return shop.count_up(name);
    end $$;
  create function shop.count_up_then_lock(name text, lock int) returns int language plpgsql as $$
    declare v int := shop.count_up(name);
    begin
      perform shop.wait_for(lock);
      return v;
    end $$;
  create function shop.add_orphan() returns int language sql as
    'insert into shop.items values (1, 99) returning id';`;

/** Creates the shop, and registers all of its functions as tools. */
export async function createShop(pool: pg.Pool): Promise<void> {
  await pool.query(FUNCTIONS);
  await pool.query(
    `select howdah.register_sql_tool(p.oid::regprocedure::text)
     from pg_proc as p where p.pronamespace = 'shop'::regnamespace`,
  );
}

/** Returns the value of the counter. */
export async function readCounter(pool: pg.Pool, name: string): Promise<number> {
  const { rows } = await pool.query('select value from shop.counters where name = $1', [name]);
  return rows[0]?.value ?? 0;
}

/** Takes the advisory lock that a tool waits for. Returns a function that releases it. */
export async function takeLock(pool: pg.Pool, key: number): Promise<() => Promise<void>> {
  const client = await pool.connect();
  await client.query('begin');
  await client.query('select pg_advisory_xact_lock($1)', [key]);
  return async () => {
    await client.query('commit');
    client.release();
  };
}

/** Resolves when this number of tools wait for the lock. */
export function waitForWaitingTools(pool: pg.Pool, key: number, count = 1): Promise<unknown> {
  return eventually(
    pool,
    `${count} tools wait for lock ${key}`,
    `select from pg_locks where locktype = 'advisory' and objid = $1 and not granted
     and database = (select oid from pg_database where datname = current_database())
     having count(*) = $2`,
    [key, count],
  );
}
