-- What becomes of a run that a commit wants to move. It does not wait for a person or a child while something is in its
-- inbox, which may be the very answer; one that was asked to pause pauses where it would have waited; and one that comes
-- to pause when somebody has resumed it just goes on. Null leaves it as it is.
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
