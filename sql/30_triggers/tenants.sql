-- Seeds a new tenant, so that it can start a run at once: a model that follows the environment, an
-- agent that uses it, the built-in tools, and an agent that manages other agents.
create or replace function howdah_private.tg_tenants__seed() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah.models (tenant_id, name, provider, model, from_environment)
  select new.id, 'default', coalesce(d.provider, 'local'), coalesce(d.model, 'extractive'), true
  from (select) as one_row
  left join (
    select m.provider, m.model
    from howdah.models as m join howdah.tenants as t on t.id = m.tenant_id and t.slug = 'default'
    where m.name = 'default' and m.from_environment
  ) as d on true;
  insert into howdah.agents (tenant_id, name, description, instruction)
  select new.id, 'development', d.entry ->> 'description', d.entry ->> 'mission'
  from (select howdah_private.seeded_parts() #> '{agents,development}') as d (entry);
  perform howdah_private.seed_builtin_tools(new.id);
  perform howdah_private.seed_manager(new.id);
  return null;
end $$;

create or replace trigger _500_seed after insert on howdah.tenants
  for each row execute function howdah_private.tg_tenants__seed();
