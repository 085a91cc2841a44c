-- Returns the user of the token, or of the run that calls a tool. The setting is trusted under the
-- same rules as the tenant.
create or replace function howdah.current_user_id() returns uuid
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id text := nullif(current_setting('howdah.user_id', true), '');
begin
  if howdah_private.is_bound() then
    return (select b.user_id from howdah_private.verified_binding() as b);
  end if;
  if v_user_id is not null and (
    pg_has_role(session_user, 'howdah_owner', 'member')
    or pg_has_role(session_user, 'howdah_authenticator', 'member')
  ) then
    return v_user_id::uuid;
  end if;
  return null;
end $$;
comment on function howdah.current_user_id() is
  E'@behavior -*\nReturns the user this session acts for; null for a plain database login.';
