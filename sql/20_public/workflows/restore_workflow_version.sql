-- Restores a workflow to a version: its columns and its members in their order. As for agents, a
-- restore is an edit with the privileges of the caller and creates a new version. Everything that
-- the version names must still exist.
create or replace function howdah.restore_workflow_version(workflow_id uuid, version int)
  returns howdah.workflows
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_definition jsonb;
  v_missing text;
begin
  select v.definition into v_definition from howdah_private.version_of(
    'workflow', restore_workflow_version.workflow_id,
    coalesce(restore_workflow_version.version, 0)::text) as v;
  select string_agg(format('member %s', m ->> 'name'), ', ') into v_missing
  from jsonb_array_elements(v_definition #> '{workflow,members}') as m
  where not m ? 'question' and not exists (
    select from howdah.agents as a where a.id = (m ->> 'agent_id')::uuid and a.deleted_at is null
    union all
    select from howdah.workflows as w where w.id = (m ->> 'workflow_id')::uuid
      and w.deleted_at is null
  );
  if v_missing is not null then
    raise exception using errcode = 'HWCNF',
      message = format('version %s cannot be restored: %s no longer exists',
        restore_workflow_version.version, v_missing),
      detail = jsonb_build_object('workflow_id', restore_workflow_version.workflow_id,
        'version', restore_workflow_version.version)::text,
      hint = 'Create it again under that name and add it as a member by hand.';
  end if;
  update howdah.workflows as w
  set (description, type, instruction, configuration, max_steps, max_tokens, max_cost,
    max_seconds) = (
    select r.description, (v_definition #>> '{workflow,type}')::howdah.workflow_type, r.instruction,
      v_definition #> '{workflow,configuration}', r.max_steps, r.max_tokens, r.max_cost,
      r.max_seconds
    from jsonb_to_record(v_definition -> 'agent') as r (
      description text, instruction text, max_steps int, max_tokens bigint, max_cost numeric,
      max_seconds int
    )
  )
  where w.id = restore_workflow_version.workflow_id and w.tenant_id = v_tenant_id;
  delete from howdah.workflow_agents as m
  where m.workflow_id = restore_workflow_version.workflow_id;
  -- A member without a role is named like its agent and gets no role. If the agent has been renamed
  -- since, the old name becomes the role.
  insert into howdah.workflow_agents (workflow_id, agent_id, member_workflow_id, question,
    sequence_order, role, configuration)
  select restore_workflow_version.workflow_id, (m.member ->> 'agent_id')::uuid,
    (m.member ->> 'workflow_id')::uuid, m.member -> 'question', m.place,
    nullif(m.member ->> 'name', coalesce(a.name, w.name, 'person ' || m.place)),
    m.member -> 'configuration'
  from jsonb_array_elements(v_definition #> '{workflow,members}') with ordinality as m (member,
    place)
  left join howdah.agents as a on a.id = (m.member ->> 'agent_id')::uuid
  left join howdah.workflows as w on w.id = (m.member ->> 'workflow_id')::uuid
  order by m.place;
  return howdah_private.workflow_row(restore_workflow_version.workflow_id);
end $$;
comment on function howdah.restore_workflow_version(uuid, int) is
  'Restores the columns and members of a workflow from a version. The restored state is a new '
  'version. The workflow keeps its current name. Raises HWCNF with the names of members that no '
  'longer exist.';
