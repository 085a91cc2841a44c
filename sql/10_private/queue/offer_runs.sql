-- Offers runs that have become due to a worker, which then claims them without taking their
-- wake-ups from the queue first. So a single run starts one transaction sooner.
--
-- An offer is a notification to one worker: `worker-id run-id run-id ...`. It promises nothing. The
-- wake-ups are in the queue all the same, and serve if the worker has no room, has died, or does
-- not hear. A worker waits some milliseconds before it takes wake-ups
-- (workers/queue/notification-filter.ts), and a claim of an offered run completes its wake-up, so
-- that few wake-ups are taken for nothing. Every login may send a notification; a forged offer
-- claims only what is due.
--
-- Offered are the runs of a transaction that makes few runs due. Many of them are a backlog, which
-- workers share by claim_backlog. The worker is chosen at random: the inserting transaction does
-- not know which of them has room. Workers with a scope get no offers, as they get no wake-ups.
create or replace function howdah_private.offer_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(offer_runs.ids) between 1 and 4 then
    perform pg_notify(howdah_private.channel('due_runs'),
      concat_ws(' ', w.id, array_to_string(offer_runs.ids, ' ')))
    from howdah_private.workers_for_offers() as w limit 1;
  end if;
end $$;

-- Returns the workers that take offers, in random order. It is inlined into the statement that
-- sends an offer.
create or replace function howdah_private.workers_for_offers() returns table (id uuid)
  language sql stable
begin atomic
  select l.id from howdah_private.workers as l
  where l.only_tenants is null and l.only_run is null
    and l.heartbeat_at > clock_timestamp() - interval '3 seconds'
  order by random();
end;
