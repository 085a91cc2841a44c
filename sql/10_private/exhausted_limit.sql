-- The limit that forbids another model call, null while there is room. What children used counts; and a child stops
-- at the limits of the runs above it too.
create or replace function howdah_private.exhausted_limit(e howdah.executions)
  returns howdah.stop_reason
  language sql stable
  set search_path = ''
as $$
  select case
    when e.model_count >= e.max_steps then 'max_steps'
    when e.tokens_in + e.tokens_out + e.children_tokens_in + e.children_tokens_out >= e.max_tokens
      then 'max_tokens'
    when e.cost + e.children_cost >= e.max_cost then 'max_cost'
    when howdah_private.active_ms_left(e) <= 0 then 'max_time'
    when e.depth > 0 then howdah_private.exhausted_above(e.ancestors)::text
  end::howdah.stop_reason
$$;

-- Volatile, so that it sees what the commit that asks has just counted upwards.
create or replace function howdah_private.exhausted_above(ancestors uuid[]) returns howdah.stop_reason
  language sql volatile security definer
  set search_path = ''
as $$
  select case
    when bool_or(a.tokens_in + a.tokens_out + a.children_tokens_in + a.children_tokens_out >= a.max_tokens)
      then 'max_tokens'
    when bool_or(a.cost + a.children_cost >= a.max_cost) then 'max_cost'
  end::howdah.stop_reason
  from howdah.executions as a where a.id = any (exhausted_above.ancestors)
$$;
