-- Who is asking. Three rules protect the boundary between tenants:
--   1. a login bound in login_tenants acts for that tenant, whatever its settings say;
--   2. the setting howdah.tenant_id counts only in sessions that were opened by a trusted login: an owner,
--      the API (howdah_authenticator) or a worker. Everybody else could set it themselves.
--   3. SQL of tools and hooks, in a worker's session, acts for whom the worker bound it to (bound.sql), and no setting counts.
-- An owner without a setting acts for the tenant "default"; anybody else for nobody. In plpgsql, since it is the default of
-- every tenant_id: a SQL function that cannot be inlined costs twice as much per row. An insert of executions looks it up
-- once for all its rows (pin_tenant), which counts for owners only: they may write any tenant_id anyhow.
create or replace function howdah.current_tenant() returns uuid
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid;
begin
  if howdah_private.is_bound() then
    return (select b.tenant_id from howdah_private.verified_binding() as b);
  end if;
  if pg_has_role(session_user, 'howdah_owner', 'member') then
    v_tenant_id := nullif(current_setting('howdah.pinned_tenant', true), '');
    if v_tenant_id is not null then
      return v_tenant_id;
    end if;
  end if;
  select case when t.is_active then t.id end into v_tenant_id
  from howdah_private.login_tenants as l join howdah.tenants as t on t.id = l.tenant_id
  where l.login = session_user;
  if found then
    return v_tenant_id;
  end if;
  if pg_has_role(session_user, 'howdah_owner', 'member') then
    v_tenant_id := nullif(current_setting('howdah.tenant_id', true), '');
    if v_tenant_id is null then
      select t.id into v_tenant_id from howdah.tenants as t where t.slug = 'default';
    end if;
  elsif pg_has_role(session_user, 'howdah_authenticator', 'member')
    or pg_has_role(session_user, 'howdah_worker', 'member') then
    v_tenant_id := nullif(current_setting('howdah.tenant_id', true), '');
  end if;
  return v_tenant_id;
end $$;
comment on function howdah.current_tenant() is
  E'@behavior -*\nThe tenant this session acts for: of the token, the API key or the database login; an owner''s is "default" unless set.';
