-- Limits of runs at work, read from their heads, as exhausted_limit and active_ms_left read them
-- from rows. Statements inline the first two, since every commit evaluates them.

create or replace function howdah_private.head_ms_left(h howdah_private.run_heads) returns bigint
  language sql volatile
  return h.max_seconds * 1000::bigint - h.active_ms
    - coalesce((extract(epoch from clock_timestamp() - h.active_since) * 1000)::bigint, 0);

-- Returns the limit that forbids another model call, or null. The head does not know the limits of
-- ancestors (exhausted_limit_above).
create or replace function howdah_private.exhausted_head_limit(h howdah_private.run_heads)
  returns howdah.stop_reason
  language sql volatile
  return case
    when h.model_count >= h.max_steps then 'max_steps'::howdah.stop_reason
    when h.tokens_in + h.tokens_out + h.children_tokens >= h.max_tokens
      then 'max_tokens'::howdah.stop_reason
    when h.cost + h.children_cost >= h.max_cost then 'max_cost'::howdah.stop_reason
    when howdah_private.head_ms_left(h) <= 0 then 'max_time'::howdah.stop_reason
  end;

-- Returns the limit that an ancestor of the run has reached, or null.
create or replace function howdah_private.exhausted_limit_above(execution_id uuid)
  returns howdah.stop_reason
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.ancestor_limit_reached(e.ancestors) from howdah.executions as e
  where e.id = exhausted_limit_above.execution_id and e.depth > 0
$$;
