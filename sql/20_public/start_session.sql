-- A conversation with an agent. Nothing runs yet: its messages do (send_message).
create or replace function howdah.start_session(
  agent text, title text default null, policy howdah.session_policy default 'queue', state jsonb default '{}'
) returns howdah.sessions
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.sessions (agent_id, user_id, title, policy, state)
  values (howdah_private.active_agent(start_session.agent), howdah.current_user_id(), start_session.title,
    coalesce(start_session.policy, 'queue'), coalesce(start_session.state, '{}'))
  returning *
$$;
comment on function howdah.start_session(text, text, howdah.session_policy, jsonb) is
  'Begins a conversation with the agent of this name; send_message says something in it.';

-- The next message runs on another agent, which is told the same history. Runs keep the agent they were made with, so
-- what is in flight, or waits for its turn, goes on undisturbed.
create or replace function howdah.switch_agent(session_id uuid, agent text) returns howdah.sessions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session howdah.sessions := howdah_private.session_of(switch_agent.session_id);
begin
  perform howdah_private.permit_control('session', v_session.id, v_session.agent_id, v_session.user_id);
  perform howdah_private.permit_agent(howdah_private.active_agent(switch_agent.agent), 'run');
  perform howdah_private.lock_senders(v_session.id);
  update howdah.sessions as s
  set agent_id = howdah_private.active_agent(switch_agent.agent), last_activity_at = now()
  where s.id = v_session.id
  returning s.* into v_session;
  return v_session;
end $$;
comment on function howdah.switch_agent(uuid, text) is
  'From the next message on the session is with this agent, which knows what was said; live runs keep theirs.';
