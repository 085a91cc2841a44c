-- Returns whether a tenant may write the code that belongs to a role. Such a role runs text of
-- tenants, is PUBLIC (0), or is a login bound to a tenant or a role that such a login can become by
-- membership: with `set role`, or by granting the role to itself. Logins of operators do not count.
-- Every other role is trusted: superusers, owners, and the role that owns the tables of an
-- application.
create or replace function howdah_private.is_tenant_role(role oid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive members (oid) as (
    select is_tenant_role.role
    union
    select a.member from members as m join pg_auth_members as a on a.roleid = m.oid
  )
  select is_tenant_role.role = 0
    or is_tenant_role.role in ('howdah_app'::regrole, 'howdah_analyst'::regrole,
      'howdah_viewer'::regrole, 'howdah_inserter'::regrole, 'howdah_tool'::regrole,
      'howdah_reader'::regrole,
      'howdah_writer'::regrole)
    or exists (
      select from members as m
      join pg_roles as r on r.oid = m.oid
      join howdah_private.login_tenants as l on l.login = r.rolname
      where not pg_has_role(r.oid, 'howdah_owner', 'member'))
$$;
