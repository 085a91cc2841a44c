-- Under a backlog a worker with much room need not wait for each wake-up in turn: it is given as many due runs as it has
-- room for, the room shared out one by one to the tenants with the fewest at work for their weight, and of the runs there are no more than a
-- worker's part, so that others who have room find some too.
create or replace function howdah_private.claim_backlog(after uuid, room int, except_ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_sort = off
as $$
declare
  v_ids record := howdah_private.shared_ids();
  v_now timestamptz := clock_timestamp();
  v_tenants uuid[] := array(
    select d.tenant_id from howdah_private.due_tenants_after(claim_backlog.after) as d where not d.is_timer
  );
  v_workers int := greatest((select count(*) from howdah_private.workers as w where w.only_tenants is null), 1);
  v_at_work int[];
  v_weights int[];
  v_given int[];
  v_next int;
  v_found uuid[];
  v_runs uuid[] := '{}';
begin
  if cardinality(v_tenants) = 1 then
    v_given := array[claim_backlog.room];
  elsif cardinality(v_tenants) > 1 then
    v_at_work := howdah_private.runs_at_work(v_tenants);
    v_weights := howdah_private.weights(v_tenants);
    v_given := array_fill(0, array[cardinality(v_tenants)]);
    for v_place in 1 .. claim_backlog.room loop
      select i.place into v_next from generate_subscripts(v_tenants, 1) as i (place)
      order by (v_at_work[i.place] + v_given[i.place])::float8 / v_weights[i.place], i.place limit 1;
      v_given[v_next] := v_given[v_next] + 1;
    end loop;
  end if;
  for v_place in 1 .. cardinality(v_tenants) loop
    v_found := array(
      select e.id::uuid from howdah.executions as e
      where e.status = 'queued' and e.waiting_for is null and e.tenant_id = v_tenants[v_place]
        and greatest(e.run_at, e.wake_at) <= v_now
        and e.id <> all (claim_backlog.except_ids) and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at) limit v_given[v_place] * v_workers
    );
    v_runs := v_runs || v_found[1 : ceil(cardinality(v_found)::numeric / v_workers)::int];
  end loop;
  return v_runs;
end $$;
