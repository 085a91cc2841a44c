-- Starts a session with an agent, by default the current agent, or with a workflow. Nothing runs
-- until the first message (send_message).
create or replace function howdah.start_session(
  agent text default null, title text default null, policy howdah.session_policy default 'queue',
  state jsonb default '{}', workflow text default null
) returns howdah.sessions
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session howdah.sessions;
begin
  insert into howdah.sessions (agent_id, workflow_id, user_id, title, policy, state)
  select w.agent_id, w.workflow_id, howdah.current_user_id(), start_session.title,
    coalesce(start_session.policy, 'queue'), coalesce(start_session.state, '{}')
  from howdah_private.session_target(start_session.agent, start_session.workflow) as w
  returning * into v_session;
  return v_session;
end $$;
comment on function howdah.start_session(text, text, howdah.session_policy, jsonb, text) is
  'Starts a session with the agent of this name, with the current agent, or with a workflow. Send '
  'messages with send_message.';

-- Switches a session to another agent, which receives the same history, or to a workflow. Existing
-- runs are not affected: live and waiting runs keep their agent.
create or replace function howdah.switch_agent(session_id uuid, agent text default null,
  workflow text default null)
  returns howdah.sessions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session howdah.sessions := howdah_private.find_session(switch_agent.session_id);
  v_next record;
begin
  perform howdah_private.check_control_right('session', v_session.id,
    coalesce(v_session.agent_id, v_session.workflow_id), v_session.user_id);
  select * into v_next
  from howdah_private.session_target(switch_agent.agent, switch_agent.workflow);
  perform howdah_private.check_agent_right(v_next.agent_id, 'run');
  perform howdah_private.check_agent_right(v_next.workflow_id, 'run', 'workflow');
  perform howdah_private.lock_senders(v_session.id);
  update howdah.sessions as s
  set agent_id = v_next.agent_id, workflow_id = v_next.workflow_id, last_activity_at = now()
  where s.id = v_session.id
  returning s.* into v_session;
  return v_session;
end $$;
comment on function howdah.switch_agent(uuid, text, text) is
  'Switches a session to another agent, which receives its history, or to a workflow, from the '
  'next message on. Live runs keep their agent.';
