-- Checks the permissions of every statement that writes.
--
-- The role of the user decides first, once per statement (tg__permit). Grants on agents and
-- workflows decide next, per row. Sessions, todos, files and default agents of another user need
-- further permissions. No trigger checks howdah_engine, because its functions check the caller.

-- Refuses the statement unless the user has the permissions for the table. The arguments are the
-- table and its actions. A row that starts runs later also needs `run`, the last of them, except to
-- delete it. Of executions only inserts are checked (tg_executions__permit), because only the
-- engine changes them.
create or replace function howdah_private.tg__permit() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- howdah_eraser encrypts contents of runs
  if current_user in ('howdah_engine', 'howdah_eraser') then
    return null;
  elsif tg_op = 'DELETE' and current_user = 'howdah_owner' and pg_trigger_depth() > 1 then
    return null; -- a foreign key deletes rows with their parent, whose permissions count
  elsif not howdah_private.is_trusted() then -- permit asks it too, and costs a first call more
    perform howdah_private.permit(tg_argv[0], tg_argv[1]);
    if tg_nargs > 2 and tg_op <> 'DELETE' then
      perform howdah_private.permit(tg_argv[0], tg_argv[2]);
    end if;
  end if;
  return null;
end $$;

do $$
declare
  v_row record;
begin
  for v_row in
    select p.object, string_agg(quote_literal(p.action), ', ' order by p.action) as actions
    from howdah_private.permission_rows() as p
    where p.action <> 'read' and p.object <> 'executions' group by p.object
  loop
    execute format(
      'create or replace trigger _010_permit before insert or update or delete on howdah.%I '
      'for each statement execute function howdah_private.tg__permit(%L, %s)',
      v_row.object, v_row.object, v_row.actions);
  end loop;
end $$;

-- Refuses to delete a data set with graders or grading rules, unless the user may delete those. Its
-- evaluations, such as the baseline of a gate, go with it.
create or replace function howdah_private.tg_datasets__permit_graders() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user not in ('howdah_engine', 'howdah_eraser', 'howdah_owner')
    and not howdah_private.is_trusted() then
    perform howdah_private.permit('graders', 'manage') where exists (
      select from howdah.graders as g
      where g.tenant_id = old.tenant_id and g.dataset_id = old.id);
    perform howdah_private.permit('grading_rules', 'manage') where exists (
      select from howdah.grading_rules as r
      where r.tenant_id = old.tenant_id and r.dataset_id = old.id);
  end if;
  return old;
end $$;
create or replace trigger _020_permit_graders before delete on howdah.datasets
  for each row execute function howdah_private.tg_datasets__permit_graders();

-- Refuses rows about agents or workflows unless their grants allow them. The arguments are the
-- right that is needed and the columns that name the agents or workflows. Inserts of runs are
-- checked once per statement instead (tg_executions__permit_agents).
create or replace function howdah_private.tg__permit_agent() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_new constant boolean := tg_op = 'INSERT' and tg_table_name in ('agents', 'workflows');
  v_kind text;
begin
  if current_user = 'howdah_engine' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  perform howdah_private.permit(tg_table_name, 'edit', by_grant => false) where v_is_new;
  for i in 1 .. tg_nargs - 1 loop
    v_kind := case
      when tg_argv[i] in ('workflow_id', 'member_workflow_id') or tg_table_name = 'workflows'
        then 'workflow'
      else 'agent'
    end;
    perform howdah_private.check_agent_right(
      (to_jsonb(old) ->> tg_argv[i])::uuid, tg_argv[0], v_kind)
    where tg_op <> 'INSERT';
    perform howdah_private.check_agent_right(
      (to_jsonb(new) ->> tg_argv[i])::uuid, tg_argv[0], v_kind)
    where tg_op <> 'DELETE' and not v_is_new;
  end loop;
  return case tg_op when 'DELETE' then old else new end;
end $$;

create or replace trigger _020_permit_agent before insert or update or delete on howdah.agents
  for each row execute function howdah_private.tg__permit_agent('edit', 'id');
create or replace trigger _020_permit_agent
  before insert or update or delete on howdah.agent_knowledge_bases
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_models
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_tools
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.agent_skills
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent
  before insert or update or delete on howdah.agent_servers
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id');
create or replace trigger _020_permit_agent
  before insert or update or delete on howdah.version_labels
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id', 'workflow_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.schedules
  for each row execute function howdah_private.tg__permit_agent('edit', 'agent_id', 'workflow_id');
create or replace trigger _020_permit_workflow before insert or update or delete on howdah.workflows
  for each row execute function howdah_private.tg__permit_agent('edit', 'id');
create or replace trigger _020_permit_workflow
  before insert or update or delete on howdah.workflow_agents
  for each row execute function howdah_private.tg__permit_agent('edit', 'workflow_id');
create or replace trigger _021_permit_member before insert or update on howdah.workflow_agents
  for each row
  execute function howdah_private.tg__permit_agent('run', 'agent_id', 'member_workflow_id');
create or replace trigger _020_permit_agent before insert or update or delete on howdah.sessions
  for each row execute function howdah_private.tg__permit_agent('run', 'agent_id', 'workflow_id');

-- Runs after _100_address, which sets the agent if the message names a run.
create or replace trigger _200_permit_agent before insert on howdah.mail
  for each row execute function howdah_private.tg__permit_agent('run', 'to_agent_id');

-- Refuses to change a session of another user, to start a session as that user, and to have a
-- schedule send messages to it.
create or replace function howdah_private.tg__permit_session() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' and tg_table_name <> 'sessions' then
    perform howdah_private.check_session_right(new.session_id);
  elsif current_user <> 'howdah_engine' then
    perform howdah_private.check_control_right(
      'session', new.id, coalesce(new.agent_id, new.workflow_id), new.user_id);
  end if;
  return new;
end $$;
create or replace trigger _030_permit_session before insert or update on howdah.sessions
  for each row execute function howdah_private.tg__permit_session();
create or replace trigger _030_permit_session
  before insert or update of session_id, cron, timezone, agent_id, workflow_id, input, input_data,
    metadata, priority, concurrency_key, overlap_policy, catchup_policy
  on howdah.schedules
  for each row when (new.session_id is not null)
  execute function howdah_private.tg__permit_session();

-- Refuses todos and files in a session of another user, and files of a run of another user, because
-- runs of that user read them. Other checks refuse a session or run that does not exist.
create or replace function howdah_private.tg__permit_attachment() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row record;
begin
  v_row := case tg_op when 'DELETE' then old else new end;
  if current_user <> 'howdah_engine' then
    perform howdah_private.check_session_right(s.id) from howdah.sessions as s
    where s.id = v_row.session_id;
    if tg_table_name = 'resources' then
      perform howdah_private.check_control_right(
        'execution', e.id, coalesce(e.agent_id, e.workflow_id), e.user_id)
      from howdah.executions as e where e.id = v_row.execution_id;
    end if;
  end if;
  return v_row;
end $$;
create or replace trigger _030_permit_attachment before insert or update or delete on howdah.todos
  for each row execute function howdah_private.tg__permit_attachment();
create or replace trigger _030_permit_attachment_insert before insert on howdah.resources
  for each row when (num_nonnulls(new.session_id, new.execution_id) > 0)
  execute function howdah_private.tg__permit_attachment();
create or replace trigger _030_permit_attachment before update or delete on howdah.resources
  for each row when (num_nonnulls(old.session_id, old.execution_id) > 0)
  execute function howdah_private.tg__permit_attachment();

-- Checks the agents, workflows and sessions of new runs, each once per statement.
create or replace function howdah_private.tg_executions__permit_agents() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' and not howdah_private.is_trusted() then
    perform howdah_private.check_agent_right(n.agent_id, 'run'),
      howdah_private.check_agent_right(n.workflow_id, 'run', 'workflow')
    from (select distinct agent_id, workflow_id from new_rows) as n;
    perform howdah_private.check_session_right(n.session_id)
    from (select distinct session_id from new_rows where session_id is not null) as n;
  end if;
  return null;
end $$;
create or replace trigger _020_permit_agents after insert on howdah.executions
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_executions__permit_agents();

-- Returns the settings of a tool of an agent that only an admin may write: what the tool may reach,
-- and whether it asks for approval. Every user who may edit the agent may write the keys listed
-- here.
create or replace function howdah_private.settings_of_admins(configuration jsonb) returns jsonb
  language sql immutable
  return configuration - array[
    'mission_override', 'allowed_tools', 'budget', 'ephemeral', 'handoff', 'suppress_markdown'];
create or replace function howdah_private.is_harmless_configuration(configuration jsonb)
  returns boolean
  language sql immutable
  return howdah_private.settings_of_admins(configuration) = '{}';

-- Refuses to change the agents and the default agent of another user, because runs without an agent
-- use the default agent of their user; see check_default_right.
create or replace function howdah_private.tg_agents__permit_default() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.check_default_right(new.user_id);
    perform howdah_private.check_default_right(old.user_id) where tg_op = 'UPDATE';
  end if;
  return new;
end $$;
create or replace trigger _030_permit_default_insert before insert on howdah.agents
  for each row when (new.user_id is not null)
  execute function howdah_private.tg_agents__permit_default();
create or replace trigger _030_permit_default_update
  before update of user_id, is_default on howdah.agents
  for each row when ((new.user_id, new.is_default) is distinct from (old.user_id, old.is_default))
  execute function howdah_private.tg_agents__permit_default();

-- Refuses to remove the approval of a tool, and to write settings of admins, except from admins.
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
    new.requires_approval is false
    or not howdah_private.is_harmless_configuration(new.configuration))
  execute function howdah_private.tg_agent_tools__permit_approval();
create or replace trigger _030_permit_approval_update before update on howdah.agent_tools
  for each row when (
    (new.requires_approval is not true
      and new.requires_approval is distinct from old.requires_approval)
    or (new.configuration <> old.configuration
      and not (howdah_private.is_harmless_configuration(new.configuration)
        and howdah_private.is_harmless_configuration(old.configuration)))
    or (new.tool_id <> old.tool_id and old.requires_approval)
  )
  execute function howdah_private.tg_agent_tools__permit_approval();
create or replace trigger _030_permit_approval_delete before delete on howdah.agent_tools
  for each row when (
    old.requires_approval or not howdah_private.is_harmless_configuration(old.configuration))
  execute function howdah_private.tg_agent_tools__permit_approval();

-- Refuses a tool that runs an agent or workflow unless the user may run that agent or workflow.
create or replace function howdah_private.tg_agent_tools__permit_sub_agent() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.check_tool_right(new.tool_id);
  end if;
  return new;
end $$;
create or replace trigger _040_permit_sub_agent
  before insert or update of tool_id on howdah.agent_tools
  for each row execute function howdah_private.tg_agent_tools__permit_sub_agent();

-- Refuses to give or take the role owner, except from owners.
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
