-- Returns the run that a key stands for: the given run when the key is new, else the first run. Two
-- callers with the same key wait for each other on the primary key. The second caller then reads
-- what the first one wrote, in a snapshot of its own. The key of another caller's run is refused,
-- since the output of that run would be taken for the answer to this request.
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
  if not howdah_private.may_act_for(reserve_idempotency_key.tenant_id) then
    raise exception using errcode = 'HWDEN', message = 'not your tenant';
  end if;
  perform howdah_private.permit('executions', 'run');
  if length(reserve_idempotency_key.key) > 500 then
    perform howdah_private.refuse_large('idempotency_key', length(reserve_idempotency_key.key), 500, 'characters');
  end if;
  if btrim(reserve_idempotency_key.key) = '' then -- of whoever has none: it would give everybody the same run
    raise exception using errcode = 'HWINV', message = 'the idempotency key is empty',
      detail = '{"field": "idempotency_key"}', hint = 'A uuid is a good one. Leave it out where there is none.';
  end if;
  if starts_with(reserve_idempotency_key.key, 'schedule:') and not howdah_private.is_trusted() then -- it would keep the schedule from firing
    raise exception using errcode = 'HWINV', message = 'an idempotency key may not begin with schedule:',
      detail = '{"field": "idempotency_key"}', hint = 'Only schedules use such keys, for their runs. Use a uuid instead.';
  end if;
  insert into howdah_private.idempotency_keys (tenant_id, key, execution_id)
  values (reserve_idempotency_key.tenant_id, reserve_idempotency_key.key,
    reserve_idempotency_key.execution_id)
  on conflict do nothing;
  select k.execution_id into v_first from howdah_private.idempotency_keys as k
  where k.tenant_id = reserve_idempotency_key.tenant_id and k.key = reserve_idempotency_key.key;
  if v_first = reserve_idempotency_key.execution_id then
    return v_first;
  end if;
  select e.* into v_run from howdah.executions as e
  where e.id = v_first and e.tenant_id = reserve_idempotency_key.tenant_id
    and e.idempotency_key = reserve_idempotency_key.key;
  if not found then
    -- no run was inserted for the key, or its run has another key: a key lives as long as its own
    -- run
    update howdah_private.idempotency_keys as k set execution_id = reserve_idempotency_key.execution_id
    where k.tenant_id = reserve_idempotency_key.tenant_id and k.key = reserve_idempotency_key.key
      and k.execution_id = v_first
    returning k.execution_id into v_first;
  elsif not howdah_private.sees_agent(coalesce(v_run.agent_id, v_run.workflow_id)) then -- the caller may not see the first run
    raise exception using errcode = 'HWCNF',
      message = format('the idempotency key %L is known already', reserve_idempotency_key.key),
      detail = '{"field": "idempotency_key"}', hint = 'Take another one: a uuid is nobody else''s.';
  elsif not howdah_private.is_trusted() and (
    v_run.user_id is distinct from howdah.current_user_id()
    or v_run.user_id is null and v_run.created_by <> howdah_private.actor() -- a login or a key without a user
  ) then
    perform howdah_private.refuse_known_key(reserve_idempotency_key.key, v_first);
  end if;
  return v_first;
end $$;

-- Calls reserve_idempotency_key in the current tenant, for a run of this agent or workflow. Refuses
-- the key of a run of another agent or workflow. A run that was handed over still counts as a run
-- of the agent it began with.
create or replace function howdah_private.reserve_run_key(key text, execution_id uuid, target_id uuid) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_first uuid := howdah_private.reserve_idempotency_key(v_tenant_id, reserve_run_key.key, reserve_run_key.execution_id);
begin
  if v_first <> reserve_run_key.execution_id and not exists (
    select from howdah.executions as e
    where e.id = v_first and e.tenant_id = v_tenant_id
      and reserve_run_key.target_id = coalesce(case when e.handoffs > 0 then howdah_private.first_agent_of(e.id) end, e.agent_id, e.workflow_id)
  ) then
    perform howdah_private.refuse_known_key(reserve_run_key.key, v_first);
  end if;
  return v_first;
end $$;

create or replace function howdah_private.refuse_known_key(key text, execution_id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('the idempotency key %L was used for another request', refuse_known_key.key),
    detail = jsonb_build_object('field', 'idempotency_key', 'execution_id', refuse_known_key.execution_id)::text,
    hint = 'The key belongs to a run of another caller, agent or workflow. Use another key, such as a uuid.';
end $$;
