-- Returns the parts that every new tenant gets, in the form of an agent system file
-- (agent_system_document.sql).
create or replace function howdah_private.seeded_parts() returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'agents', jsonb_build_object('development', jsonb_build_object(
      'description', 'Answers with the model of the environment.',
      'mission', 'You are a helpful assistant. Answer briefly and truthfully.')),
    'workflows', jsonb_build_object('manager', jsonb_build_object(
      'type', 'router', 'members', '[]'::jsonb,
      'description',
        'Gives a task to the agent that fits it best, by what the agents say of themselves.',
      'instruction',
        'Choose the agent that fits the task best by description, capabilities and domain, '
        'whatever language the task is written in. Figures such as revenue (Umsatz) or a count go '
        'to an agent that queries a database (text-to-sql), the contents of documents to an agent '
        'that searches them, programs to an agent that writes code. '
        'Choose development only when no agent fits.',
      'fallback', 'development', 'configuration', '{"members": "capable"}'::jsonb)))
$$;

-- Creates the workflow `manager` of a tenant, which routes a task to the best agent. A workflow
-- that the tenant edited or deleted is left alone, and so is an agent of this name.
create or replace function howdah_private.seed_manager(tenant_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.workflows (tenant_id, name, type, description, instruction, configuration)
  select seed_manager.tenant_id, 'manager', (m.entry ->> 'type')::howdah.workflow_type,
    m.entry ->> 'description', m.entry ->> 'instruction',
    m.entry -> 'configuration' || jsonb_build_object('fallback', m.entry -> 'fallback')
  from (select howdah_private.seeded_parts() #> '{workflows,manager}') as m (entry)
  where not exists (
    select from howdah.workflows as w
    where w.tenant_id = seed_manager.tenant_id and w.name = 'manager'
    union all
    select from howdah.agents as a where a.tenant_id = seed_manager.tenant_id and a.name = 'manager'
  )
$$;
