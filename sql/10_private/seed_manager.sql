-- Every tenant has a workflow `manager`: it gives a task to the specialist that fits it best. One that a tenant has edited stays
-- as it is, one that it has deleted stays deleted, and so does an agent of that name.
create or replace function howdah_private.seed_manager(tenant_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.workflows (tenant_id, name, type, description, instruction, configuration)
  select seed_manager.tenant_id, 'manager', 'router',
    'Gives a task to the agent that fits it best, by what the agents say of themselves.',
    'Choose who fits the task best by description, capabilities and domain, whatever language the task is written in: figures '
      'such as revenue (Umsatz) or a count go to who asks a database (text-to-sql), what stands in documents to who searches them, '
      'programs to who writes code. Choose development only when nobody fits.',
    '{"members": "capable", "fallback": "development"}'
  where not exists (
    select from howdah.workflows as w where w.tenant_id = seed_manager.tenant_id and w.name = 'manager'
    union all
    select from howdah.agents as a where a.tenant_id = seed_manager.tenant_id and a.name = 'manager'
  )
$$;
