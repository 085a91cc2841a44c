-- A workflow becomes again what a version says it was: its own columns and its members in their order. As with agents that is
-- an edit, with the rights of whoever asks, and makes a new version; what it names has to be there still.
create or replace function howdah.restore_workflow_version(workflow_id uuid, version int) returns howdah.workflows
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_definition jsonb;
  v_gone text;
begin
  select v.definition into v_definition from howdah_private.version_of(
    'workflow', restore_workflow_version.workflow_id, coalesce(restore_workflow_version.version, 0)::text) as v;
  select string_agg(format('member %s', m ->> 'name'), ', ') into v_gone
  from jsonb_array_elements(v_definition #> '{workflow,members}') as m
  where not m ? 'question' and not exists (
    select from howdah.agents as a where a.id = (m ->> 'agent_id')::uuid and a.deleted_at is null
    union all
    select from howdah.workflows as w where w.id = (m ->> 'workflow_id')::uuid and w.deleted_at is null
  );
  if v_gone is not null then
    raise exception using errcode = 'HWCNF',
      message = format('version %s cannot be restored: there is no %s any more', restore_workflow_version.version, v_gone),
      detail = jsonb_build_object('workflow_id', restore_workflow_version.workflow_id,
        'version', restore_workflow_version.version)::text,
      hint = 'Make it again under that name and make it a member by hand.';
  end if;
  update howdah.workflows as w
  set (description, type, instruction, configuration, max_steps, max_tokens, max_cost, max_seconds) = (
    select r.description, (v_definition #>> '{workflow,type}')::howdah.workflow_type, r.instruction,
      v_definition #> '{workflow,configuration}', r.max_steps, r.max_tokens, r.max_cost, r.max_seconds
    from jsonb_to_record(v_definition -> 'agent') as r (
      description text, instruction text, max_steps int, max_tokens bigint, max_cost numeric, max_seconds int
    )
  )
  where w.id = restore_workflow_version.workflow_id and w.tenant_id = v_tenant_id;
  delete from howdah.workflow_agents as m where m.workflow_id = restore_workflow_version.workflow_id;
  -- a member that has no other name than its agent's keeps to that; one that is called otherwise by now had another name then
  insert into howdah.workflow_agents (workflow_id, agent_id, member_workflow_id, question, sequence_order, role, configuration)
  select restore_workflow_version.workflow_id, (m.member ->> 'agent_id')::uuid, (m.member ->> 'workflow_id')::uuid,
    m.member -> 'question', m.place,
    nullif(m.member ->> 'name', coalesce(a.name, w.name, 'person ' || m.place)), m.member -> 'configuration'
  from jsonb_array_elements(v_definition #> '{workflow,members}') with ordinality as m (member, place)
  left join howdah.agents as a on a.id = (m.member ->> 'agent_id')::uuid
  left join howdah.workflows as w on w.id = (m.member ->> 'workflow_id')::uuid
  order by m.place;
  return howdah_private.workflow_row(restore_workflow_version.workflow_id);
end $$;
comment on function howdah.restore_workflow_version(uuid, int) is
  'Makes a workflow what it was by this version, which is a new version of it: columns and members. It keeps its present name.';
