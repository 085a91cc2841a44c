-- Up Migration
-- Creates the role of logins that only read. `lock table` takes a strong lock for every role that
-- may delete rows, so a login of a viewer must not have the privileges of howdah_app.
--
--   howdah_viewer   reads the rows of a tenant, and has no other privilege
--   howdah_analyst  has in addition the privileges on tables that owners open to queries
set local role none; -- howdah_owner may not create roles
do $$
declare
  v_member text;
begin
  begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'howdah_viewer') then
      create role howdah_viewer nologin inherit;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- another database of this cluster created the role first
  end;
  foreach v_member in array array['howdah_owner', 'howdah_analyst'] loop
    if not exists (
      select from pg_catalog.pg_auth_members as m
      where m.roleid = 'howdah_viewer'::regrole and m.member = v_member::regrole
        and (to_jsonb(m) ->> 'set_option' is distinct from 'false')
    ) then
      execute format('grant howdah_viewer to %I', v_member);
    end if;
  end loop;
end $$;
set local role howdah_owner;

grant usage on schema howdah, howdah_private to howdah_viewer;

-- Down Migration
revoke usage on schema howdah, howdah_private from howdah_viewer;
