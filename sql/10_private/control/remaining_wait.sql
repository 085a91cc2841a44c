-- Returns what a paused run still waits for, or null if it may continue. A turn is checked under
-- the lock of its session, and taken if the session is free.
create or replace function howdah_private.remaining_wait(e howdah.executions)
  returns howdah.waiting_reason
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid;
begin
  if e.paused_from = 'turn' and e.session_id is null then
    return 'turn'; -- a workflow member; admit_members runs once all runs are resumed
  elsif e.paused_from = 'turn' then
    select s.live_execution_id into v_live from howdah.sessions as s
    where s.id = e.session_id
    for no key update;
    update howdah.sessions as s set live_execution_id = e.id
    where s.id = e.session_id and s.live_execution_id is null;
    return case when v_live <> e.id then 'turn' end;
  end if;
  return case
    when e.has_inbox then null
    when e.paused_from = 'question' and exists (
      select from howdah.questions as q where q.execution_id = e.id and q.status = 'open'
    ) then 'question'
    when e.paused_from = 'child' and e.live_children > 0 then 'child'
    when e.paused_from = 'timer' and e.wake_at > clock_timestamp() then 'timer'
  end;
end $$;
