-- Up Migration
-- SQL that is not ours (tools, hooks) runs in the session of a worker, whose login is much more than it. It runs under
-- a role of its own, by which everything that trusts the session otherwise knows it.
set local role none; -- howdah_owner makes no roles
do $$
declare
  v_grant record;
begin
  begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'howdah_tool') then
      create role howdah_tool nologin inherit;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- another database of this cluster was faster
  end;
  for v_grant in
    select g.role, g.member
    from (values
      ('howdah_tool', 'howdah_owner'), ('howdah_tool', 'howdah_worker'), ('howdah_app', 'howdah_tool')
    ) as g (role, member)
    where not exists (
      select from pg_catalog.pg_auth_members m
      where m.roleid = g.role::regrole and m.member = g.member::regrole
        and (to_jsonb(m) ->> 'set_option' is distinct from 'false')
    )
  loop
    execute format('grant %I to %I', v_grant.role, v_grant.member);
  end loop;
end $$;
set local role howdah_owner;

create table howdah_private.binding_keys (
  is_current boolean primary key default true,
  key bytea not null default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
  constraint there_is_one check (is_current)
);
alter table howdah_private.binding_keys enable row level security, force row level security;
comment on table howdah_private.binding_keys is
  'What workers sign with for whom a transaction runs SQL that is not ours, other in each database.';

-- Anybody who is connected can hold an advisory lock, and read in pg_locks which one to hold: what everybody waits for is
-- a row that only we can lock.
create table howdah_private.chores (name text primary key);
insert into howdah_private.chores (name) values ('schedules'), ('questions'), ('partitions');
alter table howdah_private.chores enable row level security, force row level security;
comment on table howdah_private.chores is 'What one session does at a time: whoever is at it holds the row.';

-- Those that are there when this is applied understand no more than that.
alter table howdah_private.workers add column protocol int not null default 3;
comment on column howdah_private.workers.protocol is 'What it understands: sql/10_private/older_workers.sql.';

-- Down Migration
alter table howdah_private.workers drop column protocol;
drop table howdah_private.chores;
drop table howdah_private.binding_keys;
