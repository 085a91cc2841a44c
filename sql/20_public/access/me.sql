-- Returns who the session is, as one row. A page uses it to hide what the server would refuse.
create or replace function howdah.me(
  out user_id uuid, out username text, out role howdah.user_role, out tenant_id uuid,
  out tenant text, out scopes text[], out permissions text[]
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah.current_user_id(),
    (select u.username from howdah.users as u where u.id = howdah.current_user_id()),
    howdah.current_user_role(), howdah.current_tenant(),
    (select t.slug from howdah.tenants as t where t.id = howdah.current_tenant()),
    string_to_array(howdah_private.current_scopes(), ','),
    coalesce((
      select array_agg(format('%s:%s', p.object, p.action) order by p.object, p.action)
      from howdah_private.permission_rows() as p
      where howdah_private.may(p.object, p.action)
    ), '{}')
$$;
comment on function howdah.me() is
  'Who this session is: its user, role and tenant, the scopes of its API key, and what it may do. '
  'permissions has object:action for each row of howdah.permissions that allows it, such as '
  'agents:edit. A grant on one agent is enough for the actions that grants allow.';
