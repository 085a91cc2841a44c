-- Returns the rules for the next tool calls of a run, beside the version that it pinned, by the
-- names of the tools there. A worker reads the rules before each round of calls, so changes apply
-- to runs at work and to forks too:
--
--   approved      tools that need no question, because an approval was remembered
--   asked         tools that require an approval now, though not when the version was made; the
--                 stricter of the two applies
--   withdrawn     tools that may not be called any more, with the reason
--   decided       decisions of the tool policies by trust level of the run (tool_policies.sql), and
--                 as model:tools those about tools that a vendor runs within a model call
--   approved_for  tools for which a policy need not ask, with the lowest trust that the approval
--                 covers
--
-- A run that compensates the effects of another run makes its calls regardless of changes to its
-- tools.
create or replace function howdah_private.call_rules(execution_id uuid)
  returns table (approved text[], asked text[], withdrawn jsonb, decided jsonb, approved_for jsonb)
  language plpgsql stable security definer rows 1
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_run record;
  v_refusal text;
  v_has_policies boolean;
begin
  select e.tenant_id, e.root_execution_id, e.agent_version_id, e.compensates_execution_id into v_run
  from howdah.executions as e where e.id = call_rules.execution_id;
  v_has_policies := exists (
    select from howdah.tool_policies as p where p.tenant_id = v_run.tenant_id);
  approved := howdah_private.approved_tools(call_rules.execution_id);
  approved_for := case when approved = '{}' then '{}'
    else howdah_private.approved_trusts(call_rules.execution_id) end;
  asked := '{}';
  withdrawn := '{}';
  decided := '{}';
  if v_run.compensates_execution_id is null then
    select case when e.user_id is not null
      and not howdah_private.user_may_run(e.user_id, coalesce(e.agent_id, e.workflow_id))
      then 'the user of the run may no longer run its agent' end
    into v_refusal from howdah.executions as e where e.id = v_run.root_execution_id;
    select coalesce(array_agg(p.name) filter (where p.must_ask), '{}'),
      coalesce(json_object_agg(p.name, p.reason) filter (where p.reason is not null)::jsonb, '{}'),
      coalesce(json_object_agg(
        p.name, p.policies) filter (where p.policies is not null)::jsonb, '{}')
    into asked, withdrawn, decided
    from (
      select d.tool ->> 'name' as name,
        coalesce(g.requires_approval, t.requires_approval) as must_ask,
        coalesce(v_refusal, case when t.id is null then 'it was deleted'
          when not t.is_active then 'it is no longer active'
          when t.kind = 'mcp' then howdah_private.mcp_call_fault(t, v.agent_id,
            d.tool #>> '{configuration,digest}')
          when g.tool_id is null and not (t.kind = 'builtin' and (
              t.name = 'ask_user' and (a.human_input or a.engine = 'a2a')
              or t.name = 'load_skill' and v.definition ? 'skills'))
            then 'it was removed from the agent'
          when t.kind = 'agent' and d.tool -> 'configuration' -> 'handoff' = 'true'
            then howdah_private.handoff_fault(call_rules.execution_id, t.agent_id) end) as reason,
        case when v_has_policies
          then howdah_private.policies_of(v.agent_id, t,
            (d.tool ->> 'effect')::howdah.tool_effect) end as policies
      from howdah.agent_versions as v
      join howdah.agents as a on a.id = v.agent_id
      cross join lateral jsonb_array_elements(v.definition -> 'tools') as d (tool)
      left join howdah.tools as t on t.id = (d.tool ->> 'id')::uuid
      left join howdah.agent_tools as g on g.agent_id = v.agent_id and g.tool_id = t.id
      where v.id = v_run.agent_version_id
    ) as p;
    decided := decided || howdah_private.vendor_tool_rules(v_run.tenant_id, (
      select v.agent_id from howdah.agent_versions as v where v.id = v_run.agent_version_id));
  end if;
  return next;
end $$;

-- Returns the call rules of many runs. The sets `asked` and `withdrawn` are equal for all runs of
-- one version, user and number of handoffs, so each combination is computed once. `is_shared`
-- reports that `approved` is equal as well. All rules depend on audited tables only. `stamp` is the
-- end of the audit log of the tenant, which every commit returns: while it stays the same, the
-- caller need not ask again.
create or replace function howdah_private.call_rules_of(ids uuid[])
  returns table (
    execution_id uuid, approved text[], asked text[], withdrawn jsonb, stamp bigint,
    is_shared boolean, decided jsonb,
    approved_for jsonb
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with runs as materialized (
    select e.id::uuid as id, e.tenant_id,
      min(e.id::uuid::text) over (
        partition by e.agent_version_id, r.user_id, r.agent_id, r.workflow_id,
        e.compensates_execution_id is null,
          e.handoffs
      )::uuid as like_id
    from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
    where e.id = any (call_rules_of.ids)
  ),
  rules as materialized (
    select l.like_id, c.* from (select distinct r.like_id from runs as r) as l
    cross join lateral howdah_private.call_rules(l.like_id) as c
  )
  select r.id, case when r.id = r.like_id then c.approved
    when t.has_approvals then howdah_private.approved_tools(r.id)
      else '{}' end, c.asked, c.withdrawn,
    coalesce(
      (select h.seq from howdah_private.audit_heads as h where h.tenant_id = r.tenant_id), 0),
    not t.has_approvals,
    c.decided, case when r.id = r.like_id then c.approved_for
      when t.has_approvals then howdah_private.approved_trusts(r.id) else '{}' end
  from runs as r join rules as c on c.like_id = r.like_id
  cross join lateral (
    select exists (select from howdah.approvals as a
      where a.tenant_id = r.tenant_id) as has_approvals
  ) as t
$$;

-- Reports whether a given user, who need not be the caller, may run an agent or a workflow. The
-- rule is that of agent_permission.
create or replace function howdah_private.user_may_run(user_id uuid, agent_id uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select u.is_active and case when u.role <= 'admin' then true
      when not a.is_restricted then u.role = 'member'
      else exists (
        select from howdah.grants as g
        where g.tenant_id = a.tenant_id and coalesce(g.agent_id, g.workflow_id) = a.id
          and g.permission >= 'run'
          and (g.user_id = u.id or g.role >= u.role)
      ) end
    from howdah.users as u
    join (
      select r.id, r.tenant_id, r.is_restricted from howdah.agents as r
      union all
      select w.id, w.tenant_id, w.is_restricted from howdah.workflows as w
    ) as a on a.tenant_id = u.tenant_id and a.id = user_may_run.agent_id
    where u.id = user_may_run.user_id
  ), false)
$$;
