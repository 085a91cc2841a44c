-- Resumes a paused run and all runs below it. A run whose reason for waiting still holds waits
-- again; any other paused run is queued. Runs that are not paused do not change.
create or replace function howdah.resume_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_to_continue(resume_execution.id);
begin
  if v_execution.completed_at is not null then
    perform howdah_private.raise_ended(v_execution, 'resumed');
  end if;
  perform howdah_private.audit_control(v_execution, 'resume');
  perform howdah_private.resume_runs(array[v_execution.id::uuid]);
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.resume_execution(uuid) is
  'Resumes a paused run and its children. A run whose reason for waiting still holds waits again, '
  'any other is queued. Raises HWTRM if the run has already ended.';

-- Resumes runs that the caller has locked (lock_to_continue), and all runs below them. Runs of one
-- session take its turn in the order of their turns.
create or replace function howdah_private.resume_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_run record;
  v_tree uuid[];
  v_reasons jsonb; -- by run; a join with the update would read the whole history
begin
  for v_run in
    select e.session_id, e.turn from howdah.executions as e
    where e.id = any (resume_runs.ids) and e.session_id is not null
      and howdah_private.needs_turn(e)
    order by e.session_id, e.turn
  loop
    update howdah.sessions as s set late_turns = howdah_private.add_late_turn(s, v_run.turn)
    where s.id = v_run.session_id and s.turns > v_run.turn;
  end loop;
  v_tree := howdah_private.lock_below(resume_runs.ids);
  perform howdah_private.lock_heads(v_tree) where cardinality(v_tree) > 1;
  select coalesce(json_object_agg(w.id, w.reason)::jsonb, '{}') into v_reasons
  from (
    select p.id, case when p.status = 'paused' then howdah_private.remaining_wait(p) end as reason
    from howdah.executions as p
    where p.id = any (v_tree) and (p.status = 'paused' or p.is_pause_requested)
    order by p.session_id, p.turn, p.id
  ) as w;
  update howdah.executions as e
  set status = case when e.status = 'running' then 'running'
      when v_reasons ->> e.id::text is null then 'queued' else 'waiting' end
      ::howdah.execution_status,
    waiting_for = (v_reasons ->> e.id::text)::howdah.waiting_reason, paused_from = null,
    is_pause_requested = false, updated_at = now(),
    wake_at = case when v_reasons ->> e.id::text = 'timer' then e.wake_at end
  where e.id = any (v_tree) and (e.status = 'paused' or e.is_pause_requested);
  perform howdah_private.admit_members(m.id) from (
    select e.id from howdah.executions as e
    where e.members_at_once is not null and e.completed_at is null
      and e.id = any (v_tree || array(
        select r.parent_execution_id from howdah.executions as r
        where r.id = any (resume_runs.ids)))
    order by e.id
  ) as m;
  perform howdah_private.enqueue_advance(array_agg(e.id::uuid)) from howdah.executions as e
  where e.id = any (v_tree) and (e.status = 'queued' or e.waiting_for = 'timer');
  perform howdah_private.announce_watched(v_tree);
end $$;

-- Resumes many runs and all runs below them (control_many.sql).
create or replace function howdah.resume_executions(ids uuid[])
  returns table (id uuid, status howdah.execution_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked uuid[];
  v_live uuid[];
  v_faults jsonb;
begin
  perform howdah_private.check_many(resume_executions.ids);
  v_locked := howdah_private.lock_many_to_continue(resume_executions.ids);
  v_live := howdah_private.unfinished_runs(v_locked);
  v_faults := howdah_private.control_faults(resume_executions.ids, v_locked, v_live, 'resume');
  perform howdah_private.audit_controls(v_live, 'resume');
  perform howdah_private.resume_runs(v_live);
  return query select r.* from howdah_private.control_results(resume_executions.ids, v_faults) as r;
end $$;
comment on function howdah.resume_executions(uuid[]) is
  'Resumes many paused runs and their children, at most 10000 in a call. Returns a row for each '
  'id, in order: the status of the run, and the error that resume_execution would raise, as '
  '{code, message, detail, hint}, or null. A run with an error does not stop the others.';
