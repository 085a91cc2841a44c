-- For those who wait and may not look: whether there is anybody to do the work, whatever it is. Workers that are there for
-- some runs only do not count.
create or replace function howdah_private.is_any_worker_alive() returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.workers as w
    where w.only_tenants is null and w.heartbeat_at > clock_timestamp() - interval '10 seconds'
  )
$$;
