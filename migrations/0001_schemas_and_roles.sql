-- Up Migration
-- Roles belong to the cluster, not to this database: they may exist already, and stay when we go.
--   howdah_owner          owns every table; whoever migrates is a member of it
--   howdah_engine         owns every security definer function; policies let it see all tenants
--   howdah_worker         runs Graphile Worker and calls howdah_private functions, nothing else
--   howdah_app            the tenant's own rights: GraphQL, direct logins, tools written in SQL
--   howdah_analyst        reads a tenant's rows
--   howdah_authenticator  the API's login: sees nothing itself, may become app or analyst
--   howdah_eraser         the only one that passes the triggers of immutable tables
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'howdah_owner', 'howdah_engine', 'howdah_worker', 'howdah_app', 'howdah_analyst',
    'howdah_authenticator', 'howdah_eraser'
  ] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
        execute format(
          'create role %I nologin %s', v_role,
          case when v_role in ('howdah_worker', 'howdah_authenticator') then 'noinherit' else 'inherit' end
        );
      end if;
    exception when duplicate_object or unique_violation then
      null; -- another database of this cluster was faster
    end;
  end loop;
end $$;

do $$
declare
  v_grant record;
begin
  for v_grant in
    select g.role, g.member
    from (values
      ('howdah_owner', current_user::text),
      ('howdah_engine', 'howdah_owner'), ('howdah_worker', 'howdah_owner'),
      ('howdah_app', 'howdah_owner'), ('howdah_analyst', 'howdah_owner'),
      ('howdah_authenticator', 'howdah_owner'), ('howdah_eraser', 'howdah_owner'),
      ('howdah_worker', 'howdah_engine'),
      ('howdah_app', 'howdah_worker'),
      ('howdah_app', 'howdah_authenticator'), ('howdah_analyst', 'howdah_authenticator')
    ) as g (role, member)
    where not exists (
      select from pg_catalog.pg_auth_members m
      where m.roleid = g.role::regrole and m.member = g.member::regrole
        and (to_jsonb(m) ->> 'set_option' is distinct from 'false')
    )
      and not (g.member = current_user
        and (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user))
  loop
    execute format('grant %I to %I', v_grant.role, v_grant.member);
  end loop;
end $$;

create schema howdah authorization howdah_owner;
alter schema howdah_private owner to howdah_owner;
alter table howdah_private.migrations owner to howdah_owner;

-- Graphile Worker migrates its own schema as howdah_worker. Its first act is to look for this table;
-- finding it, it needs no right to create schemas.
create schema graphile_worker authorization howdah_worker;
create table graphile_worker.migrations (
  id int primary key,
  ts timestamptz not null default now(),
  breaking boolean not null default false
);
alter table graphile_worker.migrations owner to howdah_worker;

grant create, usage on schema howdah, howdah_private to howdah_engine;
grant usage on schema howdah
  to howdah_worker, howdah_app, howdah_analyst, howdah_authenticator, howdah_eraser;
grant usage on schema howdah_private
  to howdah_worker, howdah_app, howdah_analyst, howdah_authenticator, howdah_eraser;

comment on schema howdah is
  'Howdah: agents, what they ran and what they said. Everything here may be asked in SQL and GraphQL.';
comment on schema howdah_private is
  'Howdah''s own machinery: nothing in here is an interface.';

-- Down Migration
drop schema graphile_worker cascade;
drop schema howdah cascade;
alter table howdah_private.migrations owner to current_user;
alter schema howdah_private owner to current_user;
