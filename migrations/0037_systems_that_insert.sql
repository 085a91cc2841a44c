-- Up Migration
-- Systems that only insert: a role that starts runs and reads nothing else, logins with scopes, and
-- watches that record the runs that they cannot start.
set local role none; -- howdah_owner may not create roles
do $$
begin
  begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'howdah_inserter') then
      create role howdah_inserter nologin inherit;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- another database of this cluster created the role first
  end;
  if not exists (
    select from pg_catalog.pg_auth_members as m
    where m.roleid = 'howdah_inserter'::regrole and m.member = 'howdah_owner'::regrole
      and (to_jsonb(m) ->> 'set_option' is distinct from 'false')
  ) then
    grant howdah_inserter to howdah_owner;
  end if;
end $$;
set local role howdah_owner;

grant usage on schema howdah, howdah_private to howdah_inserter;

alter table howdah_private.login_tenants
  alter column role drop default,
  add column scopes text[],
  add constraint scopes_are_actions_of_a_login
    check (cardinality(scopes) > 0 and (scopes <@ array['read', 'run', 'edit', 'manage']
      or scopes = array['runs:create']));
comment on column howdah_private.login_tenants.scopes is
  'Actions that the login may do, as for API keys: read, run, edit and manage. runs:create alone '
  'inserts runs and reads nothing. Null allows everything that the role allows.';

alter table howdah.table_triggers
  add column on_refusal text not null default 'record',
  add constraint on_refusal_is_record_or_raise check (on_refusal in ('record', 'raise'));
comment on column howdah.table_triggers.on_refusal is
  'What happens to a row whose run is refused: record (a failed run with the error start_refused '
  'tells why, and the statement passes) or raise (the statement fails).';

-- Down Migration
alter table howdah.table_triggers
  drop constraint on_refusal_is_record_or_raise,
  drop column on_refusal;
alter table howdah_private.login_tenants
  drop constraint scopes_are_actions_of_a_login,
  drop column scopes,
  alter column role set default 'admin';
revoke usage on schema howdah, howdah_private from howdah_inserter;
