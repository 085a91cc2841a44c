-- Returns the role of the session in its tenant, or null if it has none. For a login bound in
-- login_tenants, the role is in that row. For a request, the role is the lower of the role in the
-- token or key and the current role of the user. Settings are trusted under the same rules as for
-- the tenant. SQL that a worker runs for an agent is at most a member, and at most what the user of
-- the run is now. A query that a person writes has the role of its request.
create or replace function howdah.current_user_role() returns howdah.user_role
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_claimed_role howdah.user_role := nullif(current_setting('howdah.role', true), '');
  v_user_id uuid;
  v_role howdah.user_role;
begin
  if howdah_private.is_operator() then
    return 'owner';
  end if;
  if howdah_private.is_bound() then
    v_user_id := howdah.current_user_id();
    v_claimed_role := coalesce(howdah_private.bound_role(), 'member');
    if v_user_id is null then
      return case when howdah.current_tenant() is not null then v_claimed_role end;
    end if;
    select greatest(u.role, v_claimed_role) into v_role from howdah.users as u
    where u.id = v_user_id and u.tenant_id = howdah.current_tenant() and u.is_active;
    return v_role;
  end if;
  select l.role into v_role from howdah_private.login_tenants as l where l.login = session_user;
  if found then
    return v_role;
  end if;
  if pg_has_role(session_user, 'howdah_owner', 'member')
    or pg_has_role(session_user, 'howdah_authenticator', 'member') then
    v_user_id := howdah.current_user_id();
    if v_user_id is null then
      return coalesce(v_claimed_role, 'owner'); -- acts for its tenant
    end if;
    select greatest(u.role, v_claimed_role) into v_role from howdah.users as u
    where u.id = v_user_id and u.tenant_id = howdah.current_tenant() and u.is_active;
    return v_role;
  end if;
  return case when pg_has_role(session_user, 'howdah_worker', 'member')
    then greatest('member', v_claimed_role) end;
end $$;
comment on function howdah.current_user_role() is
  E'@behavior -*\nReturns the role this session acts with: that of the token, the API key or the '
  'database login. An owner of the database has the role owner.';
