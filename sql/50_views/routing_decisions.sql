create or replace view howdah.routing_decisions with (security_invoker = true) as
  select s.tenant_id, s.execution_id, s.seq, e.workflow_id, s.output ->> 'method' as method,
    s.output -> 'chosen' as chosen, s.output ->> 'reason' as reason,
    s.output -> 'candidates' as candidates, s.finished_at as decided_at,
    case when m.is_member then m.agent_id else (
      select a.id from howdah.agents as a -- found by its capabilities, not a member
      where a.tenant_id = s.tenant_id and a.name = s.output #>> '{chosen,0,member}'
        and a.deleted_at is null
    ) end as chosen_agent_id
  from howdah.steps as s
  join howdah.executions as e on e.id = s.execution_id
  left join lateral (
    select true as is_member, (x.member ->> 'agent_id')::uuid as agent_id
    from howdah.workflow_versions as v
    cross join lateral jsonb_array_elements(v.definition #> '{workflow,members}') as x (member)
    where v.id = e.workflow_version_id and x.member ->> 'name' = s.output #>> '{chosen,0,member}'
    limit 1
  ) as m on true
  where s.kind = 'tool' and s.name = 'route' and s.call_id = 'route' and e.workflow_id is not null;
comment on view howdah.routing_decisions is
  'The decisions of routers: the chosen members with confidence and reason, and the candidates. '
  'Filter by one run: where execution_id = …';
comment on column howdah.routing_decisions.chosen_agent_id is
  'The agent that was chosen first. Null if no member was chosen, or one that is a workflow or a '
  'person.';
