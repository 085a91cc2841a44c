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
