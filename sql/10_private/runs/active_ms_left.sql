-- Milliseconds of active time a run has left. Waiting and paused time does not count. A body that was parsed when the
-- function was made looks nothing up by a search_path, so none is pinned, and every statement takes it in place of a call.
create or replace function howdah_private.active_ms_left(e howdah.executions) returns bigint
  language sql volatile
  return e.max_seconds * 1000::bigint - e.active_ms
    - coalesce((extract(epoch from clock_timestamp() - e.active_since) * 1000)::bigint, 0);
