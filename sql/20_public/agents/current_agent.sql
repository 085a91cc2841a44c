-- Returns the agent to use when the caller names none: the agent of the session, else the default
-- of the user, else the default of the tenant, else `development`.
create or replace function howdah.current_agent(session_id uuid default null) returns howdah.agents
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_id uuid;
begin
  if current_agent.session_id is not null then
    select s.agent_id into v_id from howdah.sessions as s
    where s.id = current_agent.session_id and s.tenant_id = v_tenant_id;
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('there is no session %s',
          coalesce(current_agent.session_id::text, 'null')),
        detail = jsonb_build_object('session_id', current_agent.session_id)::text,
        hint = 'See howdah.sessions for the sessions that exist.';
    end if;
  end if;
  if v_id is null then
    select a.id into v_id from howdah.agents as a
    where a.tenant_id = v_tenant_id and a.deleted_at is null and a.is_active
      and (a.is_default or a.name = 'development')
      and (a.user_id is null or a.user_id = howdah.current_user_id())
    order by a.is_default desc, a.user_id is null, a.name limit 1;
  end if;
  return howdah_private.agent_row(v_id);
end $$;
comment on function howdah.current_agent(uuid) is
  'Returns the agent to use when none is named: that of the session, else the default of the '
  'user, else the default of the tenant, else development.';

-- Makes an agent the default of its user, or of the tenant if the agent has no user.
create or replace function howdah.set_default_agent(agent text) returns howdah.agents
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah.agent(set_default_agent.agent);
begin
  update howdah.agents as a set is_default = true where a.id = v_id and not a.is_default;
  return howdah_private.agent_row(v_id);
end $$;
comment on function howdah.set_default_agent(text) is
  'Makes the agent with this name the default of its user, or of the tenant if the agent has no '
  'user.';
