-- Returns whether the caller is an owner of the installation who has not switched to another role.
-- The setting `role` is reliable even in a security definer function, where current_user is not.
create or replace function howdah_private.is_operator() returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(
    case current_setting('role') when 'none' then session_user
      else current_setting('role')::name end,
    'howdah_owner', 'member'
  )
$$;
