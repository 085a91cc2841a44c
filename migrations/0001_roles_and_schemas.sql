-- Up Migration
-- Creates the roles, the schemas and the privileges of the roles on the schemas. Roles belong to
-- the cluster: they may exist already, and the down migration keeps them.
--
--   howdah_owner          owns every table; the login that migrates is a member
--   howdah_engine         owns every security definer function; policies show it all tenants
--   howdah_worker         runs Graphile Worker and calls howdah_private functions, nothing else
--   howdah_app            privileges of a tenant: GraphQL, direct logins, tools written in SQL
--   howdah_analyst        reads the rows of a tenant
--   howdah_authenticator  login of the API: reads nothing itself, sets its role to app or analyst
--   howdah_eraser         the only role that passes the triggers of immutable tables
--   howdah_tool           runs SQL of users (tools, hooks) in the session of a worker; code that
--                         trusts the session otherwise recognises such SQL by this role
--   howdah_reader         runs SQL written by a model: reads like howdah_analyst, writes nothing
--   howdah_writer         writes answers into watched tables; its privileges on them are for the
--                         engine alone, so neither the role nor its members run SQL of users
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'howdah_owner', 'howdah_engine', 'howdah_worker', 'howdah_app', 'howdah_analyst',
    'howdah_authenticator', 'howdah_eraser', 'howdah_tool', 'howdah_reader', 'howdah_writer'
  ] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
        execute format(
          'create role %I nologin %s', v_role,
          case
            when v_role in ('howdah_worker', 'howdah_authenticator') then 'noinherit'
            else 'inherit'
          end
        );
      end if;
    exception when duplicate_object or unique_violation then
      null; -- another database of this cluster created the role first
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
      ('howdah_tool', 'howdah_owner'), ('howdah_reader', 'howdah_owner'),
      ('howdah_writer', 'howdah_owner'),
      ('howdah_worker', 'howdah_engine'),
      ('howdah_app', 'howdah_worker'), ('howdah_tool', 'howdah_worker'),
      ('howdah_reader', 'howdah_worker'), ('howdah_writer', 'howdah_worker'),
      ('howdah_app', 'howdah_authenticator'), ('howdah_analyst', 'howdah_authenticator'),
      ('howdah_app', 'howdah_tool'), ('howdah_analyst', 'howdah_reader')
    ) as g (role, member)
    where not exists (
      select from pg_catalog.pg_auth_members as m
      where m.roleid = g.role::regrole and m.member = g.member::regrole
        and (to_jsonb(m) ->> 'set_option' is distinct from 'false')
    )
      and not (g.member = current_user
        and (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user))
  loop
    execute format('grant %I to %I', v_grant.role, v_grant.member);
  end loop;
end $$;

create schema howdah authorization howdah_owner;
alter schema howdah_private owner to howdah_owner;
alter table howdah_private.migrations owner to howdah_owner;

-- Graphile Worker migrates its own schema as howdah_worker. It first looks for this table. If the
-- table exists, the role needs no privilege to create schemas.
create schema graphile_worker authorization howdah_worker;
create table graphile_worker.migrations (
  id int primary key,
  ts timestamptz not null default now(),
  breaking boolean not null default false
);
alter table graphile_worker.migrations owner to howdah_worker;

grant create, usage on schema howdah, howdah_private to howdah_engine;
grant create on schema howdah_private to howdah_eraser;
grant usage on schema howdah, howdah_private
  to howdah_worker, howdah_app, howdah_analyst, howdah_authenticator, howdah_eraser,
    howdah_reader, howdah_writer;

comment on schema howdah is
  'Agents, their runs and their messages. SQL and GraphQL can query every table and view here.';
comment on schema howdah_private is 'Internals of Howdah. Nothing in this schema is an interface.';

-- Down Migration
drop schema graphile_worker cascade;
drop schema howdah cascade;
alter table howdah_private.migrations owner to current_user;
alter schema howdah_private owner to current_user;
