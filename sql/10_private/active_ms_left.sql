-- Milliseconds of active time a run has left. Waiting and paused time does not count.
create or replace function howdah_private.active_ms_left(e howdah.executions) returns bigint
  language sql stable
  set search_path = ''
as $$
  select e.max_seconds * 1000::bigint - e.active_ms
    - coalesce((extract(epoch from clock_timestamp() - e.active_since) * 1000)::bigint, 0)
$$;
