-- What holds for the next calls of a run beside the version it pinned, by the tools' names there. A worker looks before each
-- round of calls, so it holds for runs that are at work and for forks too:
--   approved   need not be asked about, since an approval sticks
--   asked      want leave now, though they did not when the version was made; the stricter of the two counts
--   withdrawn  may not be called any more, and why
--   decided    by trust of the run: what policies say of their calls (tool_policies.sql)
--   approved_for  need not be asked about for a policy, in runs that are trusted that far at least
-- What takes back another run's effects does so whatever became of its tools.
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
  v_has_policies := exists (select from howdah.tool_policies as p where p.tenant_id = v_run.tenant_id);
  approved := howdah_private.approved_tools(call_rules.execution_id);
  approved_for := case when approved = '{}' then '{}' else howdah_private.approved_trusts(call_rules.execution_id) end;
  asked := '{}';
  withdrawn := '{}';
  decided := '{}';
  if v_run.compensates_execution_id is null then
    select case when e.user_id is not null and not howdah_private.user_may_run(e.user_id, coalesce(e.agent_id, e.workflow_id))
      then 'the user of the run may not run its agent any more' end
    into v_refusal from howdah.executions as e where e.id = v_run.root_execution_id;
    select coalesce(array_agg(p.name) filter (where p.wants_leave), '{}'),
      coalesce(jsonb_object_agg(p.name, p.reason) filter (where p.reason is not null), '{}'),
      coalesce(jsonb_object_agg(p.name, p.policies) filter (where p.policies is not null), '{}')
    into asked, withdrawn, decided
    from (
      select d.tool ->> 'name' as name, coalesce(g.requires_approval, t.requires_approval) as wants_leave,
        coalesce(v_refusal, case when t.id is null then 'it was deleted'
          when not t.is_active then 'it is not active any more'
          when t.kind = 'mcp' then howdah_private.mcp_refusal(t, v.agent_id, d.tool #>> '{configuration,digest}')
          when g.tool_id is null and not (t.kind = 'builtin' and (
              t.name = 'ask_user' and a.human_input or t.name = 'load_skill' and v.definition ? 'skills'))
            then 'it was taken from the agent'
          when t.kind = 'agent' and d.tool -> 'configuration' -> 'handoff' = 'true'
            then howdah_private.handoff_refusal(call_rules.execution_id, t.agent_id) end) as reason,
        case when v_has_policies then howdah_private.policies_of(v.agent_id, t, (d.tool ->> 'effect')::howdah.tool_effect) end as policies
      from howdah.agent_versions as v
      join howdah.agents as a on a.id = v.agent_id
      cross join lateral jsonb_array_elements(v.definition -> 'tools') as d (tool)
      left join howdah.tools as t on t.id = (d.tool ->> 'id')::uuid
      left join howdah.agent_tools as g on g.agent_id = v.agent_id and g.tool_id = t.id
      where v.id = v_run.agent_version_id
    ) as p;
  end if;
  return next;
end $$;

-- The same for many runs at once. What is asked and withdrawn is the same for all runs of a version and a user that
-- were handed over as often, so it is looked at once for them; `is_shared`: what is approved is, too. All of it changes by audited tables alone: while the
-- end of the tenant's audit log is at `stamp`, which every commit tells, nobody needs to ask again.
create or replace function howdah_private.call_rules_of(ids uuid[])
  returns table (
    execution_id uuid, approved text[], asked text[], withdrawn jsonb, stamp bigint, is_shared boolean, decided jsonb,
    approved_for jsonb
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with runs as materialized (
    select e.id::uuid as id, e.tenant_id,
      min(e.id::uuid::text) over (
        partition by e.agent_version_id, r.user_id, r.agent_id, r.workflow_id, e.compensates_execution_id is null,
          e.handoffs
      )::uuid as like_id
    from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
    where e.id = any (call_rules_of.ids)
  ),
  rules as materialized (
    select l.like_id, c.* from (select distinct r.like_id from runs as r) as l
    cross join lateral howdah_private.call_rules(l.like_id) as c
  )
  select r.id, case when r.id = r.like_id then c.approved when t.has_approvals then howdah_private.approved_tools(r.id)
      else '{}' end, c.asked, c.withdrawn,
    coalesce((select h.seq from howdah_private.audit_heads as h where h.tenant_id = r.tenant_id), 0), not t.has_approvals,
    c.decided, case when r.id = r.like_id then c.approved_for when t.has_approvals then howdah_private.approved_trusts(r.id) else '{}' end
  from runs as r join rules as c on c.like_id = r.like_id
  cross join lateral (
    select exists (select from howdah.approvals as a where a.tenant_id = r.tenant_id) as has_approvals
  ) as t
$$;

-- Whether a user may run an agent, who is not asked himself: as agent_permission says it of whom is. A workflow is
-- judged in the same way.
create or replace function howdah_private.user_may_run(user_id uuid, agent_id uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select u.is_active and case when u.role <= 'admin' then true when not a.is_restricted then u.role = 'member'
      else exists (
        select from howdah.grants as g
        where g.tenant_id = a.tenant_id and coalesce(g.agent_id, g.workflow_id) = a.id and g.permission >= 'run'
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
