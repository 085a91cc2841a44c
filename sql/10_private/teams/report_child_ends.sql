-- Reports the children that this transaction has ended to their parents: puts each end into the
-- inbox of the parent, counts the ends once for each parent, and wakes the parents that wait for
-- them. The run of a workflow may wake only for failures and for the last end (wakes_on); then the
-- other ends wait in its inbox. The next members are admitted. A parent that has ended gets no
-- report. The caller holds the locks of the parents.
create or replace function howdah_private.report_child_ends() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(
    select c.execution_id from howdah_private.child_ends as c
    where c.transaction = pg_current_xact_id());
  v_parents uuid[];
  v_woken uuid[];
  v_admitting uuid[];
begin
  v_parents := array(
    select p.id::uuid from howdah.executions as p
    where p.id = any (array(
        select distinct c.parent_execution_id from howdah_private.child_ends as c
        where c.transaction = pg_current_xact_id()))
      and p.completed_at is null);
  if cardinality(v_parents) = 0 then
    delete from howdah_private.child_ends as c where c.transaction = pg_current_xact_id();
    return;
  end if;
  insert into howdah_private.inbox (execution_id, tenant_id, kind, call_id, trust, output)
  select e.parent_execution_id, e.tenant_id, 'child', e.parent_call_id,
    greatest('internal', e.trust), jsonb_build_object(
    'execution_id', e.id, 'status', e.status, 'stop_reason', e.stop_reason,
    'finish_reason', e.finish_reason, 'output', e.output, 'output_data', e.output_data,
    'error', e.error, 'trust', greatest('internal', e.trust))
  from howdah.executions as e
  where e.id = any (v_ids) and e.parent_execution_id = any (v_parents)
  order by e.id;
  with ended as (
    delete from howdah_private.child_ends as c where c.transaction = pg_current_xact_id()
    returning c.execution_id, c.parent_execution_id, c.was_waiting
  ),
  sums as (
    select d.parent_execution_id as id, count(*) as ends,
      count(*) filter (where d.was_waiting) as waiting, bool_or(e.status <> 'completed') as failed
    from ended as d join howdah.executions as e on e.id = d.execution_id and e.id = any (v_ids)
    group by d.parent_execution_id
  ),
  counted as (
    update howdah.executions as e
    set live_children = greatest(e.live_children - s.ends, 0),
      members_waiting = greatest(e.members_waiting - s.waiting, 0)
    from sums as s
    where e.id = s.id and e.id = any (v_parents)
    returning e.id::uuid as id, e.members_at_once is not null as admits, (
      e.live_children > 0 and e.waiting_for = 'child'
      and (e.wakes_on = 'last' or (e.wakes_on = 'failure' and not s.failed))
    ) is true as keeps_waiting
  )
  select array_agg(c.id order by c.id) filter (where not c.keeps_waiting),
    array_agg(c.id order by c.id) filter (where c.admits)
  into v_woken, v_admitting from counted as c;
  perform howdah_private.wake_runs(v_woken) where v_woken is not null;
  perform howdah_private.admit_members(a.id) from unnest(v_admitting) as a (id);
end $$;
