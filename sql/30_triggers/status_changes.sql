-- Steps after a change of the status of a run: its session, the runs around it, limits, webhooks.
-- The transaction that ends runs holds the locks of their ancestors (lock_ancestors).

-- Follows a run that stops running or ends. All of it is one trigger, since the commit of a step
-- pays for each trigger with a condition, even if the condition is false. The turn of the session
-- passes first, because that keeps the order of locks: live run, session, next run.
-- `enable_seqscan`: row-level security hides the statistics of `metric`, so the planner would read
-- all limits of other metrics.
create or replace function howdah_private.tg_executions__follow_move() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_has_ended boolean := new.completed_at is not null and old.completed_at is null;
  v_has_failed boolean := v_has_ended and new.status in ('failed', 'cancelled');
  v_had_turn boolean := coalesce(old.waiting_for, old.paused_from) is distinct from 'turn';
begin
  if v_has_ended and new.parent_execution_id is not null then
    insert into howdah_private.child_ends (execution_id, parent_execution_id, was_waiting)
    values (new.id, new.parent_execution_id, not v_had_turn);
    perform set_config('howdah.has_child_ends', 'true', true);
  elsif v_has_ended and new.session_id is not null and v_had_turn then
    perform howdah_private.start_next_turn(new);
  end if;
  if v_has_failed and new.live_children > 0 then
    perform howdah_private.cancel_children(new.id);
  end if;
  if v_has_failed and new.step_count > 0 and new.compensates_execution_id is null then
    perform howdah_private.compensate_run(new);
  end if;
  if old.status = 'running' then
    if exists (select from howdah.limits as l where l.metric = 'running_runs') then
      perform howdah_private.admit_after_run(new);
    end if;
    perform howdah_private.end_calls_of_run(new.id);
  end if;
  if v_has_ended and new.table_trigger_id is not null then
    perform howdah_private.enqueue_write_back(new);
  end if;
  if v_has_ended and (new.metadata ?| '{evaluation_id,judged_execution_id}'
    or new.first_limits is not null) then -- it was retried, perhaps after it was graded
    perform howdah_private.enqueue_grading(new);
  end if;
  if v_has_ended and new.status = 'completed' and new.parent_execution_id is null and exists (
    select from howdah.agents as a
    where a.id = new.agent_id and a.tenant_id = new.tenant_id and a.memory_policy is not null
  ) then
    perform howdah_private.enqueue_extraction(new);
  end if;
  if v_has_ended and new.parent_execution_id is null and (
    new.callback_url is not null or exists (
      select from howdah.webhooks as w where w.tenant_id = new.tenant_id and w.is_active)
  ) then
    perform howdah_private.enqueue_webhooks(new, 'execution.' || new.status);
  end if;
  if v_has_ended and new.parent_execution_id is null and exists (
    select from howdah.inbound_deliveries as d
    where d.execution_id = new.id and d.tenant_id = new.tenant_id and d.reply is not null
  ) then
    perform howdah_private.enqueue_replies(new);
  end if;
  return null;
end $$;

-- Cancels the children of a run that ended without an answer, since no run reads their answers.
create or replace function howdah_private.cancel_children(parent_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.terminate_runs(
    howdah_private.lock_subtree(array_agg(e.id::uuid)), 'cancelled', null)
  from howdah.executions as e
  where e.parent_execution_id = cancel_children.parent_id and e.completed_at is null
  having count(*) > 0;
end $$;

-- Reports the ends of children to their parents. A statement may end thousands of children, so each
-- row only notes its end, and the parents are told when the statement is over. A transition table
-- would serve without notes, but would copy every run of every commit, and is not allowed for an
-- update of named columns. The setting says that there are notes, since every commit asks, and a
-- query would take three times as long. A rollback undoes the setting together with the notes. A
-- caller that sets it without notes changes nothing.
create or replace function howdah_private.tg_executions__report_child_ends() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('howdah.has_child_ends', true) = 'true' then
    perform set_config('howdah.has_child_ends', '', true);
    perform howdah_private.report_child_ends();
  end if;
  return null;
end $$;

create or replace trigger _800_follow_move after update of status on howdah.executions
  for each row when (
    old.status <> new.status and (old.status = 'running' or new.completed_at is not null)
  )
  execute function howdah_private.tg_executions__follow_move();
create or replace trigger _850_report_child_ends after update of status on howdah.executions
  for each statement execute function howdah_private.tg_executions__report_child_ends();
