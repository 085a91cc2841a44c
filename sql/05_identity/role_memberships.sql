-- Returns the roles of Howdah, each with the roles that it is a member of. Roles belong to the
-- cluster, so any database of it, and any role that may create roles, can change them.
-- `howdah doctor` compares the catalogue with this list, and a test compares the list with what
-- the migrations make.
create or replace function howdah_private.role_memberships()
  returns table (role name, member_of name[], inherits boolean)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('howdah_analyst'::name, array['howdah_viewer']::name[], true),
    ('howdah_app', '{}', true),
    ('howdah_authenticator', '{howdah_analyst,howdah_app,howdah_reader}', false),
    ('howdah_engine', '{howdah_worker}', true),
    ('howdah_eraser', '{}', true),
    ('howdah_inserter', '{}', true),
    ('howdah_owner', '{howdah_analyst,howdah_app,howdah_authenticator,howdah_engine,howdah_eraser,'
      'howdah_inserter,howdah_reader,howdah_tool,howdah_viewer,howdah_worker,howdah_writer}', true),
    ('howdah_reader', '{howdah_analyst}', true),
    ('howdah_tool', '{howdah_app}', true),
    ('howdah_viewer', '{}', true),
    ('howdah_worker', '{howdah_app,howdah_reader,howdah_tool,howdah_writer}', false),
    ('howdah_writer', '{}', true)
$$;

-- Returns the faults of the roles of Howdah: missing roles, attributes that let a role pass
-- row-level security or log in, and memberships that give a role or a login more than it should
-- have.
create or replace function howdah_private.role_faults()
  returns table (object text, fault text, fix text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select * from howdah_private.attribute_faults()
  union all
  select * from howdah_private.membership_faults()
  order by 1, 2
$$;

create or replace function howdah_private.attribute_faults()
  returns table (object text, fault text, fix text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select m.role::text, 'is missing', format('create role %I nologin; '
    'delete from howdah_private.applied_sql; then npx howdah migrate up', m.role)
  from howdah_private.role_memberships() as m where to_regrole(m.role) is null
  union all
  select r.rolname, 'has the attribute ' || v.attribute,
    format('alter role %I no%s', r.rolname, v.attribute)
  from howdah_private.role_memberships() as m
  join pg_roles as r on r.rolname = m.role
  cross join lateral (values
    ('superuser', r.rolsuper), ('bypassrls', r.rolbypassrls), ('createrole', r.rolcreaterole),
    ('createdb', r.rolcreatedb), ('replication', r.rolreplication), ('login', r.rolcanlogin),
    ('inherit', r.rolinherit and not m.inherits)
  ) as v (attribute, has)
  where v.has
$$;

-- Owners, workers and the API log in as members of howdah_owner, howdah_worker and
-- howdah_authenticator, and tenants as members of howdah_app, howdah_analyst, howdah_viewer and
-- howdah_inserter. No login is a member of another role, unless it is an owner. From PostgreSQL 16
-- on, the creator of a role is a member with the admin option alone, and may grant the role to
-- itself.
create or replace function howdah_private.membership_faults()
  returns table (object text, fault text, fix text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with ours as (
    select m.role, m.member_of, r.oid from howdah_private.role_memberships() as m
    join pg_roles as r on r.rolname = m.role
  ),
  members as (
    select g.rolname as role, g.rolsuper or g.rolbypassrls as is_mighty, m.oid, m.rolname as member
    from pg_auth_members as a
    join pg_roles as g on g.oid = a.roleid
    join pg_roles as m on m.oid = a.member
  )
  select o.role::text, 'is not a member of ' || g.name, format('grant %I to %I', g.name, o.role)
  from ours as o cross join unnest(o.member_of) as g (name)
  where to_regrole(g.name) is not null
    and not exists (select from members as m where m.role = g.name and m.oid = o.oid)
  union all
  select m.member, 'is a member of ' || m.role, format('revoke %I from %I', m.role, m.member)
  from members as m join ours as o on o.oid = m.oid
  where m.role <> all (o.member_of)
    -- figures of the server, which docs/operations.md grants to the engine
    and m.role not in ('pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats',
      'pg_stat_scan_tables')
    and (m.is_mighty or m.role like 'pg\_%' or exists (select from ours as r where r.role = m.role))
  union all
  select m.member, 'is a member of ' || m.role, format('revoke %I from %I', m.role, m.member)
  from members as m
  where m.role in ('howdah_engine', 'howdah_eraser', 'howdah_tool', 'howdah_reader',
      'howdah_writer')
    and not exists (select from ours as o where o.oid = m.oid)
    and not pg_has_role(m.oid, 'howdah_owner', 'member')
$$;

-- Returns the faults of logins that act for a tenant, and of members of howdah_app that are bound
-- to none: rights over rows of other tenants, writes of a viewer, and, as notes, missing time-outs.
create or replace function howdah_private.login_faults()
  returns table (object text, fault text, fix text, is_note boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with logins as (
    select r.*, l.login, l.role as bound_as from howdah_private.login_tenants as l
    left join pg_roles as r on r.rolname = l.login
    union all
    select r.*, r.rolname, null from pg_roles as r
    where r.rolcanlogin and not r.rolsuper and pg_has_role(r.oid, 'howdah_app', 'member')
      and not pg_has_role(r.oid, 'howdah_worker', 'member')
      and not pg_has_role(r.oid, 'howdah_authenticator', 'member')
      and r.rolname <> all (array(select l.login from howdah_private.login_tenants as l))
  )
  select l.login::text, 'is bound to a tenant, but does not exist',
    format('delete from howdah_private.login_tenants where login = %L', l.login), true
  from logins as l where l.oid is null
  union all
  select l.login, 'has the attribute ' || a.name, format('alter role %I no%s', l.login, a.name),
    false
  from logins as l cross join lateral (values
    ('superuser', l.rolsuper), ('bypassrls', l.rolbypassrls), ('createrole', l.rolcreaterole),
    ('replication', l.rolreplication)
  ) as a (name, has) where a.has
  union all
  select l.login, 'is a member of ' || r.rolname, format('revoke %I from %I', r.rolname, l.login),
    false
  from logins as l join pg_roles as r on pg_has_role(l.oid, r.oid, 'member') and r.oid <> l.oid
  where l.oid is not null and not l.rolsuper and (r.rolsuper or r.rolbypassrls or r.rolname in (
    'howdah_owner', 'howdah_worker', 'howdah_authenticator', 'howdah_engine', 'howdah_eraser',
    'howdah_writer', 'howdah_tool', 'howdah_reader', 'pg_write_all_data', 'pg_signal_backend',
    'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_maintain'))
  union all
  select l.login, 'is bound as a viewer, but may write to ' || t.name,
    format('update howdah_private.login_tenants set role = role where login = %L', l.login), false
  from logins as l cross join lateral howdah_private.table_locked_by(l.login) as t (name)
  where l.bound_as = 'viewer' and l.oid is not null and t.name is not null
  union all
  select l.login, 'has no ' || string_agg(t.setting, ', ' order by t.setting),
    string_agg(t.statement, '; ' order by t.setting), true
  from logins as l cross join lateral howdah_private.missing_timeouts(l.login) as t
  where l.oid is not null group by l.login
  order by 1, 2
$$;
