-- Checks for many subscribers at once whether they may still see their runs and sessions: a
-- subscriber was checked only when the subscription began. `roles` are upper bounds from tokens and
-- keys, as in current_user_role. The policies show the rest of a tenant to all of its users. A
-- deleted row hides nothing: the subscriber reaches its end.
create or replace function howdah_private.visible_to(
  tenants uuid[], users uuid[], roles howdah.user_role[], ids uuid[]
) returns table (place bigint, sees boolean)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select q.place, coalesce(
    (select coalesce(coalesce(e.agent_id, e.workflow_id) <> all (h.agents), true)
      from howdah.executions as e
      where e.id = q.id and e.tenant_id = q.tenant_id),
    (select coalesce(coalesce(s.agent_id, s.workflow_id) <> all (h.agents), true)
      from howdah.sessions as s
      where s.id = q.id and s.tenant_id = q.tenant_id),
    true)
  from rows from (
    unnest(visible_to.tenants), unnest(visible_to.users), unnest(visible_to.roles),
    unnest(visible_to.ids)
  ) with ordinality as q (tenant_id, user_id, role, id, place)
  cross join lateral
    howdah_private.agents_hidden_from(q.tenant_id, q.user_id, q.role) as h (agents);
end $$;
