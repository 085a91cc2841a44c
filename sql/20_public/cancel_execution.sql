-- Ends a run and everything below it at once. The rows are locked from the root downwards, the fence rises, so
-- that nothing a worker has in the air can still commit; the owners are told, and abort their calls. Another
-- tenant's row is not even locked. Whoever inserts a child holds its parent's lock: once everything that is known is
-- locked and another look finds no more, the family is whole.
create or replace function howdah.cancel_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_execution howdah.executions;
  v_cancelled uuid[];
  v_known int := 0;
begin
  select e.* into v_execution from howdah.executions as e
  where e.id = cancel_execution.id and howdah_private.may_act_for(e.tenant_id)
  for no key update;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', cancel_execution.id),
      detail = jsonb_build_object('execution_id', cancel_execution.id)::text,
      hint = 'select id, status from howdah.executions order by id desc limit 10';
  end if;
  if v_execution.completed_at is not null then
    raise exception using errcode = 'HWTRM',
      message = format('execution %s has already ended: %s', cancel_execution.id, v_execution.status),
      detail = jsonb_build_object('execution_id', cancel_execution.id, 'status', v_execution.status)::text,
      hint = 'Only runs that have not ended can be cancelled.';
  end if;
  loop
    with recursive family as (
      select v_execution.id::uuid as id
      union all
      select e.id::uuid from howdah.executions as e join family as f on e.parent_execution_id = f.id
    ),
    locked as (
      select e.id::uuid as id from howdah.executions as e
      where e.id in (select f.id from family as f) and e.completed_at is null
      order by e.depth, e.id
      for no key update
    )
    select array_agg(l.id) into v_cancelled from locked as l;
    exit when cardinality(v_cancelled) = v_known;
    v_known := cardinality(v_cancelled);
  end loop;
  perform pg_notify('howdah_control', e.id::text) from howdah.executions as e
  where e.id = any (v_cancelled) and e.owner_worker is not null;
  perform howdah_private.end_execution(c.id, 'cancelled', null) from unnest(v_cancelled) as c (id);
  perform graphile_worker.remove_job(c.id::text) from unnest(v_cancelled) as c (id)
  where v_execution.owner_worker is null;
  perform howdah_private.announce_watched(v_cancelled);
  select e.* into v_execution from howdah.executions as e where e.id = cancel_execution.id;
  return v_execution;
end $$;
comment on function howdah.cancel_execution(uuid) is
  'Cancels a run and its children at once, also in the middle of a model call. HWTRM when it has ended already.';
