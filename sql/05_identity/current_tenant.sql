-- Who is asking. Two rules protect the boundary between tenants:
--   1. a login bound in login_tenants acts for that tenant, whatever its settings say;
--   2. the setting howdah.tenant_id counts only in sessions that were opened by a trusted login: an owner,
--      the API (howdah_authenticator) or a worker. Everybody else could set it themselves.
-- An owner without a setting acts for the tenant "default"; anybody else for nobody.
create or replace function howdah.current_tenant() returns uuid
  language sql stable parallel safe security definer
  set search_path = ''
as $$
  select coalesce(
    (select l.tenant_id from howdah_private.login_tenants as l where l.login = session_user),
    case
      when pg_has_role(session_user, 'howdah_owner', 'member') then coalesce(
        nullif(current_setting('howdah.tenant_id', true), '')::uuid,
        (select t.id from howdah.tenants as t where t.slug = 'default')
      )
      when pg_has_role(session_user, 'howdah_authenticator', 'member')
        or pg_has_role(session_user, 'howdah_worker', 'member')
        then nullif(current_setting('howdah.tenant_id', true), '')::uuid
    end
  )
$$;
comment on function howdah.current_tenant() is
  E'@behavior -*\nThe tenant this session acts for: of the token, the API key or the database login; an owner''s is "default" unless set.';
