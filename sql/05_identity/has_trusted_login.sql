-- Returns whether the session belongs to an owner or to the API, whose settings name the caller.
-- Any other login could set those settings itself. SQL of tools and hooks acts for the tenant and
-- user that the worker bound it to.
create or replace function howdah_private.has_trusted_login() returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select not howdah_private.is_bound() and (pg_has_role(session_user, 'howdah_owner', 'member')
    or pg_has_role(session_user, 'howdah_authenticator', 'member'))
$$;
