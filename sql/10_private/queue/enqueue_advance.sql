-- A wake-up for each run: one add_jobs, hence one NOTIFY, for all of them. The job key is the run, so a second
-- wake-up replaces the first. In the order of ids, as everybody adds them: two who wake the same runs do not
-- deadlock. A job that is just being worked on is left alone, since the queue deletes many of those at once and in no
-- order: its run gets a wake-up of its own key. Jobs are never relied on for ownership or attempts.
-- Not in SQL alone, which plans it anew each time.
create or replace function howdah_private.enqueue_advance(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
  if cardinality(enqueue_advance.ids) is not distinct from 0 then
    return; -- most callers mostly have none, for which every partition would be planned
  end if;
  perform graphile_worker.add_jobs(array_agg(
    row('advance', json_build_object('id', e.id), null, greatest(e.run_at, e.wake_at), 25::smallint,
      e.id::text || case when j.id is null then '' else ' again' end, e.priority, null)::graphile_worker.job_spec
    order by e.id
  ))
  from howdah.executions as e
  left join lateral ( -- so that each is looked up by its key; a join may be planned as a read of the whole queue
    select q.id from howdah_private.queue_jobs as q
    where q.key = e.id::text and q.locked_at is not null limit 1
  ) as j on true
  where e.id = any (enqueue_advance.ids)
  having count(*) > 0;
end $$;
