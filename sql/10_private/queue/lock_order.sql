-- Locks runs together with all that stand above them, in the one order everybody uses: roots first, then by depth
-- and id. Whoever ends a child or counts its usage upwards needs its ancestors, so it takes them before the child.
-- A single run goes by its key alone: many are controlled one by one in one statement, and a plan for a list may read
-- the whole table each time.
create or replace function howdah_private.lock_ancestors(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_above uuid[];
  v_id uuid;
begin
  if cardinality(lock_ancestors.ids) = 1 then
    select e.ancestors into v_above from howdah.executions as e where e.id = lock_ancestors.ids[1];
    foreach v_id in array v_above || lock_ancestors.ids[1] loop
      perform from howdah.executions as e where e.id = v_id for no key update;
    end loop;
    return;
  end if;
  -- a value, since by one only the partitions it is about are opened
  v_above := lock_ancestors.ids || array(
    select a.id from howdah.executions as r cross join lateral unnest(r.ancestors) as a (id)
    where r.id = any (lock_ancestors.ids)
  );
  perform from howdah.executions as e
  where e.id = any (v_above)
  order by e.depth, e.id
  for no key update;
end $$;

-- A run that has not ended and everything live below it, locked from the top downwards.
create or replace function howdah_private.lock_subtree(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_ancestors(lock_subtree.ids);
  return howdah_private.lock_below(lock_subtree.ids);
end $$;

-- The same for runs whose lineage the caller has locked. Whoever inserts a child holds its parent's lock: once everything
-- that is known is locked and another look finds no more, the family is whole. Children may stand in any partition, so a
-- plan for these ids would be no better, and cost all of them each time (`plan_cache_mode`).
create or replace function howdah_private.lock_below(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_family uuid[];
  v_known int := 0;
begin
  if not exists (select from howdah.executions as e where e.parent_execution_id = any (lock_below.ids)) then
    return coalesce((
      select array_agg(e.id::uuid) from howdah.executions as e
      where e.id = any (lock_below.ids) and e.completed_at is null
    ), '{}'); -- most runs have no children
  end if;
  loop
    with recursive family as (
      select i.id from unnest(lock_below.ids) as i (id)
      union
      select e.id::uuid from howdah.executions as e join family as f on e.parent_execution_id = f.id
    ),
    locked as (
      select e.id::uuid as id, e.depth from howdah.executions as e
      where e.id in (select f.id from family as f) and e.completed_at is null
      order by e.depth, e.id
      for no key update
    )
    select array_agg(l.id order by l.depth, l.id) into v_family from locked as l;
    exit when coalesce(cardinality(v_family), 0) = v_known;
    v_known := cardinality(v_family);
  end loop;
  return coalesce(v_family, '{}');
end $$;
