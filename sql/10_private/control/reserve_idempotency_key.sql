-- Returns the run of an idempotency key: the given run if the key is new, else the first run. Two
-- callers with the same key wait for each other on the primary key. The second caller then reads
-- what the first one wrote, in a new snapshot. A key of another caller's run is refused: the caller
-- would take the output of that run for the answer to this request.
create or replace function howdah_private.reserve_idempotency_key(
  tenant_id uuid, key text, execution_id uuid
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first uuid;
  v_run howdah.executions;
begin
  if not howdah_private.can_act_for(reserve_idempotency_key.tenant_id) then
    raise exception using errcode = 'HWDEN',
      message = format('tenant %s is not the tenant of the caller',
        reserve_idempotency_key.tenant_id);
  end if;
  perform howdah_private.permit('executions', 'run');
  if length(reserve_idempotency_key.key) > 500 then
    perform howdah_private.raise_large(
      'idempotency_key', length(reserve_idempotency_key.key), 500, 'characters'
    );
  end if;
  if btrim(reserve_idempotency_key.key) = '' then -- callers without a key would share one run
    raise exception using errcode = 'HWINV', message = 'the idempotency key is empty',
      detail = '{"field": "idempotency_key"}',
      hint = 'Use a unique value, such as a uuid, or omit the key.';
  end if;
  -- a run with such a key would keep its schedule from firing
  if starts_with(reserve_idempotency_key.key, 'schedule:') and not howdah_private.is_trusted() then
    raise exception using errcode = 'HWINV',
      message = 'an idempotency key may not begin with schedule:',
      detail = '{"field": "idempotency_key"}',
      hint = 'This prefix is reserved for runs of schedules. Use another key, such as a uuid.';
  end if;
  v_first := howdah_private.holder_of_idempotency_key(reserve_idempotency_key.tenant_id,
    reserve_idempotency_key.key, reserve_idempotency_key.execution_id);
  if v_first = reserve_idempotency_key.execution_id then
    return v_first;
  end if;
  select e.* into v_run from howdah.executions as e where e.id = v_first;
  if not howdah_private.sees_agent(coalesce(v_run.agent_id, v_run.workflow_id)) then
    -- no execution_id in the detail: the caller may not see the first run
    raise exception using errcode = 'HWCNF',
      message = format('idempotency key %L has already been used', reserve_idempotency_key.key),
      detail = '{"field": "idempotency_key"}', hint = 'Use another key, such as a uuid.';
  elsif not howdah_private.is_trusted() and (
    v_run.user_id is distinct from howdah.current_user_id()
    or v_run.user_id is null and v_run.created_by <> howdah_private.actor() -- no user to compare
  ) then
    perform howdah_private.raise_known_key(reserve_idempotency_key.key, v_first);
  end if;
  return v_first;
end $$;

-- Returns the run that has an idempotency key: the given run if no other run has it, which then
-- gets it. A row that another caller deletes or takes over meanwhile is looked for again.
create or replace function howdah_private.holder_of_idempotency_key(
  tenant_id uuid, key text, execution_id uuid
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_holder uuid;
begin
  loop
    insert into howdah_private.idempotency_keys (tenant_id, key, execution_id)
    values (holder_of_idempotency_key.tenant_id, holder_of_idempotency_key.key,
      holder_of_idempotency_key.execution_id)
    on conflict do nothing;
    select k.execution_id into v_holder from howdah_private.idempotency_keys as k
    where k.tenant_id = holder_of_idempotency_key.tenant_id
      and k.key = holder_of_idempotency_key.key;
    continue when not found;
    if v_holder = holder_of_idempotency_key.execution_id or exists (
      select from howdah.executions as e
      where e.id = v_holder and e.tenant_id = holder_of_idempotency_key.tenant_id
        and e.idempotency_key = holder_of_idempotency_key.key
    ) then
      return v_holder;
    end if;
    -- No run was inserted for the key, or its run has another key by now: a key lives as long as
    -- its own run.
    update howdah_private.idempotency_keys as k
    set execution_id = holder_of_idempotency_key.execution_id
    where k.tenant_id = holder_of_idempotency_key.tenant_id
      and k.key = holder_of_idempotency_key.key and k.execution_id = v_holder;
    if found then
      return holder_of_idempotency_key.execution_id;
    end if;
  end loop;
end $$;

-- Reserves an idempotency key in the current tenant for a run of this agent or workflow. Refuses
-- the key of a run of another agent or workflow. A run that was handed over still counts as a run
-- of its first agent.
create or replace function howdah_private.reserve_run_key(
  key text, execution_id uuid, target_id uuid
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_first uuid := howdah_private.reserve_idempotency_key(
    v_tenant_id, reserve_run_key.key, reserve_run_key.execution_id
  );
begin
  if v_first <> reserve_run_key.execution_id and not exists (
    select from howdah.executions as e
    where e.id = v_first and e.tenant_id = v_tenant_id
      and reserve_run_key.target_id = coalesce(
        case when e.handoffs > 0 then howdah_private.first_agent_of(e.id) end,
        e.agent_id, e.workflow_id
      )
  ) then
    perform howdah_private.raise_known_key(reserve_run_key.key, v_first);
  end if;
  return v_first;
end $$;

-- Refuses an idempotency key that belongs to a run of another caller, agent or workflow.
create or replace function howdah_private.raise_known_key(key text, execution_id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('idempotency key %L has already been used for another request',
      raise_known_key.key),
    detail = jsonb_build_object(
      'field', 'idempotency_key', 'execution_id', raise_known_key.execution_id
    )::text,
    hint = 'The key belongs to a run of another caller, agent or workflow. '
      'Use another key, such as a uuid.';
end $$;
