-- Keeps is_restricted of agents and workflows: true while grants exist. Policies and permission
-- checks read the flag, which saves a look-up of grants for every row.
create or replace function howdah_private.tg_grants__restrict() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.agents as a
  set is_restricted = exists (select from howdah.grants as g where g.agent_id = a.id)
  where a.id in (old.agent_id, new.agent_id);
  update howdah.workflows as w
  set is_restricted = exists (select from howdah.grants as g where g.workflow_id = w.id)
  where w.id in (old.workflow_id, new.workflow_id);
  return null;
end $$;
create or replace trigger _500_restrict
  after insert or update of agent_id, workflow_id or delete on howdah.grants
  for each row execute function howdah_private.tg_grants__restrict();
