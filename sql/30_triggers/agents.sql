-- Checks agents and their parts, and writes versions.
--
-- An agent is stale from an edit of its row or of a part until its next version is written. The
-- deferred trigger writes the version at commit; the first insert of a run writes it earlier if the
-- same transaction starts one. All edits of a transaction therefore make one version.
--
-- Two races are closed by row locks. A transaction that gives a model, tool, prompt, skill or
-- server to an agent locks that part (await_edit): it waits for an uncommitted edit of the part and
-- blocks the next edit until it commits. A transaction that names a secret locks the row of the
-- secret, so that nobody can delete the secret before the reference is visible.
create or replace function howdah_private.tg_agents__mark_stale() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.version_is_stale := true;
  return new;
end $$;

create or replace function howdah_private.tg_agents__write_version() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.refresh_agent_version(new.id);
  return null;
end $$;

create or replace trigger _005_lock_caller before insert or update on howdah.agents
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _100_stamp before update on howdah.agents
  for each row when (old.version_is_stale = new.version_is_stale)
  execute function howdah_private.tg__stamp();
create or replace trigger _200_mark_stale
  before update of name, description, capabilities, domain, instruction, system_prompt, use_history,
    output_schema, max_steps, max_tokens, max_cost, max_seconds, retry_for, cache_answers_for,
    human_input, context_policy, allow_empty, engine, engine_configuration, prompt_id, prompt_values
  on howdah.agents
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_agents__mark_stale();

-- Clears the cache that an insert of runs keeps in settings (executions.sql). If the statement
-- calls a function that changes an agent, its later rows see the change.
create or replace function howdah_private.tg_agents__forget_pins() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('howdah.pinned_agent_name', '', true),
    set_config('howdah.pinned_run_defaults', '', true);
  return null;
end $$;
create or replace trigger _500_forget_pins after update or delete on howdah.agents
  for each statement execute function howdah_private.tg_agents__forget_pins();

drop trigger if exists _900_write_version on howdah.agents;
create constraint trigger _900_write_version after insert or update on howdah.agents
  deferrable initially deferred
  for each row when (new.version_is_stale)
  execute function howdah_private.tg_agents__write_version();

-- Unsets the old default when a new one is set. A user has one default agent, and so has the
-- tenant.
--
-- The advisory lock serialises transactions that set a default: without it neither would see the
-- other. The holder of the lock waits for no agent, since a transaction that has this agent may
-- wait for the lock. If another default has appeared, the rollback of the inner block releases the
-- lock.
create or replace function howdah_private.tg_agents__unset_default() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  loop
    update howdah.agents as a set is_default = false
    where a.tenant_id = new.tenant_id and a.user_id is not distinct from new.user_id
      and a.is_default and a.id <> new.id;
    begin
      perform pg_advisory_xact_lock(hashtextextended(
        'howdah.default ' || new.tenant_id || coalesce(new.user_id::text, ''), 0));
      if not exists (
        select from howdah.agents as a
        where a.tenant_id = new.tenant_id and a.user_id is not distinct from new.user_id
          and a.is_default and a.id <> new.id
      ) then
        return new;
      end if;
      raise exception using errcode = 'triggered_action_exception';
    exception when triggered_action_exception then
      continue;
    end;
  end loop;
end $$;
create or replace trigger _400_unset_default
  before insert or update of is_default, user_id on howdah.agents
  for each row when (new.is_default and new.deleted_at is null)
  execute function howdah_private.tg_agents__unset_default();

create or replace function howdah_private.tg_agent_parts__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_agents_stale(array[old.agent_id, new.agent_id]);
  return null;
end $$;

-- The await_edit functions lock a part that is given to an agent. Without the lock, a concurrent
-- edit of the part would not see its new agent, and the new version would not see the edit. Locks
-- are taken in the order part, agent, as in an edit of a part.
create or replace function howdah_private.tg_agents__await_edit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.models as m where m.tenant_id = new.tenant_id and m.name = 'default'
  for share;
  return new;
end $$;

create or replace function howdah_private.tg_agent_models__await_edit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.models as m
  where m.tenant_id = coalesce(new.tenant_id, old.tenant_id)
    and (m.id = new.model_id or m.name = 'default')
  order by m.id
  for share;
  return case tg_op when 'DELETE' then old else new end;
end $$;

create or replace function howdah_private.tg_agent_tools__await_edit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.tools as t where t.id = new.tool_id and t.tenant_id = new.tenant_id for share;
  return new;
end $$;

create or replace trigger _100_await_edit before insert on howdah.agents
  for each row execute function howdah_private.tg_agents__await_edit();
create or replace trigger _100_await_edit
  before insert or update of model_id or delete on howdah.agent_models
  for each row execute function howdah_private.tg_agent_models__await_edit();
create or replace trigger _100_await_edit before insert or update of tool_id on howdah.agent_tools
  for each row execute function howdah_private.tg_agent_tools__await_edit();

create or replace trigger _500_mark_stale after insert or update or delete on howdah.agent_models
  for each row execute function howdah_private.tg_agent_parts__mark_stale();
create or replace trigger _500_mark_stale after insert or update or delete on howdah.agent_tools
  for each row execute function howdah_private.tg_agent_parts__mark_stale();

create or replace trigger _100_refuse_change before update or delete on howdah.agent_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.agent_versions
  for each statement execute function howdah_private.tg__refuse_change();

-- Refuses an agent with the name of a workflow, except from admins. run() prefers the agent of a
-- name to the workflow, so the new agent would replace a workflow that others call.
create or replace function howdah_private.tg_agents__refuse_workflow_name() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_trusted() and howdah.current_user_role() > 'admin' and exists (
    select from howdah.workflows as w
    where w.tenant_id = new.tenant_id and w.name = new.name and w.deleted_at is null
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('a workflow named %L already exists', new.name),
      detail = jsonb_build_object('field', 'name', 'workflow', new.name)::text,
      hint = 'Choose another name, or ask an admin: howdah.run() would run the agent in place of '
        'the workflow.';
  end if;
  return new;
end $$;
create or replace trigger _310_refuse_workflow_name before insert or update of name on howdah.agents
  for each row execute function howdah_private.tg_agents__refuse_workflow_name();

create or replace function howdah_private.tg_agents__check_output_schema() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_schema('output_schema', new.output_schema);
  perform howdah_private.check_plain_secrets('output_schema', new.output_schema);
  return new;
end $$;

create or replace trigger _300_check_output_schema
  before insert or update of output_schema on howdah.agents
  for each row when (new.output_schema is not null)
  execute function howdah_private.tg_agents__check_output_schema();

create or replace trigger _300_refuse_keys
  before insert or update of name, description, instruction, system_prompt, domain, capabilities,
    working_memory on howdah.agents
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'description',
    'instruction', 'system_prompt', 'domain', 'capabilities', 'working_memory');

create or replace function howdah_private.tg_agent_models__check_params() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_plain_secrets('request_params', new.request_params);
  perform howdah_private.check_request_params('request_params', new.request_params,
    case when tg_op = 'UPDATE' and old.model_id = new.model_id
      then old.request_params else '{}' end);
  return new;
end $$;

-- Warns about a model that no process can run: its key or package was removed after it was stored,
-- or the environment describes it without a key. The model is not refused, since what it lacks can
-- come back without a change of the agent.
create or replace function howdah_private.tg_agent_models__warn_unusable() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_fault jsonb;
begin
  select m.name, howdah_private.model_fault(m) into v_name, v_fault from howdah.models as m
  where m.tenant_id = new.tenant_id and m.id = new.model_id;
  if v_fault is not null then
    raise warning using
      message = format('calls of the model %L will fail: %s', v_name, v_fault ->> 'message'),
      hint = v_fault ->> 'hint';
  end if;
  return null;
end $$;

create or replace function howdah_private.tg_agent_tools__check_configuration() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_plain_secrets('configuration', new.configuration);
  perform howdah_private.check_request_params(
    'configuration.request_params', new.configuration -> 'request_params',
    case when tg_op = 'UPDATE' and old.tool_id = new.tool_id
      then coalesce(old.configuration -> 'request_params', '{}') else '{}' end);
  perform howdah_private.check_sub_run_settings(new.configuration) from howdah.tools as t
  where t.id = new.tool_id and t.kind in ('agent', 'workflow');
  perform howdah_private.check_result_limit(new.configuration);
  perform howdah_private.check_question_settings(new.configuration, exists (
    select from howdah.tools as t
    where t.id = new.tool_id and t.kind = 'builtin' and t.name = 'ask_user'));
  perform howdah_private.check_builtin_settings(t.name, new.configuration) from howdah.tools as t
  where t.id = new.tool_id and t.kind = 'builtin';
  perform howdah_private.check_http_tool(t.parameters, new.configuration, of_agent => true)
  from howdah.tools as t where t.id = new.tool_id and t.kind = 'http';
  return new;
end $$;

create or replace trigger _300_check_params
  before insert or update of request_params, model_id on howdah.agent_models
  for each row execute function howdah_private.tg_agent_models__check_params();
create or replace trigger _600_warn_unusable
  after insert or update of model_id on howdah.agent_models
  for each row execute function howdah_private.tg_agent_models__warn_unusable();
create or replace trigger _300_check_configuration
  before insert or update of configuration, tool_id on howdah.agent_tools
  for each row execute function howdah_private.tg_agent_tools__check_configuration();

-- Checks the engine. Like a model, the engine decides where conversations and secrets are sent, so
-- only an admin may set it, and only a caller who owns the machine may name an address of it.
create or replace function howdah_private.tg_agents__check_engine() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' then
    perform howdah_private.permit('models', 'manage');
  end if;
  perform howdah_private.check_engine(new);
  perform howdah_private.check_machine('engine_configuration.' || u.key, u.value)
  from jsonb_each_text(new.engine_configuration) as u where u.key in ('url', 'base_url');
  return new;
end $$;

-- Locks the secret of the engine, so that it cannot be deleted before this agent is visible.
create or replace function howdah_private.tg_agents__lock_secret() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_secrets(
    new.tenant_id, array[new.engine_configuration ->> 'secret_name']);
  return new;
end $$;

create or replace trigger _300_check_engine before insert on howdah.agents
  for each row when (new.engine <> 'builtin' or new.engine_configuration <> '{}')
  execute function howdah_private.tg_agents__check_engine();
create or replace trigger _310_check_engine
  before update of engine, engine_configuration on howdah.agents
  for each row when (
    new.engine <> old.engine or new.engine_configuration <> old.engine_configuration
  )
  execute function howdah_private.tg_agents__check_engine();
create or replace trigger _320_lock_secret
  before insert or update of engine_configuration on howdah.agents
  for each row when (new.engine_configuration ? 'secret_name')
  execute function howdah_private.tg_agents__lock_secret();
