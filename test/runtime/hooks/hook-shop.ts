import type pg from 'pg';
import type { Json, JsonObject } from '../../../src/json/json.ts';

/**
 * Hook functions as users write them. `heard` writes every event it receives to a table of the
 * user. `check` reacts as the test has specified in shop.orders for this event.
 */
const FUNCTIONS = `
  create schema shop;
  create table shop.audit (
    id bigint generated always as identity, hook text, execution_id uuid, event jsonb, role text, tenant uuid
  );
  create table shop.counters (name text primary key, value int not null);
  create table shop.orders (event text, agent_id uuid, deed text, answer jsonb);
  grant usage on schema shop to howdah_app;
  grant select, insert, update on shop.audit, shop.counters, shop.orders to howdah_app;

  create function shop.heard(event jsonb) returns void language sql as
    'insert into shop.audit (hook, execution_id, event, role, tenant)
     values (''heard'', (event ->> ''execution_id'')::uuid, event, current_user, howdah.current_tenant())';
  create function shop.second(event jsonb) returns void language sql as
    'insert into shop.audit (hook, execution_id, event) values (''second'', (event ->> ''execution_id'')::uuid, event)';
  create function shop.check(event jsonb) returns jsonb language plpgsql as $$
    declare v shop.orders;
    begin
      select o.* into v from shop.orders as o
      where o.event = $1 ->> 'event' and o.agent_id = ($1 ->> 'agent_id')::uuid;
      insert into shop.audit (hook, execution_id, event)
      values ('check', ($1 ->> 'execution_id')::uuid, $1);
      case v.deed
        when 'refuse' then raise exception 'not on a Sunday' using errcode = 'HWDEN';
        when 'fail' then raise exception 'out of paper' using hint = 'Buy some.';
        when 'hang' then perform pg_advisory_xact_lock_shared((v.answer ->> 'lock')::int);
        when 'cancel' then perform howdah.cancel_execution(($1 ->> 'execution_id')::uuid);
        else null;
      end case;
      return v.answer;
    end $$;
  create function shop.count_up(name text) returns int language sql as
    'insert into shop.counters as c values (count_up.name, 1)
     on conflict (name) do update set value = c.value + 1 returning value';
  select howdah.register_sql_tool('shop.count_up(text)');`;

export async function createHookShop(pool: pg.Pool): Promise<void> {
  await pool.query(FUNCTIONS);
}

/** Adds hooks for one agent, or for all agents. */
export async function addHooks(
  pool: pg.Pool,
  agent: string | null,
  fn: string,
  events: readonly string[],
  columns: { position?: number; timeout_ms?: number; is_active?: boolean } = {},
): Promise<void> {
  await pool.query(
    `insert into howdah.hooks (agent_id, function, event, position, timeout_ms, is_active)
     select $1, $2, e::howdah.hook_event, $4, $5, $6 from unnest($3::text[]) as e`,
    [
      agent,
      fn,
      events,
      columns.position ?? 1,
      columns.timeout_ms ?? 5_000,
      columns.is_active ?? true,
    ],
  );
}

/** Sets the reaction of shop.check to this event. */
export async function setReaction(
  pool: pg.Pool,
  agent: string,
  event: string,
  deed: 'answer' | 'refuse' | 'fail' | 'hang' | 'cancel',
  answer: Json = null,
): Promise<void> {
  await addHooks(pool, agent, 'shop.check', [event], deed === 'hang' ? { timeout_ms: 100 } : {});
  await pool.query('insert into shop.orders values ($2, $1, $3, $4)', [
    agent,
    event,
    deed,
    JSON.stringify(answer),
  ]);
}

export type Audit = { hook: string; event: JsonObject; role: string; tenant: string };

/** Returns the rows written by hooks of a run, in order. */
export async function auditOf(pool: pg.Pool, id: string): Promise<Audit[]> {
  const { rows } = await pool.query(
    'select * from shop.audit where execution_id = $1 order by id',
    [id],
  );
  return rows;
}

/** Returns the names of the events that a hook received, such as `before_run after_setup`. */
export async function eventNamesOf(pool: pg.Pool, id: string, hook = 'heard'): Promise<string> {
  const rows = await auditOf(pool, id);
  return rows
    .filter((row) => row.hook === hook)
    .map(({ event }) => event.event)
    .join(' ');
}
