-- Starts executions that any client inserts, and follows their changes of status.
--
-- There is one trigger for each event and level, with its steps in order, because a trigger with a
-- condition of its own costs every statement: Postgres parses the stored condition anew for each
-- statement, which takes about 3 µs. What is apart has a reason:
--   _010_permit, _020_permit_agents, _300_refuse_rewrite   run with the rights of the caller
--   _110_check_change, _200_check_move                     are for columns of their own
--   _150_fold_run_head                                     runs before what reads counters

-- Checks whether the caller may start runs, then pins the tenant for one statement. Without that,
-- ten thousand rows look up ten thousand times which tenant an owner acts for, which agent has that
-- name, and what its runs get from the agent. _900_enqueue forgets the pins, and a change of an
-- agent forgets what is pinned of agents. A statement inside another one does not use the pins of
-- the outer one.
create or replace function howdah_private.tg_executions__permit() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- howdah_eraser encrypts contents of runs
  if current_user not in ('howdah_engine', 'howdah_eraser')
    and not howdah_private.is_trusted() then -- permit asks it too, and costs a first call more
    perform howdah_private.permit('executions', 'run');
  end if;
  perform set_config('howdah.pinned_agent_name', '', true),
    set_config('howdah.pinned_run_defaults', '', true),
    set_config('howdah.pinned_tenant', case
      -- `case` sets the order: the tenant is looked up without the pin of the outer statement
      when set_config('howdah.pinned_tenant', '', true) = ''
        then howdah.current_tenant()::text end, true);
  return null;
end $$;

-- Returns what a run gets from its agent. Raises the reason why the agent can have no run. Pins the
-- result for the next row of the statement, for owners only, whose settings are trusted.
create or replace function howdah_private.run_defaults_of_agent(
  agent_id uuid, tenant_id uuid, table_trigger_id uuid, compensates_execution_id uuid
) returns howdah_private.run_defaults
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_defaults howdah_private.run_defaults;
  v_may_pin boolean;
  v_has_more boolean; -- any tenant has settings or input filters
begin
  select a.id, a.tenant_id, case when not a.version_is_stale then a.current_version_id end,
    a.max_steps, a.max_tokens, a.max_cost, a.max_seconds, a.prompt_id, false,
    not a.is_restricted and a.is_active and a.deleted_at is null,
    i.has_settings or i.has_input_filters
  into v_defaults.agent_id, v_defaults.tenant_id, v_defaults.version_id, v_defaults.max_steps,
    v_defaults.max_tokens, v_defaults.max_cost, v_defaults.max_seconds, v_defaults.prompt_id,
    v_defaults.is_filtered, v_may_pin, v_has_more
  from howdah.agents as a cross join howdah_private.installation as i
  where a.id = run_defaults_of_agent.agent_id and a.tenant_id = run_defaults_of_agent.tenant_id
    and (not a.is_restricted or run_defaults_of_agent.table_trigger_id is not null
      or run_defaults_of_agent.compensates_execution_id is not null
      or howdah_private.sees_agent(a.id))
    -- compensation runs for a hidden, deleted or inactive agent, too
    and ((a.deleted_at is null and a.is_active)
      or run_defaults_of_agent.compensates_execution_id is not null);
  if not found then
    perform howdah_private.raise_agent_fault(run_defaults_of_agent.agent_id,
      run_defaults_of_agent.tenant_id, run_defaults_of_agent.table_trigger_id is not null);
  end if;
  if v_has_more then
    v_defaults := howdah_private.with_filters_and_settings(v_defaults);
  end if;
  if v_may_pin and v_defaults.version_id is not null
    and current_setting('howdah.pinned_tenant', true) <> ''
    and pg_has_role(session_user, 'howdah_owner', 'member') and not howdah_private.is_bound() then
    perform set_config('howdah.pinned_run_defaults', v_defaults::text, true);
  end if;
  return v_defaults;
end $$;

-- Raises the reason why an agent can have no run.
create or replace function howdah_private.raise_agent_fault(
  agent_id uuid, tenant_id uuid, is_watched boolean
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
begin
  if raise_agent_fault.tenant_id is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it with a row in howdah_private.login_tenants.';
  end if;
  select a.* into v_agent from howdah.agents as a
  where a.id = raise_agent_fault.agent_id and a.tenant_id = raise_agent_fault.tenant_id
    and (not a.is_restricted or raise_agent_fault.is_watched or howdah_private.sees_agent(a.id));
  if not found then
    raise exception using errcode =
        case when raise_agent_fault.agent_id is null then 'HWINV' else 'HWNTF' end,
      message = case when raise_agent_fault.agent_id is null then 'agent_id is missing'
        else format('there is no agent %s', raise_agent_fault.agent_id) end,
      detail = jsonb_build_object('agent_id', raise_agent_fault.agent_id)::text,
      hint = 'Use howdah.agent(name), or see howdah.agents for the agents that exist. '
        'The id of a workflow goes into workflow_id.';
  end if;
  raise exception using errcode = 'HWCNF',
    message = format('agent %L is %s', v_agent.name,
      case when v_agent.deleted_at is not null then 'deleted' else 'not active' end),
    detail = jsonb_build_object('agent_id', v_agent.id, 'agent', v_agent.name)::text,
    hint = case when v_agent.deleted_at is not null
      then 'A deleted agent cannot be restored. Create a new agent with that name.'
      else 'Set its is_active to true.' end;
end $$;

-- Adds whether a filter checks the input, and the limits that an agent does not have from the
-- settings of its tenant.
create or replace function howdah_private.with_filters_and_settings(
  defaults howdah_private.run_defaults
) returns howdah_private.run_defaults
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_installed howdah_private.installation;
  v_limits jsonb;
begin
  select i.* into v_installed from howdah_private.installation as i;
  if v_installed.has_input_filters then
    defaults.is_filtered :=
      howdah_private.input_filters(defaults.tenant_id, defaults.agent_id) is not null;
  end if;
  if v_installed.has_settings then
    v_limits := howdah_private.settings_of(
      defaults.tenant_id, '{max_steps,max_tokens,max_cost,max_seconds}');
    defaults.max_steps := coalesce(defaults.max_steps, (v_limits ->> 'max_steps')::int);
    defaults.max_tokens := coalesce(defaults.max_tokens, (v_limits ->> 'max_tokens')::bigint);
    defaults.max_cost := coalesce(defaults.max_cost, (v_limits ->> 'max_cost')::numeric);
    defaults.max_seconds := coalesce(defaults.max_seconds, (v_limits ->> 'max_seconds')::int);
  end if;
  return defaults;
end $$;

-- Prepares a new run: the usual run of an agent here, and whatever else a row asks for in
-- prepare_special_run. A row with completed_at is history of a run that has ended, and is written
-- as it is. Only owners may write that column. The constraints apply to it as to every row.
--
-- The first insert of a connection reads each table, function, operator and cast of the usual run
-- from the catalogue, 5 to 30 µs each, and each later insert finds them in caches. So one condition
-- says whether the row asks for anything unusual, and the usual run ends before all that others
-- need. `=` of an enum looks for a cast to the type of each `=` there is, 45 of them, so an enum is
-- compared as text. The same holds for an `execution_id` and an uuid (tg_executions__enqueue).
create or replace function howdah_private.tg_executions__prepare() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_defaults howdah_private.run_defaults := case
    when pg_has_role(session_user, 'howdah_owner', 'member') and not howdah_private.is_bound()
      then nullif(current_setting('howdah.pinned_run_defaults', true), '')
    end::howdah_private.run_defaults;
  v_is_unusual boolean;
begin
  if (new.status::text = 'queued' and new.priority is not null and new.metadata = '{}'
    and octet_length(new.input) <= 1024 and not starts_with(new.input, 'howdah.sealed.v')
    and new.input_trust::text <> 'system' and coalesce(pg_column_size(new.input_data), 0) <= 500
    and new.run_at between '0001-01-02' and '9999-12-30'
    and num_nonnulls(new.completed_at, new.workflow_id, new.idempotency_key, new.session_id,
      new.parent_execution_id, new.forked_from_execution_id, new.compensates_execution_id,
      new.input_parts, new.history, new.client_tools, new.overrides, new.callback_url,
      new.concurrency_key, new.debounce_key, new.debounce_ms) = 0) is not true then
    v_is_unusual := true;
    new.priority := coalesce(new.priority, 0); -- null means the default, as for run_at
    new.metadata := coalesce(new.metadata, '{}');
    if new.run_at not between '0001-01-02' and '9999-12-30' then
      perform howdah_private.raise_fault(tg_relid, array['time', 'run_at'], to_jsonb(new));
    end if;
    if num_nonnulls(new.input_parts, new.history) > 0 or new.input like 'howdah.sealed.v_.%' then
      select c.* into new.contents_key_id, new.contents_encrypted_at, new.wake_at
      from howdah_private.mark_copied_input(new) as c;
    end if;
    if num_nonnulls(new.completed_at, new.workflow_id) > 0 then
      return howdah_private.prepare_special_run(new, tg_relid);
    end if;
  end if;
  if (v_defaults.agent_id = new.agent_id and v_defaults.tenant_id = new.tenant_id) is not true then
    v_defaults := howdah_private.run_defaults_of_agent(
      new.agent_id, new.tenant_id, new.table_trigger_id, new.compensates_execution_id);
  end if;
  new.max_steps := coalesce(new.max_steps, v_defaults.max_steps, 50);
  new.max_seconds := coalesce(new.max_seconds, v_defaults.max_seconds, 600);
  new.root_execution_id := coalesce(new.root_execution_id, new.id);
  new.created_by := coalesce(new.created_by, case when
    coalesce(current_setting('howdah.user_id', true), '') = ''
    and coalesce(current_setting('howdah.api_key_id', true), '') = ''
    and coalesce(current_setting('howdah.caused_by', true), '') = ''
    and not howdah_private.is_bound()
    then session_user::text end); -- as actor() without a user or key, and faster
  if v_is_unusual is null and new.created_by is not null and v_defaults.version_id is not null
    and not v_defaults.is_filtered and num_nonnulls(new.agent_version_id, new.max_cost,
      v_defaults.prompt_id, v_defaults.max_tokens, v_defaults.max_cost) = 0 then
    new.agent_version_id := v_defaults.version_id;
    return new;
  end if;
  new.status := 'queued';
  new.run_at := coalesce(new.run_at, now());
  new.max_tokens := coalesce(new.max_tokens, v_defaults.max_tokens);
  new.max_cost := case when new.max_cost is null then v_defaults.max_cost
    else howdah_private.bounded_max_cost(new, v_defaults.max_cost) end;
  if v_is_unusual then
    perform howdah_private.check_unusual_run(new);
  end if;
  if v_defaults.is_filtered then
    -- column by column: cached plans want a row of the partition
    select f.input, f.input_data, f.input_hits into new.input, new.input_data, new.input_hits
    from howdah_private.filter_run(new) as f;
  end if;
  if v_defaults.version_id is not null and num_nonnulls(v_defaults.prompt_id, new.agent_version_id,
    new.forked_from_execution_id, new.compensates_execution_id) = 0 then
    new.agent_version_id := v_defaults.version_id;
  elsif coalesce(new.forked_from_execution_id, new.compensates_execution_id) is null then
    new.agent_version_id := howdah_private.version_to_pin(new, v_defaults);
  end if;
  if new.created_by is null then
    select coalesce(new.user_id, howdah.current_user_id()), howdah_private.actor(),
      greatest(new.input_trust, howdah_private.bound_trust()),
      coalesce(howdah_private.starting_execution_id(new.tenant_id), new.started_by_execution_id)
    into new.user_id, new.created_by, new.input_trust, new.started_by_execution_id;
  end if;
  if v_is_unusual and num_nonnulls(new.forked_from_execution_id, new.compensates_execution_id,
    new.input_parts, new.history, new.client_tools, new.overrides, new.parent_execution_id,
    new.idempotency_key, new.debounce_key, new.session_id, new.callback_url) > 0 then
    return howdah_private.prepare_special_run(new, tg_relid);
  end if;
  return new;
end $$;

-- Checks the values of a new run of an agent that is not the usual one.
create or replace function howdah_private.check_unusual_run(e howdah.executions) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if e.input is null or octet_length(e.input) > 1024 then
    perform howdah_private.check_long_input(e);
  end if;
  if num_nonnulls(e.callback_url, e.concurrency_key, e.debounce_key, e.debounce_ms) > 0
    or jsonb_typeof(e.metadata) is distinct from 'object' or e.input_trust = 'system'
    or greatest(octet_length(e.idempotency_key), pg_column_size(e.input_data),
      pg_column_size(e.metadata)) > 500
    or (e.metadata <> '{}' and e.table_trigger_id is null
      and howdah_private.can_contain_secret(e.metadata)) then
    perform howdah_private.check_run(e);
  end if;
end $$;

-- Returns the version of a run whose agent has changed since its last version or has a prompt, or
-- that names a version itself.
create or replace function howdah_private.version_to_pin(
  e howdah.executions, defaults howdah_private.run_defaults
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version_id uuid := case
    when e.agent_version_id is not null then howdah_private.checked_version(e)
    else coalesce(defaults.version_id, howdah_private.refresh_agent_version(e.agent_id)) end;
begin
  if coalesce(defaults.prompt_id, e.agent_version_id) is not null
    and e.parent_execution_id is null
    and (e.overrides ? 'tool') is not true then -- else the prompt is not sent
    perform howdah_private.check_prompt_values(v_version_id, e.input_data);
  end if;
  return v_version_id;
end $$;

-- Prepares what only some runs have, in this order: the version comes first, since overrides and
-- tools of a client are checked against it; the key comes before the turn, as in run(), so that two
-- inserts with one key and one session wait for each other and do not deadlock.
create or replace function howdah_private.prepare_special_run(e howdah.executions, partition oid)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_has_ended boolean := e.completed_at is not null;
begin
  if e.workflow_id is not null and not v_has_ended then
    e := howdah_private.prepare_workflow_run(e);
  end if;
  if num_nonnulls(e.forked_from_execution_id, e.compensates_execution_id) > 0
    or (v_has_ended and num_nonnulls(e.agent_version_id, e.workflow_version_id) > 0) then
    perform howdah_private.check_version(e);
  end if;
  if e.input_parts is not null then
    perform howdah_private.check_parts(e.tenant_id, e.input_parts)
    where not howdah_private.is_encrypted_copy(e.contents_encrypted_at, e.input_parts);
    e.input_parts := nullif(e.input_parts, '[]');
  end if;
  if e.history is not null then
    perform howdah_private.check_history(case when e.contents_encrypted_at is null then e.history
      else howdah_private.without_copies(e.history) end);
    e.history := nullif(e.history, '[]');
  end if;
  if num_nonnulls(e.input_parts, e.history) > 0 then
    e := howdah_private.filter_run_parts(e);
  end if;
  if e.client_tools is not null then
    perform howdah_private.check_client_tools(e);
    e.client_tools := nullif(e.client_tools, '[]');
  end if;
  if e.overrides is not null and e.parent_execution_id is null and not v_has_ended then
    e.overrides := howdah_private.checked_overrides(e);
  end if;
  if e.parent_execution_id is not null and not v_has_ended then
    e := howdah_private.place_below_parent(e);
  end if;
  if e.idempotency_key is not null then
    if not howdah_private.claim_idempotency_key(e) then
      return null; -- skips the row: the statement says `on conflict do nothing`
    end if;
  elsif e.debounce_key is not null and not v_has_ended then
    e := howdah_private.debounce(e, prepare_special_run.partition);
  end if;
  if v_has_ended then
    perform howdah_private.record_usage(
      e, 1, e.moves, coalesce(e.forked_from_seq, 0), e.step_count);
    e.counted_steps := e.step_count;
  end if;
  if e.callback_url is not null then
    e.callback_url := howdah_private.store_callback(e);
  end if;
  if e.session_id is not null and e.parent_execution_id is null and not v_has_ended then
    e := howdah_private.propose_turn(e);
  end if;
  return e;
end $$;

-- Returns the workflow of a new run. Raises the reason why it can have no run.
create or replace function howdah_private.workflow_to_run(e howdah.executions)
  returns howdah.workflows
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow howdah.workflows;
begin
  select w.* into v_workflow from howdah.workflows as w
  where w.id = e.workflow_id and w.tenant_id = e.tenant_id
    and (not w.is_restricted or e.table_trigger_id is not null
      or howdah_private.sees_agent(w.id));
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no workflow %s', e.workflow_id),
      detail = jsonb_build_object('workflow_id', e.workflow_id)::text,
      hint = 'See howdah.workflows for the workflows that exist.';
  end if;
  if v_workflow.deleted_at is not null or not v_workflow.is_active then
    raise exception using errcode = 'HWCNF',
      message = format('workflow %L is %s', v_workflow.name,
        case when v_workflow.deleted_at is not null then 'deleted' else 'not active' end),
      detail = jsonb_build_object('workflow_id', e.workflow_id,
        'workflow', v_workflow.name)::text,
      hint = case when v_workflow.deleted_at is not null
        then 'A deleted workflow cannot be restored. Create a new workflow with that name.'
        else 'Set its is_active to true.' end;
  end if;
  return v_workflow;
end $$;

-- Prepares a new run of a workflow.
create or replace function howdah_private.prepare_workflow_run(e howdah.executions)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow howdah.workflows;
  v_limits jsonb := case when exists (select from howdah.settings)
    then howdah_private.settings_of(
      e.tenant_id, '{max_steps,max_tokens,max_cost,max_seconds}') end;
  v_fault text;
begin
  if e.agent_id is not null then
    raise exception using errcode = 'HWINV', message = 'set agent_id or workflow_id, not both',
      detail = jsonb_build_object('field', 'workflow_id')::text,
      hint = 'Leave out agent_id or workflow_id.';
  end if;
  v_workflow := howdah_private.workflow_to_run(e);
  if e.input is null or octet_length(e.input) > 1024 then
    perform howdah_private.check_long_input(e);
  end if;
  perform howdah_private.check_run(e);
  e := howdah_private.filter_run(e);
  if e.forked_from_execution_id is null then
    e.workflow_version_id := case
      when e.workflow_version_id is not null then howdah_private.checked_version(e)
      when v_workflow.version_is_stale
        then howdah_private.refresh_workflow_version(v_workflow.id)
      else v_workflow.current_version_id end;
    select howdah_private.team_fault(v_workflow.id, v.definition) into v_fault
    from howdah.workflow_versions as v where v.id = e.workflow_version_id;
    if v_fault is not null then
      raise exception using errcode = 'HWCNF',
        message = format('workflow %L cannot run: %s', v_workflow.name, v_fault),
        detail = jsonb_build_object('workflow_id', e.workflow_id,
          'workflow', v_workflow.name)::text,
        hint = 'See howdah.workflows for the workflow and howdah.workflow_agents for its members.';
    elsif v_workflow.type = 'map' then
      perform howdah_private.check_map_data(to_jsonb(v_workflow), e.input_data);
    end if;
  end if;
  e.status := 'queued';
  v_workflow.max_cost := coalesce(v_workflow.max_cost, (v_limits ->> 'max_cost')::numeric);
  e.max_steps := coalesce(
    e.max_steps, v_workflow.max_steps, (v_limits ->> 'max_steps')::int, 50);
  e.max_tokens := coalesce(
    e.max_tokens, v_workflow.max_tokens, (v_limits ->> 'max_tokens')::bigint);
  e.max_cost := case when e.max_cost is null then v_workflow.max_cost
    else howdah_private.bounded_max_cost(e, v_workflow.max_cost) end;
  e.max_seconds := coalesce(
    e.max_seconds, v_workflow.max_seconds, (v_limits ->> 'max_seconds')::int, 600);
  e.run_at := coalesce(e.run_at, now());
  e.root_execution_id := coalesce(e.root_execution_id, e.id);
  select coalesce(e.user_id, howdah.current_user_id()),
    coalesce(e.created_by, howdah_private.actor()),
    greatest(e.input_trust, howdah_private.bound_trust()),
    coalesce(howdah_private.starting_execution_id(e.tenant_id), e.started_by_execution_id)
  into e.user_id, e.created_by, e.input_trust, e.started_by_execution_id;
  return e;
end $$;

-- Refuses an input that claims to be from Howdah itself, except from owners of the database and
-- workers. Forks and child runs have the trust of the run that they come from.
create or replace function howdah_private.check_system_trust(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_trusted()
    and num_nonnulls(e.parent_execution_id, e.forked_from_execution_id,
      e.compensates_execution_id) = 0 then
    raise exception using errcode = 'HWDEN',
      message = 'input_trust cannot be system: only Howdah itself sends such input',
      detail = jsonb_build_object('field', 'input_trust')::text,
      hint = 'Use user, or external for words of somebody else.';
  end if;
end $$;

-- Refuses an input that is missing or too large. Called for rows with 1 kB or more, the smallest
-- limit that a tenant can set.
create or replace function howdah_private.check_long_input(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if e.input is null or octet_length(e.input) > 1048576
    or exists (select from howdah.settings) then
    perform howdah_private.check_input(e);
  end if;
end $$;

-- Refuses an input that is missing, or larger than the tenant allows. Runs that the engine starts
-- (forks, members of workflows, rows of watched tables) may have 1 MB whatever the tenant has set.
create or replace function howdah_private.check_input(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most int := case when coalesce(e.parent_execution_id, e.forked_from_execution_id,
      e.compensates_execution_id, e.table_trigger_id) is null
    then howdah_private.max_input_bytes(e.tenant_id) else 1048576 end;
begin
  if e.input is null then
    raise exception using errcode = 'HWINV', message = 'input is missing',
      detail = jsonb_build_object('field', 'input')::text,
      hint = 'Set input to the text for the agent. Structured data goes into input_data.';
  end if;
  perform howdah_private.check_input_size('input', octet_length(e.input), v_most)
  where not howdah_private.is_encrypted_copy(e.contents_encrypted_at, to_jsonb(e.input));
end $$;

-- Refuses what 95_refusals.sql refuses in other tables. Called for rows that may be too large, may
-- contain a secret, have metadata other than an object, are from the system, or name a
-- callback_url, a concurrency key or a debounce key. A trigger of its own costs every insert 4 of
-- 55 µs, even where its condition is false. This function costs 2 to 5 µs, for such rows only.
create or replace function howdah_private.check_run(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_large record;
  v_most int := case
    when howdah_private.is_encrypted_copy(e.contents_encrypted_at, e.input_data) then null
    when e.input_data is not null and coalesce(e.parent_execution_id,
      e.forked_from_execution_id, e.compensates_execution_id) is null
    then howdah_private.max_input_bytes(e.tenant_id) else 1048576 end;
begin
  if jsonb_typeof(e.metadata) is distinct from 'object' then
    perform howdah_private.raise_invalid_row('howdah.executions', 'metadata_is_an_object', null);
  end if;
  if e.input_trust = 'system' then
    perform howdah_private.check_system_trust(e);
  end if;
  if strpos(e.metadata::text, 'howdah.sealed.v') > 0 and e.contents_encrypted_at is null then
    raise exception using errcode = 'HWINV',
      message = 'metadata contains an encrypted text of a run',
      detail = jsonb_build_object('field', 'metadata')::text,
      hint = 'Encrypted texts belong to the rows of their run. Write the text itself.';
  end if;
  if e.callback_url !~* '^https?://[^/@?#\s]+([/?#]\S*)?$' or length(e.callback_url) > 2000 then
    raise exception using errcode = 'HWINV', message = 'callback_url is not an http or https URL',
      detail = jsonb_build_object('field', 'callback_url')::text,
      hint = 'Write it as https://host/path, at most 2000 characters, '
        'with no user, password or space in it.';
  end if;
  if num_nonnulls(e.concurrency_key, e.debounce_key, e.debounce_ms) > 0 then
    perform howdah_private.check_run_keys(e);
  end if;
  if e.metadata = '{}' and num_nonnulls(e.idempotency_key, e.input_data) = 0 then
    return;
  end if;
  select * into v_large
  from (values
    ('idempotency_key', length(e.idempotency_key), 500, 'characters'),
    ('input_data', octet_length(e.input_data::text), v_most, 'bytes'),
    ('metadata', octet_length(e.metadata::text), 1048576, 'bytes')
  ) as f (field, size, most, unit)
  where f.size > f.most;
  if found then
    perform howdah_private.raise_large(v_large.field, v_large.size, v_large.most, v_large.unit);
  end if;
  perform howdah_private.raise_deep(f.field)
  from (values ('input_data', e.input_data), ('metadata', e.metadata)) as f (field, value)
  where howdah_private.is_deep(f.value);
  -- a fork copies metadata that was checked before; the owner of a table wrote that of its rows
  if e.forked_from_execution_id is null and e.table_trigger_id is null then
    perform howdah_private.check_plain_secrets('metadata', e.metadata);
  end if;
end $$;

-- Checks that a run and its pinned version belong to one agent and tenant, where the row names the
-- version. Otherwise prepare reads the version from the agent, and versions are never deleted. A
-- foreign key would cost two look-ups and two locks for every row.
create or replace function howdah_private.check_version(e howdah.executions) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if e.workflow_id is not null then
    if not exists (
      select from howdah.workflow_versions as v
      where v.id = e.workflow_version_id and v.workflow_id = e.workflow_id
        and v.tenant_id = e.tenant_id
    ) then
      raise exception using errcode = 'foreign_key_violation',
        message = format('workflow %s has no version %s', e.workflow_id, e.workflow_version_id),
        detail = jsonb_build_object('workflow_id', e.workflow_id,
          'workflow_version_id', e.workflow_version_id)::text,
        hint = 'See howdah.workflow_versions for the versions that exist.';
    end if;
  elsif not exists (
    select from howdah.agent_versions as v
    where v.id = e.agent_version_id and v.agent_id = e.agent_id
      and v.tenant_id = e.tenant_id
  ) then
    raise exception using errcode = 'foreign_key_violation',
      message = format('agent %s has no version %s', e.agent_id, e.agent_version_id),
      detail = jsonb_build_object('agent_id', e.agent_id,
        'agent_version_id', e.agent_version_id)::text,
      hint = 'See howdah.agent_versions for the versions that exist.';
  end if;
end $$;

create or replace function howdah_private.tg_executions__check_version() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_version(new);
  return new;
end $$;

-- Checks the parent of a child run, since no foreign key points at executions, and gives the child
-- its place below that parent. The lock of the parent keeps it alive until the child is counted.
-- `plan_cache_mode`: a statement may insert a thousand children. A plan that is made anew for each
-- of them reads the definition of every partition, which takes longer than all the rest.
create or replace function howdah_private.place_below_parent(run howdah.executions)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_parent record;
  v_began_at timestamptz;
  v_max_depth int := coalesce(case when exists (select from howdah.settings)
    then howdah_private.setting(run.tenant_id, 'max_depth') end, 8);
begin
  select e.id::uuid as id, e.status, e.depth, e.root_execution_id, e.ancestors, e.user_id,
    e.created_at, e.completed_at, e.is_pause_requested, e.members_at_once
  into v_parent from howdah.executions as e
  where e.id = run.parent_execution_id and e.tenant_id = run.tenant_id
  for no key update;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('parent execution %s does not exist', run.parent_execution_id),
      detail = jsonb_build_object('parent_execution_id', run.parent_execution_id)::text;
  end if;
  if v_parent.completed_at is not null or v_parent.depth >= v_max_depth then
    raise exception using errcode = 'HWCNF',
      message = case when v_parent.completed_at is not null
        then format('parent execution %s has already ended', v_parent.id)
        else format('maximum depth of child runs (%s) reached', v_max_depth) end,
      detail = jsonb_build_object('parent_execution_id', v_parent.id)::text;
  end if;
  run.root_execution_id := v_parent.root_execution_id;
  run.ancestors := v_parent.ancestors || v_parent.id;
  run.depth := v_parent.depth + 1;
  run.user_id := coalesce(run.user_id, v_parent.user_id);
  if v_parent.status = 'paused' or v_parent.is_pause_requested then
    run.status := 'paused'; -- resumes together with its parent
    run.paused_from := case when v_parent.members_at_once is not null then 'turn' end;
  elsif v_parent.members_at_once is not null then
    run.status := 'waiting';
    run.waiting_for := 'turn';
  end if;
  -- pins the version that was current when the root began, unless an admin has named another since
  v_began_at := case when v_parent.depth = 0 then v_parent.created_at else (
    select r.created_at from howdah.executions as r where r.id = v_parent.root_execution_id
  ) end;
  if run.workflow_id is null then
    run.agent_version_id := coalesce(howdah_private.version_or_current((
      select v.id from howdah.agent_versions as v
      where v.agent_id = run.agent_id and v.created_at <= v_began_at
      order by v.version desc limit 1
    ), run.agent_version_id), run.agent_version_id);
  else
    run.workflow_version_id := coalesce(howdah_private.version_or_current((
      select v.id from howdah.workflow_versions as v
      where v.workflow_id = run.workflow_id and v.created_at <= v_began_at
      order by v.version desc limit 1
    ), run.workflow_version_id), run.workflow_version_id);
  end if;
  return run;
end $$;

-- Counts new children at their parents, whose rows place_below_parent has locked. Gets the parent
-- of each child, and whether the child waits for its turn. Updates each parent once: a thousand
-- updates of one row within a transaction take time that grows with the square of their number.
create or replace function howdah_private.count_children(parents uuid[], are_waiting boolean[])
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.executions as e
  set live_children = e.live_children + s.children, members_waiting = e.members_waiting + s.waiting
  from (
    select c.id, count(*)::int as children, (count(*) filter (where c.is_waiting))::int as waiting
    from unnest(count_children.parents, count_children.are_waiting) as c (id, is_waiting)
    group by c.id
  ) as s
  where e.id = s.id and e.id = any (count_children.parents)
$$;

-- Enqueues those of the runs for which this transaction has written no wake-up.
create or replace function howdah_private.enqueue_missing(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_advance(array(
    select i.id from unnest(enqueue_missing.ids) as i (id)
    where not exists (select from howdah_private.queue_jobs as j
      where j.key = i.id::text and j.updated_at = now())));
end $$;

-- Wakes debounced runs at their new times, and tells those who watch them.
create or replace function howdah_private.enqueue_debounced(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_advance(array(select e.id::uuid from howdah.executions as e
    where e.id = any (enqueue_debounced.ids) and e.status = 'queued'));
  perform howdah_private.announce_watched(enqueue_debounced.ids);
end $$;

-- Reserves the idempotency key of a new run. If the key is taken, refuses the run, or returns false
-- for an insert with `on conflict do nothing` (ignored_conflicts.sql).
create or replace function howdah_private.claim_idempotency_key(e howdah.executions)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first uuid := howdah_private.reserve_idempotency_key(
    e.tenant_id, e.idempotency_key, e.id);
  v_context text;
begin
  if v_first = e.id then
    return true;
  end if;
  get diagnostics v_context = pg_context;
  if howdah_private.ignores_conflicts(
    howdah_private.inserting_statement(v_context, current_query())) then
    return false;
  end if;
  raise exception using errcode = 'HWCNF',
    message = format('the idempotency key %L is already in use', e.idempotency_key),
    detail = jsonb_build_object('execution_id', v_first)::text,
    hint = 'howdah.run(…, idempotency_key => …) gives the first run back instead. '
      'An insert with `on conflict do nothing` leaves the row out.';
end $$;

-- Writes the tags of the new runs, gives them their turns and wake-ups, offers them to a worker if
-- they are few (offer_runs.sql), and counts them at their parents and limits. A debounced run may
-- have a wake-up already, and may be there several times: it gets its new one by enqueue_advance.
-- It had its tags before.
--
-- The lock of usage comes before the look for limits (block_usage), and counters come behind the
-- runs and sessions that are locked before. Counted are the runs that a caller begins: neither
-- children nor compensations, nor runs that have ended already, nor debounced runs whose first row
-- is counted.
--
-- Wake-ups are inserted as add_jobs would insert them, with one NOTIFY, in the order of ids as
-- everywhere. add_jobs itself looks for older jobs of the same keys first, which new runs do not
-- have, and has five statements to plan on each new connection. If a key is taken all the same, or
-- the queue does not know the task, enqueue_advance follows.
--
-- The body is short enough to be stored in the row of the function. A longer one is moved to
-- another table, which a new connection would open.
--
-- `plan_cache_mode`: a statement that inserts one row plans nothing anew. `enable_seqscan`: its
-- plan, made while the queue is short, must not read all of it once it is long.
create or replace function howdah_private.tg_executions__enqueue() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_queued bigint;
  v_added bigint;
  v_due uuid[];
  v_in_sessions uuid[];
  v_debounced uuid[];
  v_has_children boolean;
  v_have_tags boolean;
  v_not_queued uuid[] := '{}';
  v_tenants uuid[];
begin
  select count(*) filter (where n.status::text = 'queued' and n.debounced_at is null),
    array_agg(n.id::uuid) filter (
      where n.status::text = 'queued' and n.debounced_at is null
        and n.run_at <= clock_timestamp()),
    array_agg(n.id::uuid) filter (where n.session_id is not null
      and n.parent_execution_id is null and n.completed_at is null),
    array_agg(n.id::uuid) filter (where n.debounced_at is not null),
    bool_or(n.parent_execution_id is not null), bool_or(n.metadata <> '{}'),
    array_agg(distinct n.tenant_id)
  into v_queued, v_due, v_in_sessions, v_debounced, v_has_children, v_have_tags, v_tenants
  from new_rows as n;
  if v_have_tags then
    insert into howdah_private.run_tags (tenant_id, execution_id, key, value)
    select n.tenant_id, n.id, t.key, t.value
    from new_rows as n cross join howdah_private.tags_of(n.metadata) as t
    where n.metadata <> '{}'
    on conflict on constraint run_tags_pkey do nothing;
  end if;
  if v_in_sessions is not null then
    v_not_queued := howdah_private.assign_turns(v_in_sessions);
    v_due := array(select d.id from unnest(v_due) as d (id) where d.id <> all (v_not_queued));
    v_queued := (select count(*) from new_rows as n
      where n.status = 'queued' and n.debounced_at is null and n.id <> all (v_not_queued));
  end if;
  if v_queued > 0 then
    insert into howdah_private.queue_jobs (task_id, payload, run_at, max_attempts, key, priority)
    select t.id, json_build_object('id', q.id), q.run_at, 25, q.id::text, q.priority
    from howdah_private.queue_task('advance') as t cross join new_rows as q
    where q.status::text = 'queued' and q.debounced_at is null and q.id::uuid <> all (v_not_queued)
    order by q.id
    on conflict (key) do nothing;
    get diagnostics v_added = row_count;
    perform pg_notify('jobs:insert', json_build_object('r', random(), 'count', v_queued)::text);
    if cardinality(v_due) between 1 and 4 then
      perform pg_notify(howdah_private.channel('due_runs'),
        concat_ws(' ', w.id, array_to_string(v_due, ' ')))
      from howdah_private.workers_for_offers() as w limit 1;
    end if;
    if v_added < v_queued then
      perform howdah_private.enqueue_missing(array(select q.id::uuid from new_rows as q
        where q.status = 'queued' and q.debounced_at is null and q.id <> all (v_not_queued)));
    end if;
  end if;
  if v_debounced is not null then
    perform howdah_private.enqueue_debounced(v_debounced);
  end if;
  if v_has_children then
    perform howdah_private.count_children(array_agg(n.parent_execution_id),
      array_agg(coalesce(n.waiting_for, n.paused_from) is not distinct from 'turn'))
    from new_rows as n where n.parent_execution_id is not null and n.completed_at is null
    having count(*) > 0;
  end if;
  perform pg_advisory_xact_lock_shared(howdah_private.usage_lock_key(t.id))
  from unnest(v_tenants) as t (id);
  if (select i.has_run_limits from howdah_private.installation as i) then
    perform howdah_private.count_runs(to_jsonb(array_agg(r)))
    from (
      select n.tenant_id, n.user_id, n.agent_id, n.session_id,
        date_trunc('minute', n.created_at) as at, count(*) as amount
      from new_rows as n
      where n.parent_execution_id is null and n.compensates_execution_id is null
        and n.completed_at is null and n.debounced_at is null
      group by 1, 2, 3, 4, 5
    ) as r;
  end if;
  perform set_config('howdah.pinned_tenant', '', true),
    set_config('howdah.pinned_agent_name', '', true),
    set_config('howdah.pinned_run_defaults', '', true);
  return null;
end $$;

create or replace function howdah_private.tg_executions__check_move() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from howdah.status_transitions as t
    where t.from_status = old.status and t.to_status = new.status
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('an execution cannot go from %s to %s', old.status, new.status),
      detail = jsonb_build_object('execution_id', old.id,
        'from', old.status, 'to', new.status)::text,
      hint = case
          when new.status = 'paused' then 'Pause a run with howdah.pause_execution(id). '
          when new.status in ('completed', 'failed', 'cancelled')
            then 'End a run with howdah.cancel_execution(id). '
          else 'Continue a run with howdah.resume_execution(id) or howdah.retry_execution(id). '
        end || 'The moves allowed are rows of howdah.status_transitions.';
  end if;
  new.moves := old.moves + 1;
  return new;
end $$;

create or replace trigger _010_permit before insert on howdah.executions
  for each statement execute function howdah_private.tg_executions__permit();
create or replace trigger _100_prepare before insert on howdah.executions
  for each row execute function howdah_private.tg_executions__prepare();
create or replace trigger _110_check_change
  before update of tenant_id, agent_id, agent_version_id, workflow_id, workflow_version_id
  on howdah.executions
  for each row when (
    (old.tenant_id, old.agent_id, old.agent_version_id, old.workflow_id, old.workflow_version_id)
    is distinct from (new.tenant_id, new.agent_id, new.agent_version_id, new.workflow_id,
      new.workflow_version_id)
  )
  execute function howdah_private.tg_executions__check_version();
create or replace trigger _150_fold_run_head
  before update of owner_worker, fence, step_count, message_count, model_count, tokens_in,
    tokens_out, cost, trust, crashes_without_progress, at_risk, has_inbox, is_pause_requested,
    max_steps, max_tokens, max_cost, max_seconds, children_tokens_in, children_tokens_out,
    children_cost, active_ms, active_since, agent_id, workflow_id, session_id,
    updated_at
  on howdah.executions
  for each row when (old.owner_worker is not null)
  execute function howdah_private.tg_executions__fold_run_head();
create or replace trigger _900_enqueue after insert on howdah.executions
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_executions__enqueue();
create or replace trigger _910_replace_tags after update of metadata on howdah.executions
  for each row when (old.metadata is distinct from new.metadata)
  execute function howdah_private.tg_executions__replace_tags();
create or replace trigger _200_check_move before update of status on howdah.executions
  for each row when (old.status is distinct from new.status)
  execute function howdah_private.tg_executions__check_move();
-- A run that ends, or that is retried. After _200_check_move, which counts the move.
create or replace trigger _210_record_usage before update of status on howdah.executions
  for each row when ((old.completed_at is null) <> (new.completed_at is null))
  execute function howdah_private.tg_executions__record_usage();
-- Refuses a result that is written by hand into a run that has not ended: the engine would replace
-- it, and clients that wait for the run would not see it. A row that is ended as a whole is kept.
create or replace function howdah_private.tg_executions__refuse_result() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('a run that is %s has no result yet', old.status),
    detail = jsonb_build_object('execution_id', old.id, 'status', old.status)::text,
    hint = 'The engine writes output and output_data. Answer a question of the run with '
      'howdah.answer_question(id, answer), add to its input with howdah.add_input(id, content), '
      'or end it with howdah.cancel_execution(id).';
end $$;

-- Keeps the history: a run is not deleted, and the result of a run that has ended is not rewritten.
-- The engine may, since a failed run can be retried. Retention and erasure act as the eraser.
create or replace trigger _100_refuse_delete before delete on howdah.executions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.executions
  for each statement execute function howdah_private.tg__refuse_change();
create or replace trigger _300_refuse_rewrite
  before update of id, tenant_id, agent_id, agent_version_id, workflow_id, workflow_version_id,
    input, input_data, input_parts, history, client_tools, output, output_data, stop_reason,
    finish_reason, error, tokens_in, tokens_out, cost, step_count, message_count
  on howdah.executions
  for each row when (old.completed_at is not null and current_user <> 'howdah_engine')
  execute function howdah_private.tg__refuse_change();
create or replace trigger _310_refuse_result before update of output, output_data
  on howdah.executions
  for each row when (
    new.completed_at is null and num_nonnulls(new.output, new.output_data) > 0
    and (new.output, new.output_data) is distinct from (old.output, old.output_data)
    and current_user not in ('howdah_engine', 'howdah_eraser')
  )
  execute function howdah_private.tg_executions__refuse_result();
