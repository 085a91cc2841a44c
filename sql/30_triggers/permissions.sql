-- Whoever writes a table needs the permission for it. Asked once per statement, of those who write themselves: what the
-- engine's functions do was permitted where they were called. Of executions only the insert: nobody else changes them.
create or replace function howdah_private.tg__permit() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit(tg_argv[0], tg_argv[1]);
  end if;
  return null;
end $$;

do $$
declare
  v_row record;
begin
  for v_row in select * from howdah_private.permission_rows() as p where p.action <> 'read' loop
    execute format(
      'create or replace trigger _010_permit before %s on howdah.%I for each statement '
      'execute function howdah_private.tg__permit(%L, %L)',
      case v_row.object when 'executions' then 'insert' else 'insert or update or delete' end,
      v_row.object, v_row.object, v_row.action);
  end loop;
end $$;

-- Rows about an agent: its grants decide. Runs come in thousands, so they are looked at together.
create or replace function howdah_private.tg__permit_agent() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key constant text := tg_argv[1];
  v_is_new constant boolean := tg_op = 'INSERT' and tg_table_name in ('agents', 'workflows');
  v_what constant text := case when v_key in ('workflow_id', 'member_workflow_id') or tg_table_name = 'workflows' then 'workflow' else 'agent' end;
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit_agent((to_jsonb(old) ->> v_key)::uuid, tg_argv[0], v_what) where tg_op <> 'INSERT';
    perform howdah_private.permit_agent((to_jsonb(new) ->> v_key)::uuid, tg_argv[0], v_what)
    where tg_op <> 'DELETE' and not v_is_new;
    perform howdah_private.permit(tg_table_name, 'edit', by_grant => false) where v_is_new;
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;

create or replace trigger _020_permit_agent before insert or update or delete on howdah.agents
  for each row execute function howdah_private.tg__permit_agent('edit', 'id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_models
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_tools
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_skills
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_servers
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.version_labels
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.schedules
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _021_permit_workflow before insert or update or delete on howdah.schedules
  for each row execute function howdah_private.tg__permit_agent('edit', 'workflow_id');
create or replace trigger _020_permit_workflow before insert or update or delete on howdah.workflows
  for each row execute function howdah_private.tg__permit_agent('edit', 'id');
create or replace trigger _020_permit_workflow before insert or update or delete on howdah.workflow_agents
  for each row execute function howdah_private.tg__permit_agent('edit', 'workflow_id');
create or replace trigger _020_permit_workflow before insert or update or delete on howdah.version_labels
  for each row execute function howdah_private.tg__permit_agent('edit', 'workflow_id');
create or replace trigger _021_permit_agent before insert or update on howdah.workflow_agents
  for each row execute function howdah_private.tg__permit_agent('run', 'agent_id');
create or replace trigger _022_permit_member before insert or update on howdah.workflow_agents
  for each row execute function howdah_private.tg__permit_agent('run', 'member_workflow_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.sessions
  for each row execute function howdah_private.tg__permit_agent('run', 'agent_id');
create or replace trigger _021_permit_workflow before insert or update or delete on howdah.sessions
  for each row execute function howdah_private.tg__permit_agent('run', 'workflow_id');

-- After _100_address, which reads the agent from a run that is named.
create or replace trigger _200_permit_agent before insert on howdah.mail
  for each row execute function howdah_private.tg__permit_agent('run', 'to_agent_id');

-- Refuses to change a session of another user, to begin one as that user, to have a schedule send
-- messages to it, or to write its todos.
create or replace function howdah_private.tg__permit_session() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' and tg_table_name <> 'sessions' then
    perform howdah_private.permit_session(new.session_id);
  elsif current_user <> 'howdah_engine' then
    perform howdah_private.permit_control('session', new.id, coalesce(new.agent_id, new.workflow_id), new.user_id);
  end if;
  return new;
end $$;
create or replace trigger _030_permit_session before insert or update on howdah.sessions
  for each row execute function howdah_private.tg__permit_session();
create or replace trigger _030_permit_session before insert or update of session_id, cron, timezone, agent_id, workflow_id, input, input_data,
    metadata, priority, overlap_policy, catchup_policy on howdah.schedules
  for each row when (new.session_id is not null)
  execute function howdah_private.tg__permit_session();

-- Refuses todos and files in another user's session, and files of another user's run: what runs as
-- that user reads them. Other checks of the row refuse a session or run that does not exist.
create or replace function howdah_private.tg__permit_attachment() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row record;
begin
  v_row := case tg_op when 'DELETE' then old else new end;
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit_session(s.id) from howdah.sessions as s where s.id = v_row.session_id;
    if tg_table_name = 'resources' then
      perform howdah_private.permit_control('execution', e.id, coalesce(e.agent_id, e.workflow_id), e.user_id)
      from howdah.executions as e where e.id = v_row.execution_id;
    end if;
  end if;
  return v_row;
end $$;
create or replace trigger _030_permit_attachment before insert or update or delete on howdah.todos
  for each row execute function howdah_private.tg__permit_attachment();
create or replace trigger _030_permit_attachment_insert before insert on howdah.resources
  for each row when (num_nonnulls(new.session_id, new.execution_id) > 0) execute function howdah_private.tg__permit_attachment();
create or replace trigger _030_permit_attachment before update or delete on howdah.resources
  for each row when (num_nonnulls(old.session_id, old.execution_id) > 0) execute function howdah_private.tg__permit_attachment();

create or replace function howdah_private.tg_executions__permit_agents() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' and not howdah_private.is_trusted() then
    perform howdah_private.permit_agent(n.agent_id, 'run'), howdah_private.permit_agent(n.workflow_id, 'run', 'workflow')
    from (select distinct agent_id, workflow_id from new_rows) as n;
    perform howdah_private.permit_session(n.session_id)
    from (select distinct session_id from new_rows where session_id is not null) as n;
  end if;
  return null;
end $$;
create or replace trigger _020_permit_agents after insert on howdah.executions
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_executions__permit_agents();

-- What an agent is told about a tool is for whoever edits it to say; what the tool may reach, and whether it asks for
-- leave, for an admin.
create or replace function howdah_private.settings_of_admins(configuration jsonb) returns jsonb
  language sql immutable
  return configuration - array['mission_override', 'allowed_tools', 'budget', 'ephemeral', 'handoff', 'suppress_markdown'];
create or replace function howdah_private.is_harmless_configuration(configuration jsonb) returns boolean
  language sql immutable
  return howdah_private.settings_of_admins(configuration) = '{}';

-- Refuses to change which agents belong to another user, and which one is that user's default; see
-- permit_default. A user who names no agent gets the default agent.
create or replace function howdah_private.tg_agents__permit_default() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit_default(new.user_id);
    perform howdah_private.permit_default(old.user_id) where tg_op = 'UPDATE';
  end if;
  return new;
end $$;
create or replace trigger _030_permit_default_insert before insert on howdah.agents
  for each row when (new.user_id is not null) execute function howdah_private.tg_agents__permit_default();
create or replace trigger _030_permit_default_update before update of user_id, is_default on howdah.agents
  for each row when ((new.user_id, new.is_default) is distinct from (old.user_id, old.is_default))
  execute function howdah_private.tg_agents__permit_default();

-- A tool that wants leave keeps wanting it, unless an admin says otherwise. A sub-agent is given by whom its own agent is
-- for.
create or replace function howdah_private.tg_agent_tools__permit_approval() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit('tools', 'manage');
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;
create or replace trigger _030_permit_approval_insert before insert on howdah.agent_tools
  for each row when (
    new.requires_approval is false or not howdah_private.is_harmless_configuration(new.configuration))
  execute function howdah_private.tg_agent_tools__permit_approval();
create or replace trigger _030_permit_approval_update before update on howdah.agent_tools
  for each row when (
    (new.requires_approval is not true and new.requires_approval is distinct from old.requires_approval)
    or (new.configuration <> old.configuration and not (howdah_private.is_harmless_configuration(new.configuration)
      and howdah_private.is_harmless_configuration(old.configuration)))
    or (new.tool_id <> old.tool_id and old.requires_approval)
  )
  execute function howdah_private.tg_agent_tools__permit_approval();
create or replace trigger _030_permit_approval_delete before delete on howdah.agent_tools
  for each row when (old.requires_approval or not howdah_private.is_harmless_configuration(old.configuration))
  execute function howdah_private.tg_agent_tools__permit_approval();

create or replace function howdah_private.tg_agent_tools__permit_sub_agent() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit_tool(new.tool_id);
  end if;
  return new;
end $$;
create or replace trigger _040_permit_sub_agent before insert or update of tool_id on howdah.agent_tools
  for each row execute function howdah_private.tg_agent_tools__permit_sub_agent();

-- Owners are made and unmade by owners.
create or replace function howdah_private.tg_users__permit_owner() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' and howdah.current_user_role() > 'owner' then
    perform howdah_private.permit('owners', 'manage');
  end if;
  return new;
end $$;
create or replace trigger _030_permit_owner_insert before insert on howdah.users
  for each row when (new.role = 'owner') execute function howdah_private.tg_users__permit_owner();
create or replace trigger _030_permit_owner_update before update on howdah.users
  for each row when (new.role = 'owner' or old.role = 'owner')
  execute function howdah_private.tg_users__permit_owner();
