-- Up Migration
-- Adds the role howdah_writer, which writes answers into watched tables. Its privileges on those
-- tables are for the engine alone. No text that Howdah runs for a caller runs as this role, and no
-- role that runs such text is a member of it.
set local role none; -- howdah_owner may not create roles
do $$
declare
  v_grant record;
begin
  begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'howdah_writer') then
      create role howdah_writer nologin inherit;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- another database of this cluster created the role first
  end;
  for v_grant in
    select g.role, g.member
    from (values ('howdah_writer', 'howdah_owner'), ('howdah_writer', 'howdah_worker')) as g (role, member)
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
grant usage on schema howdah, howdah_private to howdah_writer;

-- Down Migration
-- Workers of the previous release write answers as howdah_tool.
set local role none; -- other roles own the tables
do $$
declare
  v_right record;
begin
  for v_right in
    select a.attrelid::regclass as watched, a.attname, x.privilege_type
    from pg_catalog.pg_attribute as a cross join lateral pg_catalog.aclexplode(a.attacl) as x
    where x.grantee = 'howdah_writer'::regrole and not a.attisdropped
  loop
    begin
      execute format('grant %1$s (%2$I) on %3$s to howdah_tool; revoke %1$s (%2$I) on %3$s from howdah_writer',
        v_right.privilege_type, v_right.attname, v_right.watched);
    exception when insufficient_privilege then
      raise warning 'the owner of the table % has to grant % (%) on it to howdah_tool', v_right.watched, v_right.privilege_type, v_right.attname;
    end;
  end loop;
end $$;
set local role howdah_owner;
revoke usage on schema howdah, howdah_private from howdah_writer;
