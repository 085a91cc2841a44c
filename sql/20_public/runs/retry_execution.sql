-- Retries a failed or cancelled run after its last good step: same id, same log, with a `retry`
-- step. A limit that was used up is granted once more. Open questions and children of the failed
-- attempt are asked and started again. A call with an unknown outcome stays a question of kind
-- effect. A run of a session takes the turn, or waits for it.
create or replace function howdah.retry_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_to_continue(retry_execution.id);
  v_live uuid;
begin
  perform howdah_private.check_retry(v_execution);
  perform howdah_private.permit_version(
    coalesce(v_execution.workflow_version_id,
      howdah_private.version_after(v_execution.id, v_execution.step_count)));
  perform howdah_private.permit_override_model(v_execution);
  if v_execution.session_id is not null and v_execution.parent_execution_id is null then
    select coalesce(s.live_execution_id, v_execution.id) into v_live
    from howdah.sessions as s where s.id = v_execution.session_id for no key update;
    update howdah.sessions as s
    set live_execution_id = v_live, last_activity_at = now(),
      late_turns = howdah_private.add_late_turn(s, v_execution.turn)
    where s.id = v_execution.session_id;
  end if;
  update howdah.executions as e
  set status = case when v_live <> e.id then 'waiting' else 'queued' end::howdah.execution_status,
    waiting_for = case when v_live <> e.id then 'turn' end::howdah.waiting_reason,
    stop_reason = null, finish_reason = null, error = null, output = null, output_data = null,
    completed_at = null,
    crashes_without_progress = 0, at_risk = false, live_children = 0, members_waiting = 0,
    wake_at = null,
    step_count = e.step_count + 1, messages_at_retry = e.message_count, updated_at = now(),
    first_limits = coalesce(e.first_limits, jsonb_build_object('max_steps', e.max_steps,
      'max_tokens', e.max_tokens, 'max_cost', e.max_cost, 'max_seconds', e.max_seconds))
  where e.id = v_execution.id;
  perform howdah_private.grant_limit(v_execution.id, v_execution.stop_reason);
  insert into howdah.steps (execution_id, seq, tenant_id, kind, name, input, error)
  values (v_execution.id, v_execution.step_count + 1, v_execution.tenant_id, 'retry',
    'retry_execution',
    jsonb_build_object('by', howdah_private.actor(), 'stop_reason', v_execution.stop_reason),
    coalesce(v_execution.error,
      jsonb_build_object('code', 'cancelled', 'message', 'the run was cancelled',
      'retryable', true)));
  perform howdah_private.reopen_questions(v_execution);
  perform howdah_private.enqueue_decryption(v_execution.id);
  perform howdah_private.enqueue_advance(array[v_execution.id::uuid])
    where v_live is null or v_live = v_execution.id;
  perform howdah_private.announce_watched(array[v_execution.id::uuid]);
  perform howdah_private.audit_control(v_execution, 'retry');
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.retry_execution(uuid) is
  'Retries a failed or cancelled run after its last good step, under the same id. A limit that '
  'was used up is granted once more. In a session the run takes the turn or waits for it. Raises '
  'HWTRM if the run completed, HWCNF if it is live, is a child or has compensated effects.';
