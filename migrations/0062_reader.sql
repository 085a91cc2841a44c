-- Up Migration
-- SQL that a model wrote only reads: it runs as a role that has no right to write anything. What it may read is what
-- howdah_analyst may.
set local role none; -- howdah_owner makes no roles
do $$
declare
  v_grant record;
begin
  begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'howdah_reader') then
      create role howdah_reader nologin inherit;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- another database of this cluster was faster
  end;
  for v_grant in
    select g.role, g.member
    from (values
      ('howdah_reader', 'howdah_owner'), ('howdah_reader', 'howdah_worker'), ('howdah_analyst', 'howdah_reader')
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
grant usage on schema howdah, howdah_private to howdah_reader;

-- Down Migration
revoke usage on schema howdah, howdah_private from howdah_reader;
