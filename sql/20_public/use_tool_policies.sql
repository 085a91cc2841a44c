-- Sets of policies that are known to make sense together, for a whole tenant. What somebody wrote himself stays.
--   strict   a run that has read what is external asks before it does anything that must not be done twice, and before it sends
--            anything out: by http_request, by HTTP and by MCP servers
--   none     takes those back
create or replace function howdah.use_tool_policies(preset text) returns setof howdah.tool_policies
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if use_tool_policies.preset is null or use_tool_policies.preset not in ('strict', 'none') then
    raise exception using errcode = 'HWINV',
      message = format('there is no set of policies %L', use_tool_policies.preset),
      detail = jsonb_build_object('field', 'preset')::text, hint = 'There are: strict, none.';
  end if;
  if howdah.current_tenant() is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it by a row of howdah_private.login_tenants.';
  end if;
  perform howdah_private.permit('tool_policies', 'manage');
  delete from howdah.tool_policies as p
  using howdah_private.strict_policies(howdah.current_tenant()) as s
  where use_tool_policies.preset = 'none' and p.tenant_id = howdah.current_tenant() and p.agent_id is null
    and (p.tool_id, p.kind, p.effect, p.min_trust, p.decision)
      is not distinct from (s.tool_id, s.kind, s.effect, 'internal'::howdah.trust, 'ask'::howdah.policy_decision);
  insert into howdah.tool_policies (tool_id, kind, effect, min_trust, decision)
  select s.tool_id, s.kind, s.effect, 'internal', 'ask'
  from howdah_private.strict_policies(howdah.current_tenant()) as s
  where use_tool_policies.preset = 'strict'
  on conflict do nothing;
  return query select p.* from howdah.tool_policies as p where p.tenant_id = howdah.current_tenant() order by p.id;
end $$;
comment on function howdah.use_tool_policies(text) is
  E'@behavior -*\nPolicies that make sense together: strict (what has read what is external asks before it acts or sends anything out), none (takes them back). Gives the policies there are.';

create or replace function howdah_private.strict_policies(tenant_id uuid)
  returns table (tool_id uuid, kind howdah.tool_kind, effect howdah.tool_effect)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  values (null::uuid, null::howdah.tool_kind, 'once'::howdah.tool_effect), (null, 'mcp', null), (null, 'http', null)
  union all
  select t.id, null, null from howdah.tools as t
  where t.tenant_id = strict_policies.tenant_id and t.kind = 'builtin' and t.name = 'http_request'
$$;
