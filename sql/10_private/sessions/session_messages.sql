-- Parts of the conversation functions: send_message, add_input, switch_agent.

-- Returns a session that the caller may see. A session of another tenant is reported as not found.
create or replace function howdah_private.find_session(id uuid) returns howdah.sessions
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.sessions as x where x.id = find_session.id)
    else howdah.current_tenant() end;
  v_session howdah.sessions;
begin
  select s.* into v_session from howdah.sessions as s
  where s.id = find_session.id and s.tenant_id = v_tenant_id
    and howdah_private.sees_agent(coalesce(s.agent_id, s.workflow_id));
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no session %s', coalesce(find_session.id::text, 'null')),
      detail = jsonb_build_object('session_id', find_session.id)::text,
      hint = 'Use howdah.start_session(agent) to start one. '
        'See howdah.sessions for the sessions that exist.';
  end if;
  return v_session;
end $$;

-- Returns the agent or workflow of a session by its name, by default the current agent. The agent
-- or workflow must be active. Otherwise the next message would be refused.
create or replace function howdah_private.session_target(
  agent text, workflow text, out agent_id uuid, out workflow_id uuid
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls(session_target.agent, session_target.workflow) = 2 then
    raise exception using errcode = 'HWINV', message = 'set agent or workflow, not both',
      detail = jsonb_build_object('field', 'workflow')::text, hint = 'Omit agent or workflow.';
  elsif session_target.workflow is null then
    session_target.agent_id := howdah_private.active_agent(
      coalesce(session_target.agent, (select a.name from howdah.current_agent() as a)));
    return;
  end if;
  session_target.workflow_id := howdah.workflow(session_target.workflow);
  if not exists (
    select from howdah.workflows as w where w.id = session_target.workflow_id and w.is_active
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('workflow %L is not active', session_target.workflow),
      detail = jsonb_build_object(
        'workflow_id', session_target.workflow_id, 'workflow', session_target.workflow
      )::text,
      hint = 'Set its is_active to true, or use another workflow.';
  end if;
end $$;

-- Returns the id of an agent by its name. Refuses an agent that is not active.
create or replace function howdah_private.active_agent(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah.agent(active_agent.name);
begin
  if not exists (select from howdah.agents as a where a.id = v_id and a.is_active) then
    raise exception using errcode = 'HWCNF',
      message = format('agent %L is not active', active_agent.name),
      detail = jsonb_build_object('agent_id', v_id, 'agent', active_agent.name)::text,
      hint = 'Set its is_active to true, or use another agent.';
  end if;
  return v_id;
end $$;

-- Refuses a message that is empty or too large. A message needs a text or at least one part.
create or replace function howdah_private.check_message_content(
  tenant_id uuid, content text, input_parts jsonb
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts jsonb := nullif(nullif(check_message_content.input_parts, 'null'), '[]');
begin
  perform howdah_private.check_parts(check_message_content.tenant_id, v_parts)
  where v_parts is not null;
  if coalesce(check_message_content.content, '') !~ '\S' and v_parts is null then
    raise exception using errcode = 'HWINV', message = 'content is empty',
      detail = jsonb_build_object('field', 'content')::text,
      hint = 'Put the text into content, and images and files into input_parts.';
  end if;
  perform howdah_private.check_input_size('content', octet_length(check_message_content.content),
    howdah_private.max_input_bytes(check_message_content.tenant_id))
  where octet_length(check_message_content.content) > 1024;
end $$;

-- Adds the input of a person to a live run that the caller has locked. The input becomes a step
-- `input` and a message once the owner of the run, or the next worker that claims it, drains the
-- inbox. Input to a workflow goes to all agents that are at work below it. Returns false if there
-- is none.
create or replace function howdah_private.add_user_input(
  run howdah.executions, content text, input_parts jsonb
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array[run.id::uuid];
begin
  if run.workflow_id is not null then
    v_ids := array(
      select e.id::uuid from unnest(howdah_private.lock_below(v_ids)) as f (id)
      join howdah.executions as e on e.id = f.id where e.agent_id is not null order by e.id
    );
  end if;
  insert into howdah_private.inbox (execution_id, tenant_id, kind, content, parts, trust)
  select i.id, run.tenant_id, 'input', coalesce(add_user_input.content, ''),
    nullif(nullif(add_user_input.input_parts, 'null'), '[]'),
    greatest(
      howdah_private.bound_trust(),
      howdah_private.parts_trust(run.tenant_id, add_user_input.input_parts)
    )
  from unnest(v_ids) as i (id);
  perform howdah_private.wake_runs(v_ids) where cardinality(v_ids) > 0;
  return cardinality(v_ids) > 0;
end $$;

-- Serializes senders to one session and switches of its agent. The row lock of the session cannot
-- do so: runs are locked before the session, and any sender may find that the policy has just
-- become `interrupt`.
create or replace function howdah_private.lock_senders(session_id uuid) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended('howdah.senders ' || lock_senders.session_id, 0))
$$;

-- Sends a message to a live run: answers the oldest open question below it, else adds the message
-- to the run. Returns false when nobody receives the message: the run has ended, runs as another
-- user, or no agent of a workflow is at work. This is decided under the lock of the run, which
-- ending the run and asking a question also take.
create or replace function howdah_private.steer(execution_id uuid, content text, input_parts jsonb)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
  v_question_id uuid;
  v_sent record;
  v_is_received boolean;
begin
  perform howdah_private.lock_ancestors(array[steer.execution_id]);
  select e.* into v_run from howdah.executions as e
  where e.id = steer.execution_id and e.completed_at is null;
  if not found then
    return false;
  end if;
  select q.id into v_question_id from howdah.questions as q
  where q.tenant_id = v_run.tenant_id and q.root_execution_id = v_run.id
    and q.status = 'open' and q.kind = 'question'
  order by q.created_at, q.id limit 1;
  if v_question_id is null and not howdah_private.is_author(v_run.user_id) then
    return false;
  elsif v_question_id is null then
    v_sent := howdah_private.filter_message(v_run, steer.content, steer.input_parts);
    v_is_received := howdah_private.add_user_input(v_run, v_sent.content, v_sent.parts);
    perform howdah_private.record_input_hits(v_run.id, v_sent.hits) where v_is_received;
    return v_is_received;
  elsif jsonb_array_length(steer.input_parts) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'the run has an open question, and an answer cannot have input_parts',
      detail = jsonb_build_object('field', 'input_parts', 'question_id', v_question_id)::text,
      hint = 'Answer the question first, or use howdah.add_input to send the parts.';
  else
    perform howdah.answer_question(v_question_id, steer.content);
  end if;
  return true;
end $$;

-- Steers the live run of a session, for a sender who holds the lock of lock_senders. Returns false
-- if no run is live. If the run ends during the call, the next run that has the turn is tried.
create or replace function howdah_private.steer_session(
  session_id uuid, content text, input_parts jsonb
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid;
  v_ended uuid;
begin
  loop
    select s.live_execution_id into v_live from howdah.sessions as s
    where s.id = steer_session.session_id;
    if v_live is null or v_live = v_ended then
      return false;
    elsif howdah_private.steer(v_live, steer_session.content, steer_session.input_parts) then
      update howdah.sessions as s set last_activity_at = now()
      where s.id = steer_session.session_id;
      return true;
    end if;
    v_ended := v_live;
  end loop;
end $$;
