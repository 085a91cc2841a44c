-- Forks a session: creates a new session with the conversation up to the end of a turn, and sends a
-- message in it. The first run of the new session holds the conversation as its history, like the
-- run of a client that keeps the conversation itself. Later changes of the original do not affect
-- the fork, and no usage is counted twice.
create or replace function howdah.fork_session(
  session_id uuid, content text, turn int default null, input_parts jsonb default null
) returns howdah.sessions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session howdah.sessions := howdah_private.find_session(fork_session.session_id);
  v_user_id uuid := howdah_private.author(v_session.user_id);
  v_turn int;
  v_trust howdah.trust;
  v_history jsonb;
  v_id uuid;
begin
  perform howdah_private.check_control_right('session', v_session.id,
    coalesce(v_session.agent_id, v_session.workflow_id), v_session.user_id);
  -- a concurrent erasure either commits before this lock, and the fork copies nothing erased, or
  -- finds the fork
  perform from howdah.sessions as s where s.id = v_session.id for key share;
  v_session := howdah_private.find_session(v_session.id);
  v_turn := coalesce(fork_session.turn, v_session.turns);
  -- a chat sends the encrypted input of an earlier turn again, which enqueue_copied_input checks
  perform howdah_private.check_message_content(v_session.tenant_id,
    case when howdah_private.is_encrypted(fork_session.content) then '[encrypted]'
      else fork_session.content end,
    case when not howdah_private.is_encrypted_json(fork_session.input_parts)
      then fork_session.input_parts end)
  where not (howdah_private.is_encrypted_json(fork_session.input_parts)
    and coalesce(fork_session.content, '') = '');
  perform howdah_private.check_forked_turn(v_session, v_turn);
  v_history := howdah_private.messages_before_turn(v_session.tenant_id, v_session.id, v_turn);
  perform howdah_private.check_fork_size(v_turn, v_history);
  select max(coalesce(h.trust, e.trust)) into v_trust from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.tenant_id = v_session.tenant_id and e.session_id = v_session.id and e.turn <= v_turn
    and (e.completed_at is not null or e.history is not null);
  insert into howdah.sessions (
    tenant_id, agent_id, workflow_id, user_id, title, policy, forked_from_session_id,
    forked_from_turn
  ) values (
    v_session.tenant_id, v_session.agent_id, v_session.workflow_id, v_user_id, v_session.title,
    v_session.policy, v_session.id, v_turn
  ) returning sessions.id into v_id;
  insert into howdah.executions (
    tenant_id, agent_id, workflow_id, session_id, input, input_parts, user_id, history
  ) values (
    v_session.tenant_id, v_session.agent_id, v_session.workflow_id, v_id,
    coalesce(fork_session.content, ''),
    nullif(fork_session.input_parts, 'null'), v_user_id, nullif(v_history, '[]')
  );
  update howdah.executions as e set trust = greatest(e.trust, v_trust)
  where e.tenant_id = v_session.tenant_id and e.session_id = v_id;
  return howdah_private.find_session(v_id);
end $$;
comment on function howdah.fork_session(uuid, text, int, jsonb) is
  'Creates a session with the agent of another session and its conversation up to the end of a '
  'turn, by default the last turn, and sends a message in it. The original session does not '
  'change. Raises HWCNF while one of these turns is live, HWDEN if the caller may not see the '
  'agent of a turn, HWINV if the conversation has more than 2,000 messages or 8 MB.';
