import type { Db } from '../../sql/support.ts';
import { all, one } from '../../sql/support.ts';

/** Number of runs of both tenants. Every eightieth is of the small one. */
export const RUNS = 200_000;

/** What a tenant has, to filter its lists by. */
export type KnownRows = {
  tenant: string;
  run: string;
  agent: string;
  user: string;
  session: string;
  parent: string;
  /** The number of `run` in its metadata. */
  order: number;
  metadata: object;
};

const DEFINITIONS = `
  insert into howdah.users (tenant_id, username)
  select t.id, 'user' || n from howdah.tenants as t, generate_series(0, 19) as n where t.slug in ('large', 'small');
  insert into howdah.agents (tenant_id, name, description)
  select t.id, 'agent' || n, '' from howdah.tenants as t, generate_series(0, 4) as n where t.slug in ('large', 'small');
  insert into howdah.sessions (tenant_id, agent_id)
  select a.tenant_id, a.id from howdah.agents as a join howdah.tenants as t on t.id = a.tenant_id,
    generate_series(1, 500) where a.name = 'agent0' and t.slug in ('large', 'small');
  select howdah_private.ensure_month(m) from generate_series(now() - interval '100 days', now(), interval '20 days') as m`;

/**
 * Runs of a hundred days with triggers disabled. Of 80, 2 have not ended, 4 have failed, and 1 is
 * cancelled. Every hundredth is a turn of a session, every fiftieth the child of the one before.
 */
const HISTORY = `
  create temp table numbered as
  with numbers as (
    select n, now() - (${RUNS} - n) * interval '40 seconds' as at,
      case when n % 80 = 79 then 'small' else 'large' end as slug,
      case n % 80 when 3 then 'failed' when 18 then 'failed' when 19 then 'failed' when 37 then 'failed'
        when 57 then 'cancelled' when 21 then 'paused' when 41 then 'waiting'
        when 79 then (array['completed', 'completed', 'failed', 'paused'])[1 + n / 80 % 4]
        else 'completed' end as status
    from generate_series(1, ${RUNS}) as n
  ),
  with_ids as (
    select n.*, overlay(overlay(md5(n.n::text) placing '7' from 13) placing '8' from 17) as hash,
      left(howdah.uuid_v7_floor(n.at)::text, 13) as head
    from numbers as n
  )
  select w.n, w.at, w.status, t.id as tenant_id, (w.head || '-' || right(w.hash::uuid::text, 22))::uuid as id,
    a.id as agent_id, a.current_version_id as version_id, u.id as user_id
  from with_ids as w join howdah.tenants as t on t.slug = w.slug
  join howdah.agents as a on a.tenant_id = t.id and a.name = 'agent' || w.n / 80 % 5
  join howdah.users as u on u.tenant_id = t.id and u.username = 'user' || w.n / 80 % 20;
  alter table howdah.executions disable trigger user;
  insert into howdah.executions (
    id, tenant_id, agent_id, agent_version_id, user_id, session_id, turn, parent_execution_id, root_execution_id,
    depth, ancestors, concurrency_key, status, waiting_for, max_steps, max_seconds, input, output, error,
    stop_reason, metadata, created_by, created_at, updated_at, started_at, completed_at, run_at)
  select n.id, n.tenant_id, n.agent_id, n.version_id, n.user_id, s.id,
    case when s.id is not null then n.n / 100 end, p.id, coalesce(p.id, n.id), (p.id is not null)::int,
    case when p.id is null then '{}' else array[p.id] end, case when n.n % 1000 = 5 then 'key' || n.n end,
    n.status::howdah.execution_status, case n.status when 'waiting' then 'question' end::howdah.waiting_reason,
    50, 600, 'Question ' || n.n, case n.status when 'completed' then 'Answer ' || n.n end,
    case n.status when 'failed' then '{"code": "error"}'::jsonb end,
    case n.status when 'completed' then 'final_answer' when 'failed' then 'error' when 'cancelled' then 'cancelled' end::howdah.stop_reason,
    jsonb_build_object('order', n.n, 'channel', (array['web', 'mail', 'chat'])[1 + n.n / 80 % 3],
      'region', (array['eu', 'us', 'us'])[1 + n.n / 80 % 3],
      'tags', jsonb_build_array('all', 'tag' || n.n / 80 % 7)),
    'history', n.at, n.at, n.at,
    case when n.status in ('completed', 'failed', 'cancelled') then n.at + interval '10 seconds' end, n.at
  from numbered as n
  left join lateral (
    select o.id from howdah.sessions as o
    where o.tenant_id = n.tenant_id and (n.n % 100 = 1 or n.n % 400 = 79) order by o.id limit 1 offset n.n / 100 % 10
  ) as s on n.n % 100 = 1 or n.n % 400 = 79
  left join numbered as p on n.n % 50 = 11 and p.n = n.n - 1 and p.tenant_id = n.tenant_id;
  alter table howdah.executions enable trigger user;
  insert into howdah.steps (execution_id, tenant_id, seq, kind, started_at, finished_at, cost)
  select n.id, n.tenant_id, 1, 'input', n.at, n.at, 0 from numbered as n where n.n % 4 = 3;
  insert into howdah_private.message_log (execution_id, tenant_id, seq, id, role, trust, session_id, content, created_at)
  select e.id, e.tenant_id, 1, e.id, 'user', 'user', e.session_id, e.input, e.created_at
  from howdah.executions as e join numbered as n on n.id = e.id where n.n % 4 = 3 or e.session_id is not null;
  insert into howdah_private.backfills (name) values ('run_tags')`;

/**
 * Makes a large and a small tenant with 200,000 runs. Their tags are not written yet:
 * `howdah_private.backfills` says so.
 */
export async function makeLargeTenants(db: Db): Promise<{ large: KnownRows; small: KnownRows }> {
  await db.query(`insert into howdah.tenants (slug, name) values ('large', 'L'), ('small', 'S')`);
  await db.query(DEFINITIONS);
  await db.query(HISTORY);
  return { large: await knownRows(db, 'large'), small: await knownRows(db, 'small') };
}

/** Gathers statistics, and sets the hints of the log, as autovacuum does after so many inserts. */
export async function settleTables(db: Db): Promise<void> {
  await db.query('vacuum (analyze) howdah.executions, howdah.steps, howdah_private.message_log');
  await db.query('vacuum (analyze) howdah_private.run_tags, howdah.sessions, howdah.tenants');
  await all(db, 'analyze');
}

async function knownRows(db: Db, slug: string): Promise<KnownRows> {
  return one(
    db,
    `select t.id as tenant, e.id as run, e.agent_id as agent, e.user_id as user, (e.metadata -> 'order')::int as "order", e.metadata,
       (select s.session_id from howdah.executions as s where s.tenant_id = t.id and s.session_id is not null order by s.id desc limit 1) as session,
       (select coalesce(min(c.parent_execution_id::text)::uuid, e.id) from howdah.executions as c where c.tenant_id = t.id and c.parent_execution_id is not null) as parent
     from howdah.tenants as t join howdah.executions as e on e.tenant_id = t.id
     where t.slug = $1 and e.status = 'completed' order by e.id limit 1 offset 50`,
    [slug],
  );
}
