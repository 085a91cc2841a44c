-- Returns whether a run waits for a worker: it is queued, or it waits for a timer that may be due.
-- For runs that are looked up by id. The `case` keeps the planner from executions_live_idx, by
-- which it would read the whole queue to find a few ids (before PostgreSQL 18, and while the queue
-- is longer than the statistics say). Queries for the first runs of the queue write the condition
-- out.
create or replace function howdah_private.is_in_queue(
  status howdah.execution_status, waiting_for howdah.waiting_reason
) returns boolean
  language sql immutable parallel safe
  return case status
    when 'queued' then true when 'waiting' then waiting_for = 'timer' else false end;
