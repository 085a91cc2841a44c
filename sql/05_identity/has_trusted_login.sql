-- True for sessions of an owner or of the API, whose settings say who asks. Everybody else could set them himself, and SQL of
-- tools and hooks acts for whom the worker bound it to.
create or replace function howdah_private.has_trusted_login() returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select not howdah_private.is_bound() and (pg_has_role(session_user, 'howdah_owner', 'member')
    or pg_has_role(session_user, 'howdah_authenticator', 'member'))
$$;
