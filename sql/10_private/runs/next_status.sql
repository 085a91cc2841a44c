-- Returns the status of a run after a commit that wants to change it; null keeps the current one. A
-- run does not wait for a person or a child while its inbox holds an entry, which may be the
-- answer. A run with a pause request pauses instead of waiting. A run that wants to pause, but has
-- been resumed in the meantime, continues.
create or replace function howdah_private.next_status(
  wanted howdah.execution_status, waits_for howdah.waiting_reason, e howdah.executions
) returns howdah.execution_status
  language sql immutable
  return case wanted
    when 'waiting' then case
      when e.is_pause_requested then 'paused'::howdah.execution_status
      when e.has_inbox and waits_for in ('question', 'child') then 'queued'::howdah.execution_status
      else 'waiting'::howdah.execution_status end
    when 'paused' then case when e.is_pause_requested then wanted else e.status end
    else coalesce(wanted, e.status)
  end;
