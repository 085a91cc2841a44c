-- True for owners and for the worker's own calls: who is not asked for permission. Told apart as is_operator does, so
-- that SQL run on behalf of a tenant in a worker's session is not trusted.
create or replace function howdah_private.is_trusted() returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(
    case current_setting('role') when 'none' then session_user else current_setting('role')::name end,
    'howdah_worker', 'member'
  )
$$;
