-- Up Migration
-- Lets the API run queries that people write, as howdah_reader. A query is bound to its caller by a
-- signature (sql/05_identity/signed_binding.sql), as workers bind queries of models. Roles belong
-- to the cluster, so the down migration keeps the grant.
set local role none; -- howdah_owner may not grant roles
do $$
begin
  if not exists (
    select from pg_catalog.pg_auth_members as m
    where m.roleid = 'howdah_reader'::regrole and m.member = 'howdah_authenticator'::regrole
      and (to_jsonb(m) ->> 'set_option' is distinct from 'false')
  ) then
    grant howdah_reader to howdah_authenticator;
  end if;
end $$;
set local role howdah_owner;

-- Down Migration
