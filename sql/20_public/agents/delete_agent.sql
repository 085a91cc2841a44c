-- Deletes an agent softly: its versions and runs stay, and its name becomes free.
create or replace function howdah.delete_agent(id uuid) returns howdah.agents
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.agents as x where x.id = delete_agent.id)
    else howdah.current_tenant() end;
  v_agent howdah.agents;
begin
  perform howdah_private.permit('agents', 'edit');
  perform howdah_private.check_agent_right(delete_agent.id, 'edit');
  update howdah.agents as a set deleted_at = now(), is_active = false, is_default = false
  where a.id = delete_agent.id and a.tenant_id = v_tenant_id and a.deleted_at is null
  returning a.* into v_agent;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no agent %s', coalesce(delete_agent.id::text, 'null')),
      detail = jsonb_build_object('agent_id', delete_agent.id)::text,
      hint = 'See howdah.agents for the agents that exist.';
  end if;
  perform howdah_private.check_member('agent', v_agent.name, v_tenant_id, v_agent.id);
  return v_agent;
end $$;
comment on function howdah.delete_agent(uuid) is
  'Deletes an agent softly, unless it is a member of a workflow. Live runs continue with their '
  'pinned version. The name becomes free.';
