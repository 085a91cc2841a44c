-- True for an owner of the installation who has not stepped down to another role. The setting `role` tells
-- that apart even inside a security definer function, where current_user no longer does.
create or replace function howdah_private.is_operator() returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(
    case current_setting('role') when 'none' then session_user else current_setting('role')::name end,
    'howdah_owner', 'member'
  )
$$;
