-- Starts a run of a workflow by name, as howdah.run does for agents.
create or replace function howdah.run_workflow(
  workflow text,
  input text,
  input_data jsonb default null,
  session_id uuid default null,
  run_at timestamptz default null,
  priority int default 0,
  idempotency_key text default null,
  metadata jsonb default '{}',
  version text default null,
  max_cost numeric default null,
  concurrency_key text default null,
  debounce_key text default null,
  debounce_ms int default null
) returns howdah.executions
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow_id uuid := howdah.workflow(run_workflow.workflow);
  v_id uuid := howdah.uuid_v7();
  v_run_id uuid := v_id;
begin
  if run_workflow.idempotency_key is not null then
    v_run_id := howdah_private.reserve_run_key(run_workflow.idempotency_key, v_id, v_workflow_id);
  end if;
  if v_run_id = v_id then
    insert into howdah.executions (
      workflow_id, workflow_version_id, input, input_data, session_id, run_at, priority,
      idempotency_key, metadata, max_cost, concurrency_key, debounce_key, debounce_ms
    ) values (
      v_workflow_id, howdah_private.version_named(null, v_workflow_id, run_workflow.version),
      run_workflow.input, run_workflow.input_data, run_workflow.session_id,
      coalesce(run_workflow.run_at, now()), howdah_private.priority_of(run_workflow.priority),
      run_workflow.idempotency_key, coalesce(run_workflow.metadata, '{}'), run_workflow.max_cost,
      run_workflow.concurrency_key, run_workflow.debounce_key, run_workflow.debounce_ms
    )
    returning executions.id into v_run_id;
  end if;
  return howdah_private.execution_row(v_run_id);
end $$;
comment on function howdah.run_workflow(text, text, jsonb, uuid, timestamptz, int, text, jsonb,
  text, numeric, text, text, int) is
  'Starts a run of the workflow with this name and returns its row. A known idempotency key '
  'returns the first run. version is a number or label; without it, the current version is used. '
  'max_cost lowers the limit of the workflow. Limits of scope key count runs by concurrency_key. '
  'Calls with the same debounce_key within debounce_ms return one run, which has the newest input.';
