-- Returns the priority as the type of its column, 0 if none is given.
create or replace function howdah_private.priority_of(priority int) returns smallint
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if priority_of.priority not between -32768 and 32767 then
    raise exception using errcode = 'HWINV',
      message = format('priority must be from -32768 to 32767, not %s', priority_of.priority),
      detail = jsonb_build_object('field', 'priority')::text,
      hint = 'A smaller number runs first. The default is 0.';
  end if;
  return coalesce(priority_of.priority, 0);
end $$;

-- Starts a run like howdah.run(), for callers that have the id of the agent or workflow rather than
-- its name. Returns the id of the first run if the idempotency key has already been used.
create or replace function howdah_private.run_by_id(
  agent_id uuid, workflow_id uuid, input text, input_data jsonb, session_id uuid,
  run_at timestamptz, priority int, idempotency_key text, metadata jsonb, input_parts jsonb,
  callback_url text, version text, max_cost numeric default null, overrides jsonb default null,
  concurrency_key text default null, debounce_key text default null, debounce_ms int default null
) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah.uuid_v7();
  v_first uuid := v_id;
begin
  if run_by_id.idempotency_key is not null then
    v_first := howdah_private.reserve_run_key(
      run_by_id.idempotency_key, v_id, coalesce(run_by_id.agent_id, run_by_id.workflow_id)
    );
  end if;
  if v_first = v_id then
    insert into howdah.executions (
      agent_id, agent_version_id, workflow_id, workflow_version_id, input, input_data, session_id,
      run_at, priority, idempotency_key, metadata, input_parts, callback_url, max_cost, overrides,
      concurrency_key, debounce_key, debounce_ms
    ) values (
      run_by_id.agent_id,
      case when run_by_id.agent_id is not null and run_by_id.version is not null
        then howdah_private.version_named(run_by_id.agent_id, null, run_by_id.version) end,
      run_by_id.workflow_id,
      case when run_by_id.workflow_id is not null and run_by_id.version is not null
        then howdah_private.version_named(null, run_by_id.workflow_id, run_by_id.version) end,
      run_by_id.input, run_by_id.input_data, run_by_id.session_id,
      coalesce(run_by_id.run_at, now()),
      howdah_private.priority_of(run_by_id.priority), run_by_id.idempotency_key,
      coalesce(run_by_id.metadata, '{}'), run_by_id.input_parts, run_by_id.callback_url,
      run_by_id.max_cost, run_by_id.overrides, run_by_id.concurrency_key, run_by_id.debounce_key,
      run_by_id.debounce_ms
    )
    returning executions.id into v_first;
  end if;
  return v_first;
end $$;
