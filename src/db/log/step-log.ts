import { type RawBuilder, sql } from 'kysely';
import type { JsonObject } from '../../json/json.ts';
import type { Queries } from '../queries/queries.ts';
import type { ExecutionStatus } from '../schema.generated.ts';

/**
 * A step as a line of a log: the event, its run, its duration and its cost, without any content.
 */
export type StepLogRow = {
  execution_id: string;
  seq: number;
  /** The name of the agent or workflow of the run. */
  agent: string | null;
  kind: string;
  name: string | null;
  started_at: Date;
  finished_at: Date;
  ms: number;
  tokens_in: number;
  tokens_out: number;
  cost: number | string;
  error: JsonObject | null;
};

/**
 * A filter of runs: one run, those of a session, or else those of a tenant. All conditions must be
 * true.
 */
export type LogFilter = {
  id?: string | undefined;
  session?: string | undefined;
  tenantId?: string | undefined;
  agent?: string | undefined;
  workflow?: string | undefined;
  status?: readonly ExecutionStatus[] | undefined;
  /** Selects only steps that failed, were retried, or were stopped by a guard. */
  errors?: true | undefined;
};

export type LogSpan = {
  since: Date;
  /**
   * Selects only runs that have changed since this time. The default is a little before `since`.
   */
  changedSince?: Date;
  /** Selects only the steps of these runs that come after the step with this number. */
  after?: ReadonlyMap<string, number>;
  limit?: number | undefined;
  /** Selects only steps before this one in the log: the next page. */
  before?: LogPlace | undefined;
  /** Selects the oldest steps instead of the newest when there are more than `limit`. */
  isOldest?: true;
};

/**
 * The position of a step in the log. The time is the text that Postgres writes, because a `Date`
 * has no microseconds.
 */
export type LogPlace = Pick<StepLogRow, 'execution_id' | 'seq'> & { finished_at: string };

/**
 * The maximum delay between the start of a transaction and the time when its rows are readable.
 * Times of runs may be that old.
 */
export const LATE_MS = 30_000;

/**
 * Returns the newest steps of these runs, oldest first. Steps have no index by time and need none.
 * The steps since a time belong to runs that are live or ended since, and both kinds of runs have
 * an index.
 */
export async function loggedSteps(
  db: Queries,
  filter: LogFilter,
  span: LogSpan,
): Promise<StepLogRow[]> {
  const { rows } = await stepLog(filter, span).execute(db);
  return span.isOldest ? rows : rows.toReversed();
}

/**
 * Builds the statement of `loggedSteps`. The newest steps come first, unless the oldest are
 * requested.
 */
export function stepLog(
  filter: LogFilter,
  { since, changedSince, after = new Map(), limit, before, isOldest }: LogSpan,
): RawBuilder<StepLogRow> {
  const changed = changedSince ?? new Date(since.getTime() - LATE_MS);
  return sql<StepLogRow>`
    with known (id, seq) as (
      select * from unnest(${[...after.keys()]}::uuid[], ${[...after.values()]}::int[])
    ),
    runs as materialized (${runsWithSteps(filter, changed)})
    select s.execution_id, s.seq, coalesce(a.name, w.name) as agent, s.kind, s.name, s.started_at, s.finished_at,
      round(extract(epoch from s.finished_at - s.started_at) * 1000)::int as ms,
      s.tokens_in, s.tokens_out, s.cost, s.error
    from runs as r
    left join known as k on k.id = r.id
    cross join lateral (
      select t.* from howdah.steps as t
      where t.execution_id = r.id and t.seq > coalesce(k.seq, 0)
        and t.finished_at >= ${since} and ${filter.errors ? FAILED : sql`true`}
    ) as s
    left join howdah.agents as a on a.id = r.agent_id
    left join howdah.workflows as w on w.id = r.workflow_id
    where r.step_count > coalesce(k.seq, 0) and ${before ? isBefore(before) : sql`true`}
    order by ${isOldest ? OLDEST_FIRST : sql`s.finished_at desc, s.execution_id desc, s.seq desc`}
    limit ${limit ?? null}::bigint`;
}

function isBefore({ finished_at, execution_id, seq }: LogPlace): RawBuilder<unknown> {
  return sql`(s.finished_at, s.execution_id, s.seq) < (${finished_at}::timestamptz, ${execution_id}::uuid, ${seq}::int)`;
}

/**
 * The order of steps by time that keeps the steps of a run in sequence, even if the clocks of two
 * workers differ.
 */
const OLDEST_FIRST = sql`
  max(s.finished_at) over (partition by s.execution_id order by s.seq), s.execution_id, s.seq`;

const FAILED = sql`(t.error is not null or t.kind in ('error', 'retry', 'guard'))`;
const LIVE = sql`('queued', 'running', 'waiting', 'paused')`;

function runsWithSteps(filter: LogFilter, since: Date): RawBuilder<unknown> {
  const { id, session, tenantId, agent, workflow, status } = filter;
  const tenant = tenantId === undefined ? sql`howdah.current_tenant()` : sql`${tenantId}::uuid`;
  const from = sql`
    select e.id::uuid as id, e.tenant_id, e.agent_id, e.workflow_id, coalesce(h.step_count, e.step_count) as step_count
    from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id`;
  if (id !== undefined) return sql`${from} where e.id = ${id}`;
  const conditions = [
    sql`e.tenant_id = ${tenant}`,
    ...(agent === undefined ? [] : [sql`e.agent_id = ${agent}::uuid`]),
    ...(workflow === undefined ? [] : [sql`e.workflow_id = ${workflow}::uuid`]),
    ...(status === undefined
      ? []
      : [sql`e.status = any (${[...status]}::howdah.execution_status[])`]),
  ];
  const where = sql`where ${sql.join(conditions, sql` and `)}`;
  if (session !== undefined) return sql`${from} ${where} and e.session_id = ${session}`;
  return sql`
    ${from} ${where} and e.status in ${LIVE} and e.completed_at is null and coalesce(h.updated_at, e.updated_at) >= ${since}
    union all
    ${from} ${where} and e.completed_at >= ${since}`;
}

/** Returns whether a run has ended, and the time of the database. */
export async function endOf(
  db: Queries,
  id: string | undefined,
): Promise<{ now: Date; has_ended: boolean }> {
  const { rows } = await sql<{ now: Date; has_ended: boolean }>`
    select clock_timestamp() as now,
      exists (select from howdah.executions as e where e.id = ${id ?? null}::uuid and e.completed_at is not null) as has_ended`.execute(
    db,
  );
  return rows[0] ?? { now: new Date(), has_ended: false };
}
