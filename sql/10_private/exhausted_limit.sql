-- The limit that forbids another model call, null while there is room.
create or replace function howdah_private.exhausted_limit(e howdah.executions)
  returns howdah.stop_reason
  language sql stable
  set search_path = ''
as $$
  select case
    when e.model_count >= e.max_steps then 'max_steps'
    when e.tokens_in + e.tokens_out >= e.max_tokens then 'max_tokens'
    when e.cost >= e.max_cost then 'max_cost'
    when howdah_private.active_ms_left(e) <= 0 then 'max_time'
  end::howdah.stop_reason
$$;
