-- Effects of the end of a run on other runs. The transaction that ends runs holds the locks of
-- their ancestors (lock_ancestors).

-- Notes that a child has ended. Does nothing else per row: a statement may end thousands of
-- children, and report_child_ends reports them all to the parent when the statement is over.
create or replace function howdah_private.tg_executions__report_to_parent() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.child_ends (execution_id, parent_execution_id, was_waiting)
  values (new.id, new.parent_execution_id,
    coalesce(old.waiting_for, old.paused_from) is not distinct from 'turn');
  return null;
end $$;

create or replace function howdah_private.tg_executions__report_child_ends() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from howdah_private.child_ends as c
    where c.transaction = pg_current_xact_id_if_assigned()
  ) then
    perform howdah_private.report_child_ends();
  end if;
  return null;
end $$;

-- Cancels the children of a run that ended without an answer, since no run reads their answers.
create or replace function howdah_private.tg_executions__cancel_children() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.terminate_runs(
    howdah_private.lock_subtree(array_agg(e.id::uuid)), 'cancelled', null)
  from howdah.executions as e
  where e.parent_execution_id = new.id and e.completed_at is null
  having count(*) > 0;
  return null;
end $$;

create or replace function howdah_private.tg_executions__settle_effects() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.compensate_run(new);
  return null;
end $$;

create or replace trigger _810_report_to_parent after update of status on howdah.executions
  for each row when (
    new.parent_execution_id is not null
    and new.completed_at is not null and old.completed_at is null
  )
  execute function howdah_private.tg_executions__report_to_parent();
create or replace trigger _850_report_child_ends after update of status on howdah.executions
  for each statement execute function howdah_private.tg_executions__report_child_ends();
create or replace trigger _820_cancel_children after update of status on howdah.executions
  for each row when (
    new.live_children > 0 and new.status in ('failed', 'cancelled') and old.completed_at is null
  )
  execute function howdah_private.tg_executions__cancel_children();
create or replace trigger _830_settle_effects after update of status on howdah.executions
  for each row when (
    new.step_count > 0 and new.status in ('failed', 'cancelled') and old.completed_at is null
    and new.compensates_execution_id is null
  )
  execute function howdah_private.tg_executions__settle_effects();
