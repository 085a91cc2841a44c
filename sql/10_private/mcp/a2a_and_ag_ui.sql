-- Supports the protocols for remote agents (A2A) and user interfaces (AG-UI): the card of an agent
-- and the state of a run for its client. All functions run with the privileges of the caller.

-- Returns the card of an agent, or of a workflow if no agent has this name; without a name, of the
-- current agent. Returns null if the caller sees none.
create or replace function howdah_private.agent_card(name text default null) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_name text := coalesce(agent_card.name, (howdah.current_agent()).name);
begin
  return coalesce((
    select jsonb_build_object('name', a.name, 'description', a.description,
      'capabilities', a.capabilities,
      'is_structured', a.output_schema is not null, 'version', coalesce(v.version, 1),
      'skills', coalesce((
        select to_jsonb(array_agg(jsonb_build_object('name', s.name, 'description', s.description)
          order by g.position, s.name))
        from howdah.agent_skills as g
        join howdah.skills as s on s.tenant_id = g.tenant_id and s.id = g.skill_id
        where g.tenant_id = a.tenant_id and g.agent_id = a.id and s.is_active
      ), '[]'))
    from howdah.agents as a left join howdah.agent_versions as v on v.tenant_id = a.tenant_id
      and v.id = a.current_version_id
    where a.tenant_id = v_tenant_id and a.name = v_name and a.is_active and a.deleted_at is null
  ), (
    select jsonb_build_object('name', w.name, 'description',
      coalesce(nullif(w.description, ''), w.instruction), 'capabilities', '[]'::jsonb,
      'is_structured', false, 'version', coalesce(v.version, 1), 'skills', '[]'::jsonb)
    from howdah.workflows as w
    left join howdah.workflow_versions as v on v.tenant_id = w.tenant_id
      and v.id = w.current_version_id
    where w.tenant_id = v_tenant_id and w.name = v_name and w.is_active and w.deleted_at is null
  ));
end $$;

-- Returns the state of a run: howdah_private.conversation_since, with its open questions of any
-- kind and the files it made. Returns null if `of_name` is given and the run belongs to another
-- agent or workflow.
create or replace function howdah_private.conversation_state(
  execution_id uuid, since int, of_name text default null
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  return (
    select howdah_private.conversation_since(conversation_state.execution_id,
      conversation_state.since) || jsonb_build_object(
      'id', e.id, 'session_id', e.session_id, 'name', coalesce(a.name, w.name),
      'output_data', e.output_data,
      'cost', coalesce((
        select h.cost from howdah_private.run_heads as h where h.execution_id = e.id
      ), e.cost) + e.children_cost,
      'waiting_for', e.waiting_for, 'metadata', e.metadata,
      'changed_at', coalesce(e.completed_at, (
        select h.updated_at from howdah_private.run_heads as h where h.execution_id = e.id
      ), e.updated_at),
      'questions', coalesce((
        select to_jsonb(array_agg(jsonb_build_object('id', q.id, 'kind', q.kind, 'prompt', q.prompt,
          'options', q.options, 'schema', q.schema,
          'tool_call', q.tool_call, 'call_id', case when q.execution_id = e.id then q.call_id end,
          'expires_at', q.expires_at,
          'is_client_call', howdah_private.is_client_call(q)) order by q.created_at, q.id))
        from howdah.questions as q
        where q.tenant_id = v_tenant_id and q.root_execution_id = e.id and q.status = 'open'
      ), '[]'),
      'files', coalesce((
        select to_jsonb(array_agg(jsonb_build_object('id', r.id, 'name', r.name, 'type', r.type)
          order by r.id))
        from howdah.resources as r where r.tenant_id = v_tenant_id and r.execution_id = e.id
      ), '[]'))
    from howdah.executions as e
    left join howdah.agents as a on a.tenant_id = e.tenant_id and a.id = e.agent_id
    left join howdah.workflows as w on w.tenant_id = e.tenant_id and w.id = e.workflow_id
    where e.id = conversation_state.execution_id and e.tenant_id = v_tenant_id
      and e.parent_execution_id is null
      and coalesce(coalesce(a.name, w.name) = conversation_state.of_name,
        conversation_state.of_name is null)
  );
end $$;

-- Returns the last messages between a run and its user, in order. Null returns all.
create or replace function howdah_private.conversation_messages(
  execution_id uuid, max_messages int default null
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('id', m.id, 'role', m.role, 'content', m.content)
    order by m.seq)), '[]')
  from (
    select x.id, x.role, x.content, x.seq from howdah.messages as x
    where x.execution_id = conversation_messages.execution_id
      and x.tenant_id = howdah.current_tenant()
      and x.role in ('user', 'assistant') and x.content <> '' and x.covers_to_seq is null
    order by x.seq desc limit conversation_messages.max_messages
  ) as m
$$;

-- Begins a run as the next turn of a session of the same agent or workflow, or as the first turn of
-- a new session, and follows its feed from the first step. A repeated idempotency key returns the
-- first run.
create or replace function howdah_private.begin_task(
  name text, input text, input_data jsonb, input_parts jsonb, session_id uuid, metadata jsonb,
  idempotency_key text
) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_workflow_id uuid := howdah_private.workflow_by_name(begin_task.name);
  v_agent_id uuid := case when v_workflow_id is null then howdah.agent(begin_task.name) end;
  v_session_id uuid := begin_task.session_id;
  v_id uuid := howdah.uuid_v7();
  v_first uuid := v_id;
begin
  if begin_task.idempotency_key is not null then
    v_first := howdah_private.reserve_run_key(begin_task.idempotency_key, v_id,
      coalesce(v_agent_id, v_workflow_id));
  end if;
  if v_first = v_id then
    if v_session_id is null then
      select s.id into v_session_id from howdah.start_session(
        case when v_workflow_id is null then begin_task.name end,
        workflow => case when v_workflow_id is not null then begin_task.name end) as s;
    elsif not exists (
      select from howdah.sessions as s
      where s.id = v_session_id and s.tenant_id = v_tenant_id
        and coalesce(s.agent_id, s.workflow_id) = coalesce(v_agent_id, v_workflow_id)
    ) then
      raise exception using errcode = 'HWNTF',
        message = format('there is no session %s of %s', v_session_id, begin_task.name),
        detail = jsonb_build_object('session_id', v_session_id)::text,
        hint = 'Omit it to begin a new session. The answer contains its id.';
    end if;
    insert into howdah.executions (agent_id, workflow_id, session_id, input, input_data,
      input_parts, metadata, idempotency_key)
    values (v_agent_id, v_workflow_id, v_session_id, coalesce(begin_task.input, ''),
      begin_task.input_data,
      begin_task.input_parts, coalesce(begin_task.metadata, '{}'), begin_task.idempotency_key)
    returning executions.id into v_first;
  end if;
  perform howdah_private.register_follower(v_first);
  return v_first;
end $$;

-- Parses an answer of a user interface: a text, {answer, data}, or for an approval {approved} with
-- a reason or edited arguments. Anything else is data.
create or replace function howdah_private.parse_interrupt_answer(
  payload jsonb, out answer text, out data jsonb
)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_approved jsonb := case jsonb_typeof(payload) when 'boolean' then payload
    when 'object' then payload -> 'approved' end;
begin
  if jsonb_typeof(payload) = 'string' then
    answer := payload #>> '{}';
  elsif jsonb_typeof(v_approved) = 'boolean' then
    answer := case when v_approved::boolean then 'approve' else 'reject' end;
    data := case when jsonb_typeof(payload) = 'object'
      then payload -> case when v_approved::boolean then 'arguments' else 'reason' end end;
  elsif jsonb_typeof(payload -> 'answer') = 'string' then
    answer := payload ->> 'answer';
    data := payload -> 'data';
  else
    data := payload;
  end if;
end $$;

-- Answers interrupts of one run of this agent or workflow: [{interruptId, status, payload}]. A
-- cancelled interrupt cancels the run. Only steps after `since` are new to the client.
create or replace function howdah_private.answer_interrupts(
  name text, entries jsonb, out execution_id uuid, out since int
)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_roots uuid[];
  v_missing text;
  v_state jsonb;
begin
  select array_agg(distinct q.root_execution_id),
    min(n.entry ->> 'interruptId') filter (where q.id is null)
  into v_roots, v_missing
  from jsonb_array_elements(answer_interrupts.entries) as n (entry)
  left join howdah.questions as q on q.tenant_id = v_tenant_id
    and q.id::text = lower(n.entry ->> 'interruptId');
  if v_missing is null and cardinality(v_roots) = 1 then
    v_state := howdah_private.conversation_state(v_roots[1], 0, answer_interrupts.name);
  end if;
  if v_state is null then
    v_missing := coalesce(v_missing, answer_interrupts.entries #>> '{0,interruptId}');
    raise exception using
      errcode = case when cardinality(v_roots) > 1 then 'HWINV' else 'HWNTF' end,
      message = case when cardinality(v_roots) > 1 then 'the interrupts belong to several runs'
        else format('there is no interrupt %s', v_missing) end,
      detail = jsonb_build_object('field', 'resume')::text,
      hint = 'Send the interrupts from the end of the last run of the thread.';
  end if;
  execution_id := v_roots[1];
  since := (v_state ->> 'step_count')::int;
  if jsonb_path_exists(answer_interrupts.entries, '$[*] ? (@.status == "cancelled")') then
    perform howdah.cancel_execution(execution_id);
    return;
  end if;
  perform howdah.answer_question((n.entry ->> 'interruptId')::uuid, a.answer, a.data)
  from jsonb_array_elements(answer_interrupts.entries) with ordinality as n (entry, place)
  cross join lateral howdah_private.parse_interrupt_answer(n.entry -> 'payload') as a;
  perform howdah_private.register_follower(execution_id);
end $$;
