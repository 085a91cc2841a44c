-- Chats of user interfaces (useChat of the AI SDK). The interface chooses the id of a chat; a
-- session stores the conversation. A chat points to one session of its user. To answer a message
-- again, the chat moves to a fork of that session, and the earlier session stays as it was.

-- Returns the key of a chat. Users see only their own chats, so two users may choose the same id.
create or replace function howdah_private.chat_key(chat_id text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(howdah.current_user_id()::text, '') || '/' || chat_key.chat_id
$$;

-- Returns the session of a chat of the caller, or null. The id of a session of the caller is also
-- the id of a chat.
create or replace function howdah_private.chat_session(chat_id text) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select s.id from howdah.sessions as s
  where s.tenant_id = howdah.current_tenant()
    and s.user_id is not distinct from howdah.current_user_id()
    and (s.chat_key = howdah_private.chat_key(chat_session.chat_id)
      or s.id = howdah_private.parse_id(chat_session.chat_id))
  order by s.chat_key is null limit 1
$$;

-- Points a chat to another session of the caller. With `message_id`, the first run of the session,
-- which a fork has made, answers this message of the chat.
create or replace function howdah_private.bind_chat(
  chat_id text, session_id uuid, message_id text default null
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_key constant text := howdah_private.chat_key(bind_chat.chat_id);
begin
  update howdah.executions as e
  set metadata = e.metadata || jsonb_build_object(
    'chat_id', left(bind_chat.chat_id, 200), 'chat_message_id', left(bind_chat.message_id, 200))
  where bind_chat.message_id is not null and e.tenant_id = v_tenant_id
    and e.session_id = bind_chat.session_id and e.turn = 1 and e.parent_execution_id is null
    and e.user_id is not distinct from howdah.current_user_id();
  update howdah.sessions as s set chat_key = null
  where s.tenant_id = v_tenant_id and s.chat_key = v_key and s.id <> bind_chat.session_id;
  update howdah.sessions as s set chat_key = v_key
  where s.tenant_id = v_tenant_id and s.id = bind_chat.session_id and s.chat_key is null
    and s.user_id is not distinct from howdah.current_user_id();
end $$;

-- Serializes requests that start a run in a chat, since each may find that the chat has no session.
create or replace function howdah_private.lock_chat(chat_id text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.lock_chat_key(
    howdah.current_tenant(), howdah_private.chat_key(lock_chat.chat_id))
$$;

-- Locks the key of a chat in a tenant, also a chat of an inbound hook.
create or replace function howdah_private.lock_chat_key(tenant_id uuid, key text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended(
    'howdah.senders ' || lock_chat_key.tenant_id || lock_chat_key.key, 0))
$$;

-- Begins a run as the next turn of a chat, or as the first turn of a new chat. Without a name, the
-- agent or workflow of the chat answers; in a new chat, the current agent. Another name switches
-- the session to it.
create or replace function howdah_private.send_to_chat(
  chat_id text, name text, input text, input_parts jsonb, metadata jsonb, idempotency_key text
) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session record;
  v_name text;
  v_id uuid;
  v_workflow_id uuid;
begin
  perform howdah_private.lock_chat(send_to_chat.chat_id);
  select s.id, coalesce(a.name, w.name) as name into v_session
  from howdah.sessions as s
  left join howdah.agents as a on a.tenant_id = s.tenant_id and a.id = s.agent_id
  left join howdah.workflows as w on w.tenant_id = s.tenant_id and w.id = s.workflow_id
  where s.id = howdah_private.chat_session(send_to_chat.chat_id);
  v_name := coalesce(send_to_chat.name, v_session.name, (howdah.current_agent()).name);
  if v_name is null then
    raise exception using errcode = 'HWINV',
      message = 'agent is missing, and there is no default agent',
      detail = jsonb_build_object('field', 'agent')::text,
      hint = 'Set agent in the body of the transport, or use howdah.set_default_agent(agent).';
  end if;
  if v_session.id is not null and v_name is distinct from v_session.name then
    v_workflow_id := howdah_private.workflow_by_name(v_name);
    perform howdah.switch_agent(v_session.id, case when v_workflow_id is null then v_name end,
      case when v_workflow_id is not null then v_name end);
  end if;
  v_id := howdah_private.begin_task(v_name, send_to_chat.input, null, send_to_chat.input_parts,
    v_session.id, send_to_chat.metadata, send_to_chat.idempotency_key);
  if v_session.id is null then
    perform howdah_private.bind_chat(send_to_chat.chat_id,
      (select e.session_id from howdah.executions as e where e.id = v_id));
  end if;
  return v_id;
end $$;

-- Returns the last step of a run before the last answer to one of its questions, or 0. The steps
-- after it are a message of their own, because the answer is a message of the user.
create or replace function howdah_private.answered_up_to(execution_id uuid) returns int
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(coalesce((
    select p.seq from howdah.steps as p
    where p.execution_id = answered_up_to.execution_id and p.kind = 'question'
      and p.input ->> 'question_id' = q.id::text
  ), (
    select max(p.seq) from howdah.steps as p -- a question of a child run
    where p.execution_id = answered_up_to.execution_id and p.finished_at <= q.answered_at
  ))), 0)
  from howdah.questions as q
  where q.tenant_id = howdah.current_tenant()
    and q.root_execution_id = answered_up_to.execution_id
    and q.kind <> 'approval' and q.status = 'answered'
$$;

-- Returns the live run of a chat, and the step up to which it belongs to earlier messages.
create or replace function howdah_private.chat_run(
  chat_id text, out execution_id uuid, out since int
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select s.live_execution_id, howdah_private.answered_up_to(s.live_execution_id)
  from howdah.sessions as s where s.id = howdah_private.chat_session(chat_run.chat_id)
$$;

-- Returns the run that answered a message of a chat. The message is the id of the run, or the id
-- that the interface gave the message of the user. Null means the last turn. Turns that a fork has
-- copied belong to the session that was forked.
create or replace function howdah_private.chat_turn(
  chat_id text, message_id text, out execution_id uuid, out status howdah.execution_status,
  out is_last boolean
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive lineage (id, last_turn, forked_from, forked_turn, depth) as (
    select s.id, s.turns, s.forked_from_session_id, s.forked_from_turn, 0
    from howdah.sessions as s where s.id = howdah_private.chat_session(chat_turn.chat_id)
    union all
    select s.id, l.forked_turn, s.forked_from_session_id, s.forked_from_turn, l.depth + 1
    from lineage as l join howdah.sessions as s on s.id = l.forked_from
  )
  select e.id, e.status, l.depth = 0 and e.turn = l.last_turn
  from lineage as l join howdah.executions as e on e.session_id = l.id
  where e.tenant_id = howdah.current_tenant() and e.parent_execution_id is null
    and e.turn <= l.last_turn and (chat_turn.message_id is null
      or e.id = howdah_private.parse_id(chat_turn.message_id)
      or e.metadata ->> 'chat_message_id' = chat_turn.message_id)
  order by l.depth, e.turn desc limit 1
$$;

-- Answers a message of a chat again, with another input if there is one: begins a run in a fork of
-- the session from before the turn of this run, and points the chat to the fork. A run that is
-- live is cancelled.
create or replace function howdah_private.restart_chat(
  chat_id text, execution_id uuid, input text, input_parts jsonb
) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
  v_id uuid;
  v_session_id uuid;
begin
  perform howdah_private.lock_chat(restart_chat.chat_id);
  select e.turn, e.input, e.input_parts, e.metadata, e.completed_at, s.id as session_id,
    case when e.turn > 1 then s.id else s.forked_from_session_id end as origin,
    case when e.turn > 1 then e.turn - 1 else s.forked_from_turn end as last_turn,
    coalesce(a.name, w.name) as name
  into v_run
  from howdah.executions as e join howdah.sessions as s on s.id = e.session_id
  left join howdah.agents as a on a.tenant_id = s.tenant_id and a.id = s.agent_id
  left join howdah.workflows as w on w.tenant_id = s.tenant_id and w.id = s.workflow_id
  where e.id = restart_chat.execution_id and e.tenant_id = howdah.current_tenant();
  if restart_chat.input is not null then
    v_run.input := restart_chat.input;
    v_run.input_parts := restart_chat.input_parts;
  end if;
  if v_run.completed_at is null then
    perform howdah.cancel_execution(restart_chat.execution_id);
  end if;
  if v_run.origin is null then
    v_id := howdah_private.begin_task(v_run.name, v_run.input, null, v_run.input_parts, null,
      v_run.metadata, null);
    select e.session_id into v_session_id from howdah.executions as e where e.id = v_id;
  else
    select f.id, f.live_execution_id into v_session_id, v_id
    from howdah.fork_session(v_run.origin, v_run.input, v_run.last_turn, v_run.input_parts) as f;
    perform howdah_private.register_follower(v_id);
  end if;
  perform howdah_private.bind_chat(restart_chat.chat_id, v_session_id,
    v_run.metadata ->> 'chat_message_id');
  return v_id;
end $$;
