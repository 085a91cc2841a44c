import type { Pool } from '../connection/pool.ts';

/** The content of a restored database. */
export type RestoredState = {
  live_runs: Record<string, number>;
  executions: number;
  steps: number;
  messages: number;
  sessions: number;
  open_questions: number;
  waiting_jobs: number;
  schedules: number;
  webhooks: number;
  /** Logins that are bound to a tenant and do not exist on this server. */
  missing_logins: string[];
  /** Watched tables that do not exist or lack the trigger of the watch. */
  unwatched_tables: string[];
  /** Functions of tools that do not exist. */
  missing_functions: string[];
};

/** Collects new statistics. A backup contains none, and plans without statistics are bad. */
export async function analyze(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_catalog.pg_class as c
     where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace, 'graphile_worker'::regnamespace)
       and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  for (const { name } of rows) await pool.query(`analyze ${name}`);
}

/** Counts what the restored database contains, by reads of whole tables. */
export async function restoredState(pool: Pool): Promise<RestoredState> {
  return (await pool.query<RestoredState>(STATE)).rows[0] as RestoredState;
}

const STATE = `
  select
    (select coalesce(json_object_agg(l.status, l.runs)::jsonb, '{}') from (
      select e.status, count(*) as runs from howdah.executions as e
      where e.status in ('queued', 'running', 'waiting', 'paused') group by e.status) as l) as live_runs,
    (select count(*) from howdah.executions)::float8 as executions,
    (select count(*) from howdah.steps)::float8 as steps,
    (select count(*) from howdah.messages)::float8 as messages,
    (select count(*) from howdah.sessions)::float8 as sessions,
    (select count(*) from howdah.questions as q where q.status = 'open')::float8 as open_questions,
    (select count(*) from graphile_worker.jobs)::float8 as waiting_jobs,
    (select count(*) from howdah.schedules as s where s.is_active)::float8 as schedules,
    (select count(*) from howdah.webhooks as w where w.is_active)::float8 as webhooks,
    array(select l.login::text from howdah_private.login_tenants as l
      where not exists (select from pg_catalog.pg_roles as r where r.rolname = l.login::text) order by 1) as missing_logins,
    array(select w.table_name from howdah.table_triggers as w
      where not exists (select from pg_catalog.pg_trigger as t where t.tgname = howdah_private.watch_name(w.id))
      union select w.table_name from howdah.knowledge_watches as w
      where not exists (select from pg_catalog.pg_trigger as t
        where starts_with(t.tgname, howdah_private.knowledge_watch_name(w.id))) order by 1
    ) as unwatched_tables,
    array(select distinct t.configuration ->> 'signature' from howdah.tools as t
      where t.kind = 'sql' and to_regprocedure(t.configuration ->> 'signature') is null order by 1) as missing_functions`;
