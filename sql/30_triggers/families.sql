-- What the end of a run means for others. Whoever ends runs holds the locks of their ancestors (lock_lineage).

-- A child has ended: its parent is told, and goes on if it waits for that. A workflow's run may want to hear of failures and
-- of the last end alone (wakes_on): then what the others left waits in its inbox. The next member has its turn.
create or replace function howdah_private.tg_executions__report_to_parent() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parent howdah.executions;
begin
  update howdah.executions as e set live_children = greatest(e.live_children - 1, 0),
    members_waiting = greatest(e.members_waiting - (coalesce(old.waiting_for, old.paused_from) is not distinct from 'turn')::int, 0)
  where e.id = new.parent_execution_id and e.completed_at is null
  returning e.* into v_parent;
  if found then
    insert into howdah_private.inbox (execution_id, tenant_id, kind, call_id, trust, output)
    values (new.parent_execution_id, new.tenant_id, 'child', new.parent_call_id, greatest('internal', new.trust), jsonb_build_object(
      'execution_id', new.id, 'status', new.status, 'stop_reason', new.stop_reason, 'output', new.output,
      'output_data', new.output_data, 'error', new.error, 'trust', greatest('internal', new.trust)));
    if v_parent.live_children > 0 and v_parent.waiting_for = 'child'
      and (v_parent.wakes_on = 'last' or (v_parent.wakes_on = 'failure' and new.status = 'completed')) then
      perform howdah_private.admit_members(v_parent.id) where v_parent.members_at_once is not null;
      return null;
    end if;
    perform howdah_private.wake_runs(array[new.parent_execution_id]);
    perform howdah_private.admit_members(v_parent.id) where v_parent.members_at_once is not null;
  end if;
  return null;
end $$;

-- A parent has ended without an answer: nobody needs its children's.
create or replace function howdah_private.tg_executions__cancel_children() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.end_runs(howdah_private.lock_family(array_agg(e.id::uuid)), 'cancelled', null)
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
  perform howdah_private.settle_effects(new);
  return null;
end $$;

create or replace trigger _810_report_to_parent after update of status on howdah.executions
  for each row when (
    new.parent_execution_id is not null and new.completed_at is not null and old.completed_at is null
  )
  execute function howdah_private.tg_executions__report_to_parent();
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
