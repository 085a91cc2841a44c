-- Returns the decisions of tool policies for the calls of a tool, by trust level of the run:
-- {"external": "ask"}; a missing level is allowed. A policy applies to runs with less trust than
-- its `min_trust`; the most specific policy decides. Sub-agents and workflows act only through
-- their own runs, which inherit the trust of the caller, so they do not bypass a policy. Only
-- policies that name them or their kind apply to them and to ask_user.
create or replace function howdah_private.policies_of(
  agent_id uuid, t howdah.tools, effect howdah.tool_effect
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select json_object_agg(l.trust, d.decision)::jsonb
  from (values ('user'::howdah.trust), ('internal'), ('external')) as l (trust)
  cross join lateral (
    select p.decision from howdah.tool_policies as p
    where p.tenant_id = t.tenant_id and l.trust > p.min_trust
      and (p.agent_id is null or p.agent_id = policies_of.agent_id)
      and (p.tool_id is null or p.tool_id = t.id) and (p.kind is null or p.kind = t.kind)
      and (p.effect is null or p.effect = greatest(policies_of.effect, t.effect))
      and (num_nonnulls(p.tool_id, p.kind) = 1
        or not (t.kind in ('agent', 'workflow') or t.kind = 'builtin' and t.name = 'ask_user'))
    order by p.tool_id is null, p.agent_id is null, p.kind is null, p.effect is null,
      p.decision desc
    limit 1
  ) as d
  where d.decision <> 'allow'
$$;

-- Returns the decisions about tools that a vendor runs within a model call, such as a search of the
-- web, under the name model:tools. Such a tool sends data to any host, as http_request does, so the
-- policies of http_request apply. It is denied if http_request is switched off or limited to hosts.
create or replace function howdah_private.vendor_tool_rules(tenant_id uuid, agent_id uuid)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg('model:tools', d.decisions)::jsonb, '{}')
  from howdah.tools as t
  cross join lateral (
    select case when not t.is_active
        or coalesce(jsonb_array_length(t.configuration -> 'allow'), 0) > 0
      then (
        select json_object_agg(l.trust, 'deny')::jsonb
        from unnest(enum_range(null::howdah.trust)) as l (trust))
      else howdah_private.policies_of(vendor_tool_rules.agent_id, t, t.effect) end as decisions
  ) as d
  where t.tenant_id = vendor_tool_rules.tenant_id and t.kind = 'builtin'
    and t.name = 'http_request' and d.decisions is not null
$$;

-- Returns the tools for which a policy need not ask in a run, because an approval was remembered,
-- each with the lowest trust level that the approval covers.
create or replace function howdah_private.approved_trusts(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(a.tool, a.trust)::jsonb, '{}') from (
    select p.tool, max(p.trust) as trust
    from howdah.executions as e
    join howdah.executions as r on r.id = e.root_execution_id
    join howdah.approvals as p on p.tenant_id = e.tenant_id and (
      p.execution_id = any (e.ancestors || e.id::uuid) or p.agent_id = e.agent_id
        or p.session_id = r.session_id)
    where e.id = approved_trusts.execution_id group by p.tool
  ) as a
$$;
