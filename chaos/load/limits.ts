import type pg from 'pg';

/**
 * Creates limits for `--limits`. Those of runs, tokens and cost are never reached, so the programme
 * can compare their counters with the log. Those of runs and calls at once are reached all the
 * time.
 */
export async function createLimits(pool: pg.Pool): Promise<void> {
  await pool.query(LIMITS);
}

const LIMITS = `
  update howdah.models set input_price = 1, output_price = 2;
  insert into howdah.limits (scope, metric, max_value)
  values ('tenant', 'runs', 1e9), ('tenant', 'tokens', 1e12), ('tenant', 'cost', 1e9),
    ('user', 'tokens', 1e12), ('agent', 'tokens', 1e12), ('session', 'cost', 1e9);
  insert into howdah.limits (scope, subject_id, metric, max_value)
  select 'agent'::howdah.limit_scope, a.id, 'running_runs'::howdah.limit_metric, 12 from howdah.agents as a where a.name = 'clerk'
  union all
  select 'tool', t.id, 'running_calls', 4 from howdah.tools as t where t.name in ('look', 'book')
  union all
  select 'model', m.id, 'running_calls', 25 from howdah.models as m where m.name = 'default';`;
