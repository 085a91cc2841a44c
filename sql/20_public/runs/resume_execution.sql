-- Resumes a paused run and all runs below it. A run whose reason for waiting still holds waits
-- again; any other paused run is queued. Runs that are not paused do not change.
create or replace function howdah.resume_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_to_continue(resume_execution.id);
  v_tree uuid[];
begin
  if v_execution.completed_at is not null then
    perform howdah_private.refuse_ended(v_execution, 'resumed');
  end if;
  if howdah_private.needs_turn(v_execution) then
    update howdah.sessions as s
    set late_turns = howdah_private.add_late_turn(s, v_execution.turn)
    where s.id = v_execution.session_id and s.turns > v_execution.turn;
  end if;
  v_tree := howdah_private.lock_below(array[v_execution.id::uuid]);
  perform howdah_private.lock_heads(v_tree) where cardinality(v_tree) > 1;
  update howdah.executions as e
  set status = case when e.status = 'running' then 'running' when w.reason is null then 'queued'
    else 'waiting' end
      ::howdah.execution_status,
    waiting_for = w.reason, paused_from = null, is_pause_requested = false, updated_at = now(),
    wake_at = case when w.reason = 'timer' then e.wake_at end
  from (
    select p.id, case when p.status = 'paused' then howdah_private.remaining_wait(p) end as reason
    from howdah.executions as p
    where p.id = any (v_tree) and (p.status = 'paused' or p.is_pause_requested)
  ) as w
  where e.id = w.id and e.id = any (v_tree); -- repeated for partition pruning
  perform howdah_private.admit_members(e.id) from howdah.executions as e
  where e.members_at_once is not null and e.completed_at is null
    and (e.id = any (v_tree) or e.id = v_execution.parent_execution_id);
  perform howdah_private.enqueue_advance(array_agg(e.id::uuid)) from howdah.executions as e
  where e.id = any (v_tree) and (e.status = 'queued' or e.waiting_for = 'timer');
  perform howdah_private.announce_watched(v_tree);
  perform howdah_private.audit_control(v_execution, 'resume');
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.resume_execution(uuid) is
  'Resumes a paused run and its children. A run whose reason for waiting still holds waits again, '
  'any other is queued. Raises HWTRM if the run has already ended.';
