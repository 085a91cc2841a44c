-- Returns, per model, the estimated tokens of the shortest request that the model refused as too
-- long. Considers this run and the last three turns of its session, which share much of their
-- history. So a request is refused once and not at every step.
create or replace function howdah_private.oversized_requests(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_runs uuid[] := array(
    select e.id::uuid as id union
    select t.id::uuid from howdah.executions as t
    where t.tenant_id = e.tenant_id and t.session_id = e.session_id
      and t.turn between e.turn - 3 and e.turn - 1
    order by id
  );
  v_first uuid := v_runs[1];
  v_last uuid := v_runs[cardinality(v_runs)];
begin
  return coalesce((
    select json_object_agg(r.name, r.tokens)::jsonb from (
      select s.name, min((s.input ->> 'estimated_tokens')::int) as tokens from howdah.steps as s
      where s.execution_id = any (v_runs) and s.execution_id between v_first and v_last
        and s.kind = 'retry' and s.error ->> 'code' = 'context_too_long'
        and s.input ? 'estimated_tokens'
      group by s.name
    ) as r
  ), '{}');
end $$;
