-- Applies a preset of tool policies to a tenant. Policies that users wrote themselves stay.
--   strict   a run that has read external content asks before each call with effect once, and
--            before it sends data out with http_request, an HTTP tool or an MCP server
--   none     removes these policies
create or replace function howdah.use_tool_policies(preset text) returns setof howdah.tool_policies
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if use_tool_policies.preset is null or use_tool_policies.preset not in ('strict', 'none') then
    raise exception using errcode = 'HWINV',
      message = format('there is no preset %L of tool policies', use_tool_policies.preset),
      detail = jsonb_build_object('field', 'preset')::text, hint = 'The presets are: strict, none.';
  end if;
  if howdah.current_tenant() is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it with a row in howdah_private.login_tenants.';
  end if;
  perform howdah_private.permit('tool_policies', 'manage');
  delete from howdah.tool_policies as p
  using howdah_private.strict_policies(howdah.current_tenant()) as s
  where use_tool_policies.preset = 'none' and p.tenant_id = howdah.current_tenant()
    and p.agent_id is null
    and (p.tool_id, p.kind, p.effect, p.min_trust, p.decision)
      is not distinct from (s.tool_id, s.kind, s.effect, 'internal'::howdah.trust,
        'ask'::howdah.policy_decision);
  insert into howdah.tool_policies (tool_id, kind, effect, min_trust, decision)
  select s.tool_id, s.kind, s.effect, 'internal', 'ask'
  from howdah_private.strict_policies(howdah.current_tenant()) as s
  where use_tool_policies.preset = 'strict'
  on conflict do nothing;
  return query select p.* from howdah.tool_policies as p where p.tenant_id = howdah.current_tenant()
    order by p.id;
end $$;
comment on function howdah.use_tool_policies(text) is
  E'@behavior -*\nApplies a preset of tool policies and returns all policies: strict (a run that '
  'has read external content asks before it acts or sends data out), none (removes the policies '
  'of the preset).';

create or replace function howdah_private.strict_policies(tenant_id uuid)
  returns table (tool_id uuid, kind howdah.tool_kind, effect howdah.tool_effect)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  values (null::uuid, null::howdah.tool_kind, 'once'::howdah.tool_effect), (null, 'mcp', null),
    (null, 'http', null)
  union all
  select t.id, null, null from howdah.tools as t
  where t.tenant_id = strict_policies.tenant_id and t.kind = 'builtin' and t.name = 'http_request'
$$;
