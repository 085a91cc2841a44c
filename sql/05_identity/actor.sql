-- Returns the name of the caller for created_by: the user of the token or key, else the API key,
-- else the database login.
create or replace function howdah_private.actor() returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := howdah.current_user_id();
  v_name text;
begin
  if v_user_id is not null then
    select u.username into v_name from howdah.users as u where u.id = v_user_id;
  elsif coalesce(current_setting('howdah.api_key_id', true), '') <> ''
    and howdah_private.has_trusted_login() then
    select 'API key ' || k.name into v_name from howdah.api_keys as k
    where k.id = current_setting('howdah.api_key_id', true)::uuid;
  end if;
  return coalesce(v_name, session_user::text);
end $$;
