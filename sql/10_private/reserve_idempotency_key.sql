-- Which run a key stands for: the given one when the key is new, else the first. Two callers with the same key
-- wait for each other on the primary key; the second then reads, in a snapshot of its own, what the first wrote.
create or replace function howdah_private.reserve_idempotency_key(
  tenant_id uuid, key text, execution_id uuid
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first uuid;
  v_agent_id uuid;
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
  insert into howdah_private.idempotency_keys (tenant_id, key, execution_id)
  values (reserve_idempotency_key.tenant_id, reserve_idempotency_key.key,
    reserve_idempotency_key.execution_id)
  on conflict do nothing;
  select k.execution_id into v_first from howdah_private.idempotency_keys as k
  where k.tenant_id = reserve_idempotency_key.tenant_id and k.key = reserve_idempotency_key.key;
  if v_first = reserve_idempotency_key.execution_id then
    return v_first;
  end if;
  select coalesce(e.agent_id, e.workflow_id) into v_agent_id from howdah.executions as e
  where e.id = v_first and e.tenant_id = reserve_idempotency_key.tenant_id
    and e.idempotency_key = reserve_idempotency_key.key;
  if not found then
    -- reserved by somebody who then inserted nothing, or for a run that has another key: a key lives as long as its own run
    update howdah_private.idempotency_keys as k set execution_id = reserve_idempotency_key.execution_id
    where k.tenant_id = reserve_idempotency_key.tenant_id and k.key = reserve_idempotency_key.key
      and k.execution_id = v_first
    returning k.execution_id into v_first;
  elsif not howdah_private.sees_agent(v_agent_id) then -- the first run is for others, and told to nobody else
    raise exception using errcode = 'HWCNF',
      message = format('the idempotency key %L is known already', reserve_idempotency_key.key),
      detail = '{"field": "idempotency_key"}', hint = 'Take another one: a uuid is nobody else''s.';
  end if;
  return v_first;
end $$;
