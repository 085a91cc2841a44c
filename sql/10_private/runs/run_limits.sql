-- Limits of runs. Those of a run at work are read from its head (fold_run_head.sql), since every
-- commit evaluates them; statements inline these functions.

-- Returns the milliseconds of active time that a run has left. Waiting and paused time does not
-- count. The body is parsed at creation and resolves no names later, so no search_path is pinned.
-- Without a pinned setting, every statement can inline the function.
create or replace function howdah_private.active_ms_left(e howdah.executions) returns bigint
  language sql volatile
  return e.max_seconds * 1000::bigint - e.active_ms
    - coalesce((extract(epoch from clock_timestamp() - e.active_since) * 1000)::bigint, 0);

-- Returns the token or cost limit that any of the ancestors has reached, or null. The function is
-- volatile, so that it sees the usage that the calling commit has just added to the ancestors.
create or replace function howdah_private.ancestor_limit_reached(ancestors uuid[])
  returns howdah.stop_reason
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when bool_or(
      coalesce(h.tokens_in + h.tokens_out, a.tokens_in + a.tokens_out)
      + a.children_tokens_in + a.children_tokens_out >= a.max_tokens
    )
      then 'max_tokens'
    when bool_or(coalesce(h.cost, a.cost) + a.children_cost >= a.max_cost) then 'max_cost'
  end::howdah.stop_reason
  from howdah.executions as a left join howdah_private.run_heads as h on h.execution_id = a.id
  where a.id = any (ancestor_limit_reached.ancestors)
$$;

-- Returns the limit that forbids another model call, or null. The row must not lag behind its head
-- (with_head). The usage of children counts. A child also stops at the limits of its ancestors.
-- Statements inline the function, as they do active_ms_left.
create or replace function howdah_private.exhausted_limit(e howdah.executions)
  returns howdah.stop_reason
  language sql volatile
  return case
    when e.model_count >= e.max_steps then 'max_steps'::howdah.stop_reason
    when e.tokens_in + e.tokens_out + e.children_tokens_in + e.children_tokens_out >= e.max_tokens
      then 'max_tokens'::howdah.stop_reason
    when e.cost + e.children_cost >= e.max_cost then 'max_cost'::howdah.stop_reason
    when e.max_seconds * 1000::bigint - e.active_ms
      <= coalesce((extract(epoch from clock_timestamp() - e.active_since) * 1000)::bigint, 0)
      then 'max_time'::howdah.stop_reason
    when e.depth > 0 then howdah_private.ancestor_limit_reached(e.ancestors)
  end;

-- Returns the milliseconds of active time that a run at work has left, read from its head.
create or replace function howdah_private.head_ms_left(h howdah_private.run_heads) returns bigint
  language sql volatile
  return h.max_seconds * 1000::bigint - h.active_ms
    - coalesce((extract(epoch from clock_timestamp() - h.active_since) * 1000)::bigint, 0);

-- Returns the limit that forbids another model call of a run at work, or null, read from its head.
-- The head does not know the limits of ancestors (exhausted_limit_above).
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
