-- Enqueues a wake-up for each run. One add_jobs, hence one NOTIFY, serves all of them. The job key
-- is the run, so a second wake-up replaces the first. Jobs are added in the order of ids, as
-- everywhere: two transactions that wake the same runs do not deadlock. A job that a worker has
-- locked is not replaced: the queue deletes locked jobs in batches, in no fixed order, so that this
-- could deadlock. The run of such a job gets a second wake-up with a key of its own. Ownership and
-- attempts never depend on jobs.
--
-- Runs that are due are offered to a worker as well (offer_runs.sql).
--
-- plpgsql keeps the plan; a function in SQL would plan each call anew. `plan_cache_mode` keeps the
-- plans of add_jobs too, whose planning takes longer than its work.
create or replace function howdah_private.enqueue_advance(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_specs graphile_worker.job_spec[];
  v_due uuid[];
begin
  if coalesce(cardinality(enqueue_advance.ids), 0) = 0 then
    return; -- most calls have none, and a plan reads every partition
  end if;
  select array_agg(
    row('advance', json_build_object('id', e.id), null, greatest(e.run_at, e.wake_at), 25::smallint,
      e.id::text || case when j.id is null then '' else ' again' end, e.priority,
      null)::graphile_worker.job_spec
    order by e.id
  ), array_agg(e.id::uuid) filter (where greatest(e.run_at, e.wake_at) <= clock_timestamp())
  into v_specs, v_due
  from howdah.executions as e
  left join lateral ( -- looks up each job by its key; a plain join may read the whole queue
    select q.id from howdah_private.queue_jobs as q
    where q.key = e.id::text and q.locked_at is not null limit 1
  ) as j on true
  where e.id = any (enqueue_advance.ids);
  if v_specs is not null then
    perform graphile_worker.add_jobs(v_specs);
    perform howdah_private.offer_runs(v_due);
  end if;
end $$;

-- Enqueues wake-ups for those of the runs that are still due. A worker without room calls this for
-- wake-ups that it has held for a while. Most of these runs other workers have claimed by then.
create or replace function howdah_private.return_wake_ups(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  perform howdah_private.enqueue_advance(array_agg(e.id::uuid)) from howdah.executions as e
  where e.id = any (return_wake_ups.ids)
    and howdah_private.is_in_queue(e.status, e.waiting_for)
    and greatest(e.run_at, e.wake_at) <= clock_timestamp()
  having count(*) > 0;
end $$;

-- Asks workers with room to look for due runs. A worker calls this when it has taken a wake-up and
-- has no room for the run. Says nothing about which runs are due: a worker with room chooses by
-- fair shares among all of them. A lost notification costs a second: then the wake-up is returned.
create or replace function howdah_private.announce_due_runs() returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(howdah_private.channel('due_runs'), '')
$$;
