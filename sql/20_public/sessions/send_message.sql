-- Sends a message of a person to a session. The message begins a run of the session's agent, as the
-- sender. While a run is live, the policy of the session decides what the message does
-- (assign_turns and interrupt_session for queue, reject and interrupt). Only steer needs no new
-- run: the message reaches the live run, unless that run belongs to another user.
create or replace function howdah.send_message(session_id uuid, content text,
  input_parts jsonb default null)
  returns howdah.sessions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session howdah.sessions := howdah_private.find_session(send_message.session_id);
  v_parts constant jsonb := nullif(send_message.input_parts, 'null');
begin
  perform howdah_private.check_control_right('session', v_session.id,
    coalesce(v_session.agent_id, v_session.workflow_id), v_session.user_id);
  perform howdah_private.check_message_content(v_session.tenant_id, send_message.content, v_parts);
  perform howdah_private.lock_senders(v_session.id);
  -- its agent or policy may have changed meanwhile
  v_session := howdah_private.find_session(v_session.id);
  if v_session.policy <> 'steer'
    or not howdah_private.steer_session(v_session.id, send_message.content, v_parts) then
    if num_nonnulls(v_session.agent_id, v_session.workflow_id) = 0 then
      raise exception using errcode = 'HWINV',
        message = format('session %s has no agent', v_session.id),
        detail = jsonb_build_object('field', 'agent_id', 'session_id', v_session.id)::text,
        hint = 'Assign an agent with howdah.switch_agent(id, agent).';
    end if;
    insert into howdah.executions (tenant_id, agent_id, workflow_id, session_id, input,
      input_parts, user_id)
    values (v_session.tenant_id, v_session.agent_id, v_session.workflow_id, v_session.id,
      coalesce(send_message.content, ''), v_parts, howdah_private.author(v_session.user_id));
  end if;
  return howdah_private.find_session(v_session.id);
end $$;
comment on function howdah.send_message(uuid, text, jsonb) is
  'Sends a message to a session. The message starts a run of the agent of the session. While a '
  'run is live, the policy of the session decides.';

-- Adds input to a live or paused run, which receives it at its next step. A concurrent commit of
-- the final answer either comes first, and the run has ended, or comes later, and the run
-- continues.
create or replace function howdah.add_input(execution_id uuid, content text,
  input_parts jsonb default null)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_for_control(add_input.execution_id);
  v_sent record;
begin
  perform howdah_private.check_author('execution', v_execution.id, v_execution.user_id);
  perform howdah_private.check_message_content(v_execution.tenant_id, add_input.content,
    add_input.input_parts);
  if v_execution.completed_at is not null then
    perform howdah_private.raise_ended(v_execution, 'steered');
  end if;
  v_sent := howdah_private.filter_message(
    v_execution, add_input.content, add_input.input_parts);
  if not howdah_private.add_user_input(v_execution, v_sent.content, v_sent.parts) then
    raise exception using errcode = 'HWCNF',
      message = format('workflow run %s has no active agent that could receive input',
        v_execution.id),
      detail = jsonb_build_object('execution_id', v_execution.id,
        'status', v_execution.status)::text,
      hint = 'Answer its open question, or send the input when its next member has started.';
  end if;
  perform howdah_private.record_input_hits(v_execution.id, v_sent.hits);
  perform howdah_private.audit_control(v_execution, 'add_input',
    jsonb_build_object('content', v_sent.content, 'input_parts', v_sent.parts));
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.add_input(uuid, text, jsonb) is
  'Adds input to a live run, which receives it at its next step. All active agents below the run '
  'of a workflow receive it. Raises HWTRM if the run has ended, HWDEN if it belongs to another '
  'user, HWCNF if no agent is active below the run of a workflow.';
