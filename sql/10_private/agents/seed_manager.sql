-- What every tenant has to begin with, as a file describes it (agent_system_document.sql).
create or replace function howdah_private.seeded_parts() returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'agents', jsonb_build_object('development', jsonb_build_object(
      'description', 'Answers with the model of the environment.',
      'mission', 'You are a helpful assistant. Answer briefly and truthfully.')),
    'workflows', jsonb_build_object('manager', jsonb_build_object('type', 'router', 'members', '[]'::jsonb,
      'description', 'Gives a task to the agent that fits it best, by what the agents say of themselves.',
      'instruction',
        'Choose who fits the task best by description, capabilities and domain, whatever language the task is written in: figures '
        'such as revenue (Umsatz) or a count go to who asks a database (text-to-sql), what stands in documents to who searches them, '
        'programs to who writes code. Choose development only when nobody fits.',
      'fallback', 'development', 'configuration', '{"members": "capable"}'::jsonb)))
$$;

-- Every tenant has a workflow `manager`: it gives a task to the specialist that fits it best. One that a tenant has edited stays
-- as it is, one that it has deleted stays deleted, and so does an agent of that name.
create or replace function howdah_private.seed_manager(tenant_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.workflows (tenant_id, name, type, description, instruction, configuration)
  select seed_manager.tenant_id, 'manager', (m.entry ->> 'type')::howdah.workflow_type, m.entry ->> 'description', m.entry ->> 'instruction',
    m.entry -> 'configuration' || jsonb_build_object('fallback', m.entry -> 'fallback')
  from (select howdah_private.seeded_parts() #> '{workflows,manager}') as m (entry)
  where not exists (
    select from howdah.workflows as w where w.tenant_id = seed_manager.tenant_id and w.name = 'manager'
    union all
    select from howdah.agents as a where a.tenant_id = seed_manager.tenant_id and a.name = 'manager'
  )
$$;
