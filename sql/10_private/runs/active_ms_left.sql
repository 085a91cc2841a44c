-- Returns the milliseconds of active time that a run has left. Waiting and paused time does not
-- count. The body is parsed at creation and resolves no names later, so no search_path is pinned.
-- Without a pinned setting, every statement can inline the function.
create or replace function howdah_private.active_ms_left(e howdah.executions) returns bigint
  language sql volatile
  return e.max_seconds * 1000::bigint - e.active_ms
    - coalesce((extract(epoch from clock_timestamp() - e.active_since) * 1000)::bigint, 0);
