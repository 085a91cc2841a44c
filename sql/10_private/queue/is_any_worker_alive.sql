-- Reports whether a worker that takes every kind of run is alive. Serves callers that wait for a
-- run and may not read the list of workers. Workers with a scope (`--only`) do not count.
create or replace function howdah_private.is_any_worker_alive() returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.workers as w
    where w.only_tenants is null and w.heartbeat_at > clock_timestamp() - interval '10 seconds'
  )
$$;
