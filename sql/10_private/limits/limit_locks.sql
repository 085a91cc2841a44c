-- Locks of limits: those who count runs or calls of a limit, and then claim, begin or admit some,
-- execute one after the other. A lock is a row of limit_locks, which no login of a tenant can lock.
-- It is neither the row of the limit, since a slow transaction that edits a limit must delay
-- nobody, nor an advisory lock, since every connection can take these.

-- Returns the lock of a limit. Null where none is needed: counters have locks of their own.
create or replace function howdah_private.limit_lock_id(l howdah.limits) returns uuid
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when l.metric = 'running_runs' then l.tenant_id
    when howdah_private.is_call_limit(l) then l.id end;
end $$;

-- Makes the lock of a new or changed limit.
create or replace function howdah_private.create_limit_lock(l howdah.limits) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.limit_locks (lock_id)
  select howdah_private.limit_lock_id(l)
  where howdah_private.limit_lock_id(l) is not null
  on conflict do nothing;
end $$;

-- Takes locks in the order of their ids, until the end of the transaction.
create or replace function howdah_private.lock_limits(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah_private.limit_locks as k
  where k.lock_id = any (lock_limits.ids)
  order by k.lock_id
  for no key update;
end $$;

-- Takes a lock if it is free. Returns false if another transaction holds it.
create or replace function howdah_private.try_lock_limit(id uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah_private.limit_locks as k
  where k.lock_id = try_lock_limit.id for no key update skip locked;
  return found or not exists (
    select from howdah_private.limit_locks as k where k.lock_id = try_lock_limit.id);
end $$;
