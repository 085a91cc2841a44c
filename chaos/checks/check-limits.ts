import { retryWhileUnavailable } from '../server.ts';
import type { World } from '../world.ts';
import type { Breach } from './breach.ts';

/**
 * Checks, when every run has ended, that the counters of all limits agree with the log, and that
 * nothing is still counted as running or waits.
 */
export async function checkLimits({ server }: World): Promise<Breach[]> {
  const { rows } = await retryWhileUnavailable(() => server.pool.query(DIFFERENCES));
  return rows.map(
    ({ scope, metric, subject_id, used, waiting, logged }): Breach => ({
      kind: 'violation',
      what: `limit of ${scope} ${metric} ${subject_id ?? ''}: ${used} used, ${logged} in the log, ${waiting} waiting`,
    }),
  );
}

const DIFFERENCES = `
  with runs as (
    select e.*, coalesce(r.user_id, e.user_id) as root_user_id,
      coalesce(r.session_id, e.session_id) as root_session_id
    from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
  )
  select u.scope, u.metric, u.subject_id, u.used, u.waiting, coalesce(l.logged, 0) as logged
  from howdah.limit_usage as u
  cross join lateral (
    select case u.metric
      when 'tokens' then sum(r.tokens_in + r.tokens_out)
      when 'cost' then sum(r.cost)
      when 'runs' then count(*) filter (where r.parent_execution_id is null
        and r.compensates_execution_id is null) end as logged
    from runs as r
    where case u.scope when 'agent' then r.agent_id = u.subject_id
      when 'user' then r.root_user_id = u.subject_id
      when 'session' then r.root_session_id = u.subject_id
      when 'tenant' then true end
  ) as l
  where u.used is distinct from coalesce(l.logged, 0) or u.waiting <> 0`;
