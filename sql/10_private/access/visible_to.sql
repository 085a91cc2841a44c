-- Whether runs and sessions may still be seen, by many at once: whoever follows one was judged when he began. `roles` are
-- what tokens and keys say at most, as in current_user_role. Policies show the rest of a tenant to everybody in it. What was
-- deleted hides nothing: whoever follows it comes to its end.
create or replace function howdah_private.visible_to(
  tenants uuid[], users uuid[], roles howdah.user_role[], ids uuid[]
) returns table (place bigint, sees boolean)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select q.place, coalesce(
    (select coalesce(coalesce(e.agent_id, e.workflow_id) <> all (h.agents), true) from howdah.executions as e where e.id = q.id and e.tenant_id = q.tenant_id),
    (select coalesce(coalesce(s.agent_id, s.workflow_id) <> all (h.agents), true) from howdah.sessions as s
      where s.id = q.id and s.tenant_id = q.tenant_id),
    true)
  from rows from (
    unnest(visible_to.tenants), unnest(visible_to.users), unnest(visible_to.roles), unnest(visible_to.ids)
  ) with ordinality as q (tenant_id, user_id, role, id, place)
  cross join lateral howdah_private.agents_hidden_from(q.tenant_id, q.user_id, q.role) as h (agents)
$$;
