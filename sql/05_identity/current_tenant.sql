-- Returns the tenant of the caller. Three rules protect the boundary between tenants:
--   1. A login bound in login_tenants acts for that tenant, whatever its settings are.
--   2. The setting howdah.tenant_id counts only in sessions of a trusted login: an owner, the API
--      (howdah_authenticator) or a worker. Any other login could set the setting itself.
--   3. SQL of tools and hooks, in the session of a worker, acts for the tenant that the worker
--      bound it to (signed_binding.sql), and no setting counts.
-- An owner without a setting acts for the tenant "default"; any other login acts for no tenant.
--
-- The function is plpgsql because it is the default of every tenant_id: a SQL function that cannot
-- be inlined costs twice as much per row. An insert of executions looks up the tenant once for all
-- its rows (tg_executions__permit). The pin counts only for owners, who may write any tenant_id
-- anyway.
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
  if current_setting('howdah.pinned_tenant', true) <> ''
    and pg_has_role(session_user, 'howdah_owner', 'member') then
    return current_setting('howdah.pinned_tenant', true);
  end if;
  select l.tenant_id into v_tenant_id from howdah_private.login_tenants as l
  where l.login = session_user;
  if found then
    return (select t.id from howdah.tenants as t where t.id = v_tenant_id and t.is_active);
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
  E'@behavior -*\nReturns the tenant this session acts for: that of the token, the API key or the '
  'database login. For an owner of the database, it is "default" unless set.';
