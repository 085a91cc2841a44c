-- Returns whether the caller may name addresses of the machine and its network: an owner of the
-- installation, or a request without login to an API that only this machine can reach. Only the API
-- knows the latter, and says so in the setting howdah.owns_machine. The setting counts only in
-- sessions of the API and of owners, since any other login could set it itself, and not in SQL of
-- tools and hooks.
create or replace function howdah_private.owns_machine() returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.is_operator()
    or (howdah_private.has_trusted_login()
      and current_setting('howdah.owns_machine', true) is not distinct from 'on')
$$;
