-- Locks runs together with all of their ancestors in the one order that every caller uses: roots
-- first, then by depth and id. A transaction that ends a child, or adds its usage to the runs
-- above, also writes the ancestors. So it locks them before the child.
--
-- A single run is locked by its key alone. One statement often controls many runs one by one, and
-- the plan for a list of ids may read the whole table each time. A debounced insert may replace the
-- row meanwhile: the new row is locked then. `enable_seqscan`: a plan of a session that began with
-- an empty table must not read the whole history later.
create or replace function howdah_private.lock_ancestors(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_above uuid[];
  v_id uuid;
begin
  if cardinality(lock_ancestors.ids) = 1 then
    select e.ancestors into v_above from howdah.executions as e where e.id = lock_ancestors.ids[1];
    foreach v_id in array v_above || lock_ancestors.ids[1] loop
      loop
        perform from howdah.executions as e where e.id = v_id for no key update;
        exit when found or not exists (select from howdah.executions as e where e.id = v_id);
      end loop;
    end loop;
    return;
  end if;
  -- an array variable rather than a subquery: the planner then opens only the partitions of its ids
  v_above := lock_ancestors.ids || array(
    select a.id from howdah.executions as r cross join lateral unnest(r.ancestors) as a (id)
    where r.id = any (lock_ancestors.ids)
  );
  perform from howdah.executions as e
  where e.id = any (v_above)
  order by e.depth, e.id
  for no key update;
end $$;

-- Locks the given runs and all live runs below them, from the top downwards. Returns their ids.
create or replace function howdah_private.lock_subtree(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_ancestors(lock_subtree.ids);
  return howdah_private.lock_below(lock_subtree.ids);
end $$;

-- Locks the live runs below and among runs whose ancestors the caller has already locked. An insert
-- of a child holds the lock of its parent. So the family is complete once everything known is
-- locked and another search finds nothing new.
--
-- `plan_cache_mode`: children may be in any partition. A custom plan would be no better and would
-- open all partitions at each call. `enable_seqscan`: without statistics the planner would read the
-- whole history.
create or replace function howdah_private.lock_below(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
declare
  v_family uuid[];
  v_known int := 0;
begin
  if not exists (select from howdah.executions as e
    where e.parent_execution_id = any (lock_below.ids)) then
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
