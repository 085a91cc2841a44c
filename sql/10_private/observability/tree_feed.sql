-- The feed of a tree: the steps of a run and of all runs below it, in one order with one cursor.
--
-- Each run has its own log under its own lock, and runs of a tree commit at the same time. So
-- neither time nor id is a safe cursor over the tree: a step with a smaller one may become visible
-- later. A common counter would be safe, but every commit would wait for it. Instead, the readers
-- fix the order: a reader of a tree appends the steps that are visible and have no entry yet to
-- howdah_private.tree_entries. The log of the top run keeps its numbers. An entry (top_seq,
-- position) comes after the step `top_seq` of the top run. All readers get this one order, however
-- often they reconnect.
--
-- Invariants, under the lock of the row in tree_orders:
--   1. position grows by one with each entry, and top_seq never falls with it.
--   2. tree_orders.top_seq never falls, and no later entry has a smaller top_seq. Readers get steps
--      of the top run only up to it. So nothing is inserted before what a reader has read.
--   3. Entries of a run have the order of its log.
-- The order follows the clock of the database, and a child run begins after the commit of the step
-- that starts it. So a child run comes after its start and before the step with its result.
--
-- A run without child runs needs none of this: nothing is written until it has one.

-- Returns what a followed run is like now: has_ended, whether it has runs below, whether its order
-- lacks entries, and the live runs below, at most `most_live`. Followers call it after each commit
-- of their runs, so it keeps one plan: to plan it takes four times as long as to run it.
create or replace function howdah_private.tree_states(ids uuid[], most_live int)
  returns table (
    execution_id uuid, step_count int, has_ended boolean, has_children boolean,
    is_behind boolean, live uuid[]
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select e.id::uuid, coalesce(h.step_count, e.step_count), e.completed_at is not null,
    b.runs > 0,
    b.runs > 0 and (b.is_behind or o.top_seq is distinct from coalesce(h.step_count, e.step_count)),
    coalesce(b.live[:tree_states.most_live], '{}')
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  left join howdah_private.tree_orders as o on o.top_execution_id = e.id
  cross join lateral (
    select count(*) as runs,
      bool_or(r.step_count > r.ordered_seq or r.has_ended and not r.is_end_ordered) as is_behind,
      array_agg(r.id order by r.id) filter (where not r.has_ended) as live
    from howdah_private.runs_below(e.id::uuid, e.root_execution_id) as r
  ) as b
  where e.id = any (tree_states.ids);
end $$;

-- Returns the runs below a run, with the part of each that has entries in the order of that run.
create or replace function howdah_private.runs_below(top_id uuid, root_id uuid)
  returns table (
    id uuid, step_count int, has_ended boolean, ended_at timestamptz,
    ordered_seq int, is_end_ordered boolean
  )
  language sql stable
begin atomic
  select e.id::uuid, coalesce(h.step_count, e.step_count), e.completed_at is not null,
    e.completed_at, coalesce(t.seq, 0), coalesce(t.is_end and t.seq = e.step_count, false)
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  left join lateral (
    select n.seq, n.is_end from howdah_private.tree_entries as n
    where n.top_execution_id = runs_below.top_id and n.execution_id = e.id::uuid
    order by n.seq desc, n.is_end desc limit 1
  ) as t on true
  where e.root_execution_id = runs_below.root_id and e.parent_execution_id is not null
    and runs_below.top_id = any (e.ancestors);
end;

-- Appends what is visible and has no entry to the orders of trees, at most `at_most` entries for
-- each. Returns the trees whose order is complete up to the moment of the call. Skips a tree that
-- another reader appends to.
create or replace function howdah_private.order_trees(ids uuid[], at_most int) returns setof uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_order howdah_private.tree_orders;
begin
  insert into howdah_private.tree_orders (top_execution_id, tenant_id, top_seq, last_position)
  select e.id::uuid, e.tenant_id, coalesce((
      -- readers may have read the log of the top run until here, when it had no child runs
      select min(s.seq) from howdah.steps as s
      where s.execution_id = e.id and s.kind = 'child_started'), 0), 0
  from howdah.executions as e where e.id = any (order_trees.ids)
  order by e.id
  on conflict do nothing;
  foreach v_id in array order_trees.ids loop
    select o.* into v_order from howdah_private.tree_orders as o
    where o.top_execution_id = v_id for update skip locked;
    if found and howdah_private.extend_tree_order(v_order, order_trees.at_most) then
      return next v_id;
    end if;
  end loop;
end $$;

-- Returns the steps and ends of the runs below a run that have no entry in its order, with the
-- times by which they are ordered. The times of one run do not fall.
create or replace function howdah_private.rows_to_order(top_id uuid, root_id uuid)
  returns table (id uuid, seq int, is_end boolean, at timestamptz)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with runs as materialized (
    select r.* from howdah_private.runs_below(rows_to_order.top_id, rows_to_order.root_id) as r
  )
  select f.id, f.seq, f.is_end, max(f.at) over (partition by f.id order by f.seq, f.is_end)
  from (
    select r.id, s.seq, false as is_end, s.finished_at as at
    from runs as r
    cross join lateral (
      select n.seq, n.finished_at from howdah.steps as n
      where n.execution_id = r.id and n.seq > r.ordered_seq and n.seq <= r.step_count
      offset 0 -- by the key for each run, whatever the statistics say
    ) as s
    where r.step_count > r.ordered_seq
    union all
    select r.id, r.step_count, true, r.ended_at from runs as r
    where r.has_ended and not r.is_end_ordered
  ) as f
$$;

-- Appends to the order of one tree, whose row the caller has locked. One statement reads the log of
-- the tree, so everything comes from one snapshot. Returns whether nothing is left to append.
create or replace function howdah_private.extend_tree_order(
  o howdah_private.tree_orders, at_most int
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_complete boolean;
begin
  with top as materialized (
    select e.root_execution_id as root_id, coalesce(h.step_count, e.step_count) as step_count
    from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id
    where e.id = o.top_execution_id
  ),
  placed as (
    select f.*, row_number() over (order by f.at, f.id, f.seq, f.is_end)::int as place
    from top as t cross join howdah_private.rows_to_order(o.top_execution_id, t.root_id) as f
  ),
  top_times as (
    select s.seq, max(s.finished_at) over (order by s.seq) as at
    from howdah.steps as s cross join top as t
    where s.execution_id = o.top_execution_id and s.seq > o.top_seq and s.seq <= t.step_count
  ),
  timeline as (
    -- one pass over both logs: the last step of the top run up to the time of each row
    select m.id, m.seq, m.is_end, m.place, max(m.passed_seq) over (
        order by m.at, m.place nulls first rows unbounded preceding) as passed_seq
    from (
      select p.id, p.seq, p.is_end, p.place, p.at, null::int as passed_seq
      from placed as p where p.place <= extend_tree_order.at_most
      union all
      select null, null, null, null, x.at, x.seq from top_times as x
    ) as m
  ),
  entries as (
    insert into howdah_private.tree_entries (
      top_execution_id, execution_id, top_seq, position, seq, is_end)
    select o.top_execution_id, t.id, greatest(o.top_seq, t.passed_seq),
      o.last_position + t.place, t.seq, t.is_end
    from timeline as t where t.place is not null
    returning top_seq, position
  ),
  result as (
    select t.step_count, count(p.place) <= extend_tree_order.at_most as is_complete
    from top as t left join placed as p on true group by t.step_count
  )
  update howdah_private.tree_orders as u
  set last_position = greatest(u.last_position, (select max(n.position) from entries as n)),
    top_seq = greatest(u.top_seq, case when r.is_complete then r.step_count
      else (select max(n.top_seq) from entries as n) end)
  from result as r
  where u.top_execution_id = o.top_execution_id
  returning r.is_complete into v_is_complete;
  return coalesce(v_is_complete, false);
end $$;

-- Returns the next rows of trees in order, for each tree after its own cursor. The log of a top run
-- may be read up to `counts`, its number of steps when it was known to have no child runs, or up to
-- top_seq of tree_orders if the count is null. `step` is null for the end of a child run. Rows end
-- after `max_bytes`, as those of steps_after do.
create or replace function howdah_private.tree_rows_after(
  ids uuid[], top_seqs int[], positions int[], counts int[], at_most int,
  max_bytes bigint default null
) returns table (
    place int, top_seq int, "position" int, execution_id uuid, seq int, step jsonb, is_cut boolean
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_bytes bigint := 0;
begin
  for place, top_seq, position, execution_id, seq, step in
    select r.place, r.top_seq, r.position, r.execution_id, r.seq, to_jsonb(s) || jsonb_build_object(
      'cost', s.cost::text,
      'started_at', to_char(s.started_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM'),
      'finished_at', to_char(s.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM'))
    from (
      select i.place::int as place, x.*
      from unnest(tree_rows_after.ids, tree_rows_after.top_seqs, tree_rows_after.positions,
        tree_rows_after.counts) with ordinality as i (id, top_seq, position, count, place)
      cross join lateral (
        (select t.seq as top_seq, 0 as position, t.execution_id, t.seq, false as is_end
        from howdah.steps as t
        where t.execution_id = i.id
          and t.seq >= case when i.position < 0 then i.top_seq else i.top_seq + 1 end
          and t.seq <= coalesce(i.count, (
            select o.top_seq from howdah_private.tree_orders as o where o.top_execution_id = i.id
          ), 0)
        order by t.seq limit tree_rows_after.at_most)
        union all
        (select n.top_seq, n.position, n.execution_id, n.seq, n.is_end
        from howdah_private.tree_entries as n
        where n.top_execution_id = i.id
          and (n.top_seq, n.position) > (i.top_seq, greatest(i.position, 0))
        order by n.top_seq, n.position limit tree_rows_after.at_most)
        order by 1, 2 limit tree_rows_after.at_most
      ) as x
      order by i.place, x.top_seq, x.position
      offset 0 -- sorts before the steps are read
    ) as r
    left join lateral (
      select t.* from howdah.steps as t
      where t.execution_id = r.execution_id and t.seq = r.seq and not r.is_end
      offset 0 -- by the key for each row, whatever the statistics say
    ) as s on true
  loop
    v_bytes := v_bytes + coalesce(pg_column_size(step), 0);
    is_cut := coalesce(v_bytes >= tree_rows_after.max_bytes, false);
    return next;
    exit when is_cut;
  end loop;
end $$;

-- Returns the last step of each run below a run that comes up to a cursor in the order of the tree.
create or replace function howdah_private.tree_cursors(id uuid, top_seq int, "position" int)
  returns table (execution_id uuid, seq int)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select n.execution_id, max(n.seq) from howdah_private.tree_entries as n
  where n.top_execution_id = tree_cursors.id
    and (n.top_seq, n.position) <= (tree_cursors.top_seq, tree_cursors.position)
  group by n.execution_id
$$;

-- Returns where runs stand in their trees: their names, and the runs above from the root down.
create or replace function howdah_private.tree_places(ids uuid[])
  returns table (execution_id uuid, agent text, ancestors uuid[])
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.id::uuid, coalesce(a.name, w.name), e.ancestors
  from howdah.executions as e
  left join howdah.agents as a on a.id = e.agent_id
  left join howdah.workflows as w on w.id = e.workflow_id
  where e.id = any (tree_places.ids)
$$;

-- Orders a tree as far as it is visible. Returns whether nothing is left, and the last position.
create or replace function howdah_private.complete_tree(
  id uuid, at_most int, out is_complete boolean, out last_position int
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_behind boolean;
begin
  select t.is_behind into v_is_behind
  from howdah_private.tree_states(array[complete_tree.id], 0) as t;
  is_complete := v_is_behind is not true or exists (
    select from howdah_private.order_trees(array[complete_tree.id], complete_tree.at_most));
  select o.last_position into last_position from howdah_private.tree_orders as o
  where o.top_execution_id = complete_tree.id;
end $$;

-- Returns the position of the last question below a run that came after its step `seq`.
create or replace function howdah_private.last_question_position(id uuid, seq int) returns int
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select n.position from howdah_private.tree_entries as n
  where n.top_execution_id = last_question_position.id
    and n.top_seq = last_question_position.seq and not n.is_end
    and (
      select s.kind = 'question' from howdah.steps as s
      where s.execution_id = n.execution_id and s.seq = n.seq)
  order by n.position desc limit 1
$$;
