import type { Queryable } from '../connection/pool.ts';

/**
 * The maximum number of rows that are counted. A larger count is shown as "at least" this number,
 * so that an overview never waits for a long count.
 */
export const MAX_COUNTED = 10_000;
/** The number of newest runs of the last day that are searched for failed runs. */
const NEWEST = 1_000;

/** The figures of a tenant for an overview. */
export type Figures = {
  is_worker_alive: boolean;
  /** The number of live runs by status, up to `MAX_COUNTED` runs. */
  live: Record<string, number>;
  /** The number of failed runs among the newest runs of the last day, without runs below others. */
  failed: number;
  newest_failed: string | null;
  /** The number of open questions, up to `MAX_COUNTED`. */
  questions: number;
  newest_question: { id: string; kind: string; prompt: string } | null;
  /** The agent of the newest run. */
  agent: string | null;
  /** The model named `default`, for agents that name no model. */
  model: { provider: string; model: string } | null;
  /** True if there is a model of a server. */
  has_llm: boolean;
};

/** Reads the tenant that this session acts for, or undefined if there is none. */
export async function ownTenant(
  client: Queryable,
): Promise<{ id: string; slug: string } | undefined> {
  const { rows } = await client.query<{ id: string; slug: string }>(
    `select t.id, t.slug from howdah.tenants as t where t.id = (select howdah.current_tenant())`,
  );
  return rows[0];
}

/**
 * Reads the figures of a tenant in one round trip. Each figure reads a bounded number of rows, by
 * an index.
 */
export async function statusFigures(client: Queryable, tenantId: string): Promise<Figures> {
  const { rows } = await client.query<Figures>(FIGURES, [tenantId]);
  return rows[0] as Figures;
}

const FIGURES = `
  with live as (
    select e.status from howdah.executions as e
    where e.tenant_id = $1 and e.status in ('queued', 'running', 'waiting', 'paused') limit ${MAX_COUNTED}
  ),
  newest as materialized (
    select e.id, e.status, e.parent_execution_id from howdah.executions as e
    where e.tenant_id = $1 and e.id >= howdah.uuid_v7_floor(now() - interval '1 day')
    order by e.id desc limit ${NEWEST}
  ),
  failed as (
    select n.id from newest as n where n.status = 'failed' and n.parent_execution_id is null
  ),
  open as (
    select q.id from howdah.questions as q where q.tenant_id = $1 and q.status = 'open' limit ${MAX_COUNTED}
  )
  select howdah_private.is_any_worker_alive() as is_worker_alive,
    (
      select coalesce(json_object_agg(l.status, l.runs)::jsonb, '{}')
      from (select status, count(*) as runs from live group by status) as l
    ) as live,
    (select count(*)::int from failed) as failed,
    (select f.id from failed as f order by f.id desc limit 1) as newest_failed,
    (select count(*)::int from open) as questions,
    (
      select jsonb_build_object('id', q.id, 'kind', q.kind, 'prompt', left(q.prompt, 200))
      from howdah.questions as q where q.tenant_id = $1 and q.status = 'open' order by q.id desc limit 1
    ) as newest_question,
    (
      select a.name from (
        select e.agent_id from howdah.executions as e
        where e.tenant_id = $1 and e.parent_execution_id is null order by e.id desc limit 1
      ) as e join howdah.agents as a on a.id = e.agent_id where a.deleted_at is null
    ) as agent,
    (
      select jsonb_build_object('provider', m.provider, 'model', m.model)
      from howdah.models as m where m.tenant_id = $1 and m.name = 'default'
    ) as model,
    exists (
      select from howdah.models as m where m.tenant_id = $1 and m.purpose = 'llm' and m.provider <> 'local'
    ) as has_llm`;

/** Counts the workers that are alive by their heartbeat; for owners. */
export async function countWorkers(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ workers: number }>(
    `select count(*)::int as workers from howdah_private.workers as w
     where w.heartbeat_at > clock_timestamp() - interval '10 seconds'`,
  );
  return rows[0]?.workers ?? 0;
}
