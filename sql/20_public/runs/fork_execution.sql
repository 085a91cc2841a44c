-- Forks a run (time travel): creates a new root run with copies of the first `seq` steps of another
-- run, with zero usage, and continues from there. The original does not change, and no copied step
-- is repeated. A question or call without an outcome in the copied steps starts again. A fork with
-- other data starts from the beginning. The pinned version stays unless another is named, and a
-- root keeps its overrides, except those that are given. The fork runs as the caller, who writes
-- its new texts.
create or replace function howdah.fork_execution(
  id uuid, seq int default null, input text default null, version int default null,
  input_data jsonb default null, changes jsonb default null, overrides jsonb default null
) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_for_control(fork_execution.id);
  v_has_other_data boolean := num_nonnulls(fork_execution.input_data, fork_execution.changes) > 0;
  v_seq int := coalesce(fork_execution.seq, case when v_has_other_data then 0 end,
    v_execution.step_count);
  v_version_id uuid := howdah_private.forked_version(v_execution, v_seq, fork_execution.version);
  v_id uuid := howdah.uuid_v7();
  v_limits jsonb := coalesce(v_execution.first_limits, to_jsonb(v_execution));
  v_data jsonb;
  v_encrypted_at timestamptz;
  v_messages int;
  v_run howdah.executions;
  v_sent record;
begin
  perform howdah_private.check_fork(v_execution, v_seq, fork_execution.input);
  perform howdah_private.check_fork_overrides(
    v_execution, v_seq, fork_execution.overrides, v_version_id);
  perform howdah_private.check_fork_of_encrypted(v_execution, fork_execution.input,
    fork_execution.input_data, fork_execution.changes)
  where v_execution.contents_encrypted_at is not null;
  v_data := howdah_private.forked_data(v_execution, v_seq, v_version_id, fork_execution.input_data,
    fork_execution.changes);
  v_encrypted_at := howdah_private.enqueue_fork(v_execution, v_id, v_seq, fork_execution.input,
    v_has_other_data);
  insert into howdah.executions (
    id, tenant_id, agent_id, agent_version_id, workflow_id, workflow_version_id,
    forked_from_execution_id, forked_from_seq, input_trust, input, input_data, input_parts, history,
    client_tools, user_id, max_steps, max_tokens, max_cost, max_seconds, priority, metadata,
    overrides, concurrency_key, contents_encrypted_at, contents_key_id, wake_at
  ) values (
    v_id, v_execution.tenant_id,
    case when v_execution.workflow_id is null
      then (select v.agent_id from howdah.agent_versions as v where v.id = v_version_id) end,
    case when v_execution.workflow_id is null then v_version_id end, v_execution.workflow_id,
    case when v_execution.workflow_id is not null then v_version_id end,
    v_execution.id, v_seq, case when fork_execution.input is null then v_execution.input_trust
      else greatest(v_execution.input_trust, 'user') end,
    case when v_seq = 0 then coalesce(fork_execution.input, v_execution.input)
      else v_execution.input end,
    v_data, v_execution.input_parts, v_execution.history, v_execution.client_tools,
    howdah_private.author(v_execution.user_id), (v_limits ->> 'max_steps')::int,
    (v_limits ->> 'max_tokens')::bigint, (v_limits ->> 'max_cost')::numeric,
    (v_limits ->> 'max_seconds')::int, v_execution.priority, v_execution.metadata,
    howdah_private.forked_overrides(v_execution, v_seq, fork_execution.overrides),
    v_execution.concurrency_key,
    v_encrypted_at, case when v_encrypted_at is not null then v_execution.contents_key_id end,
    case when v_encrypted_at is not null then howdah_private.decryption_deadline() end
  ) returning executions.* into v_run; -- with what input filters leave
  v_sent := howdah_private.filter_message(v_run,
    case when v_seq > 0 then fork_execution.input end, null);
  if v_seq = 0 and fork_execution.input is not null then
    v_sent.content := v_run.input;
  end if;
  perform howdah_private.record_input_hits(v_id, v_sent.hits);
  v_messages := howdah_private.write_fork_log(v_execution, v_run, v_seq, v_sent.content,
    v_has_other_data);
  update howdah.executions as e set step_count = v_seq + 1, message_count = v_messages,
    trust = greatest(e.trust, howdah_private.trust_of_log(v_execution, v_seq)),
    handoffs = (
      select count(*) from howdah.steps as s where s.execution_id = v_id and s.kind = 'handoff')
  where e.id = v_id;
  perform howdah_private.audit_action(v_execution.tenant_id, 'fork', 'executions',
    v_execution.id::text,
    jsonb_build_object('status', v_execution.status, 'seq', v_seq, 'fork_id', v_id),
    case when v_has_other_data
      then jsonb_build_object('input', v_sent.content, 'input_data', v_run.input_data)
      else to_jsonb(v_sent.content) end);
  return howdah_private.execution_row(v_id);
end $$;
comment on function howdah.fork_execution(uuid, int, text, int, jsonb, jsonb, jsonb) is
  'Forks a run: creates a new run with copies of the first steps of another run, which continues '
  'from there. Without seq, copies all steps. input replaces the input at seq 0 and is added '
  'otherwise. input_data replaces the data of the run, and changes sets single places in it, such '
  'as {"order.number": 1001}, at most 100. Both require seq 0, which is then the default. '
  'overrides replace those of the run by name, such as {"model": "careful"}; null removes one, and '
  'request_params are merged. '
  'Raises HWINV if there is no such step or place, HWNTF if there is no such version, HWCNF for '
  'a compensating run, or for changes of encrypted data.';
