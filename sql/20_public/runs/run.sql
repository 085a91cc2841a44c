-- Starts a run of an agent, or of a workflow, by name, for people and programs. A name that belongs
-- to an agent means the agent. A call with a known idempotency key returns the first run. The key
-- is reserved before the insert, so that fifty concurrent callers get one run.
create or replace function howdah.run(
  agent text,
  input text,
  input_data jsonb default null,
  session_id uuid default null,
  run_at timestamptz default null,
  priority int default 0,
  idempotency_key text default null,
  metadata jsonb default '{}',
  input_parts jsonb default null,
  version text default null,
  max_cost numeric default null,
  overrides jsonb default null,
  concurrency_key text default null,
  debounce_key text default null,
  debounce_ms int default null
) returns howdah.executions
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow_id uuid := howdah_private.workflow_by_name(run.agent);
  v_agent_id uuid := case when v_workflow_id is null then howdah.agent(run.agent) end;
  v_id uuid := howdah.uuid_v7();
  v_run_id uuid := v_id;
begin
  if run.idempotency_key is not null then
    v_run_id := howdah_private.reserve_run_key(run.idempotency_key, v_id,
      coalesce(v_agent_id, v_workflow_id));
  end if;
  if v_run_id = v_id then
    insert into howdah.executions (
      agent_id, agent_version_id, workflow_id, workflow_version_id, input, input_data, session_id,
      run_at, priority, idempotency_key, metadata, input_parts, max_cost, overrides,
      concurrency_key, debounce_key, debounce_ms
    ) values (
      v_agent_id, case when v_workflow_id is null
        then howdah_private.version_named(v_agent_id, null, run.version) end,
      v_workflow_id,
      case when v_workflow_id is not null
        then howdah_private.version_named(null, v_workflow_id, run.version) end,
      run.input, run.input_data, run.session_id, coalesce(run.run_at, now()),
      howdah_private.priority_of(run.priority), run.idempotency_key, coalesce(run.metadata, '{}'),
      run.input_parts, run.max_cost, run.overrides, run.concurrency_key, run.debounce_key,
      run.debounce_ms
    )
    returning executions.id into v_run_id;
  end if;
  return howdah_private.execution_row(v_run_id);
end $$;
comment on function howdah.run(text, text, jsonb, uuid, timestamptz, int, text, jsonb, jsonb, text,
  numeric, jsonb, text, text, int) is
  'Starts a run of the agent or workflow with this name and returns its row. A known idempotency '
  'key returns the first run. version is a number or label; without it, the current version is '
  'used. max_cost lowers the limit of the agent. overrides sets another model, request_params or '
  'fewer allowed_tools for this run. Limits of scope key count runs by concurrency_key. Calls with '
  'the same debounce_key within debounce_ms return one run, which has the newest input.';
