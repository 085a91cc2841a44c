-- The role of this session in its tenant; null is nobody. Of a login bound in login_tenants it is the one written there;
-- of a request the weaker one of what its token or key says and what the user's row says now. Settings count as they
-- do for the tenant. SQL that a worker runs for an agent is never more than a member, nor than the user of the run is now.
create or replace function howdah.current_user_role() returns howdah.user_role
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_said howdah.user_role := nullif(current_setting('howdah.role', true), '');
  v_user_id uuid;
  v_role howdah.user_role;
begin
  if howdah_private.is_operator() then
    return 'owner';
  end if;
  if howdah_private.is_bound() then
    v_user_id := howdah.current_user_id();
    if v_user_id is null then
      return case when howdah.current_tenant() is not null then 'member' end;
    end if;
    select greatest(u.role, 'member') into v_role from howdah.users as u
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
      return coalesce(v_said, 'owner'); -- speaks for its tenant
    end if;
    select greatest(u.role, v_said) into v_role from howdah.users as u
    where u.id = v_user_id and u.tenant_id = howdah.current_tenant() and u.is_active;
    return v_role;
  end if;
  return case when pg_has_role(session_user, 'howdah_worker', 'member') then greatest('member', v_said) end;
end $$;
comment on function howdah.current_user_role() is
  E'@behavior -*\nThe role this session acts with: of the token, the API key or the database login; an owner of the database is owner.';
