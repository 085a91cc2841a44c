-- Conversations for the OpenAI-compatible API. Its clients keep the messages themselves, or
-- continue from an earlier answer.

-- Returns messages as entries of a history, without their positions in a run. Encrypted texts stay
-- encrypted: enqueue_copied_input finds them in the new run.
create or replace function howdah_private.history_entries(messages jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    m.message - '{seq,step_seq,covers_from_seq,covers_to_seq,trust}'::text[] order by m.place
  )), '[]')
  from jsonb_array_elements(history_entries.messages) with ordinality as m (message, place)
$$;

-- Describes the run that a new run continues from: its session, and whether it is the last turn
-- there. `said` has the messages up to its end where the session cannot supply them: after an
-- earlier turn, or if the conversation is not stored. All columns are null without an id. Reads
-- with the rights of the caller.
create or replace function howdah_private.previous_turn(
  id uuid, is_kept boolean default true, out session_id uuid, out is_last boolean, out said jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_run record;
begin
  if previous_turn.id is null then
    return;
  end if;
  select e.session_id, e.turn, e.history, s.turns, s.id is not null and e.turn = s.turns as is_last
  into v_run
  from howdah.executions as e left join howdah.sessions as s on s.id = e.session_id
  where e.id = previous_turn.id and e.tenant_id = v_tenant_id and e.parent_execution_id is null;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(previous_turn.id::text, 'null')),
      detail = jsonb_build_object('execution_id', previous_turn.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  session_id := v_run.session_id;
  is_last := v_run.is_last;
  if not (v_run.is_last and previous_turn.is_kept) then
    said := howdah_private.history_entries(case when v_run.session_id is not null
      then howdah_private.session_history(v_tenant_id, v_run.session_id, v_run.turn + 1)
      else coalesce(v_run.history, '[]')
        || howdah_private.execution_messages_of(previous_turn.id) end);
  end if;
end $$;

-- Returns the messages of one run, in order, with the rights of the caller.
create or replace function howdah_private.execution_messages_of(execution_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(howdah_private.message_json(m.seq, m.step_seq, m.role,
    m.content, m.parts, m.tool_calls, m.tool_call_id, m.covers_from_seq, m.covers_to_seq, m.trust
    ) order by m.seq)), '[]')
  from howdah.messages as m where m.execution_id = execution_messages_of.execution_id
$$;

-- Starts a run that continues from another run, or a new conversation. After the last turn of a
-- session, the run is its next turn. After an earlier turn, or after a run without a session, the
-- run starts a conversation of its own, whose history has the messages up to that point. Of
-- requests that continue from one run at once, the first is its next turn and the others branch.
create or replace function howdah_private.begin_conversation(
  model text, input text, input_parts jsonb, history jsonb, client_tools jsonb, metadata jsonb,
  previous uuid, is_kept boolean, is_followed boolean, idempotency_key text
) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow_id uuid := howdah_private.workflow_by_name(begin_conversation.model);
  v_agent_id uuid := case when v_workflow_id is null
    then howdah.agent(begin_conversation.model) end;
  v_id uuid := howdah.uuid_v7();
  v_first uuid := v_id;
  v_previous record;
  v_session_id uuid;
begin
  if begin_conversation.idempotency_key is not null then
    v_first := howdah_private.reserve_run_key(
      begin_conversation.idempotency_key, v_id, coalesce(v_agent_id, v_workflow_id)
    );
  end if;
  select * into v_previous
  from howdah_private.previous_turn(begin_conversation.previous, begin_conversation.is_kept);
  if v_first = v_id and v_previous.is_last and is_kept then
    perform howdah_private.lock_senders(v_previous.session_id);
    select * into v_previous -- again: another request may have taken the next turn
    from howdah_private.previous_turn(begin_conversation.previous, begin_conversation.is_kept);
  end if;
  if v_first = v_id then
    v_session_id := case when v_previous.is_last and is_kept then v_previous.session_id end;
    if v_session_id is null and is_kept then
      select s.id into v_session_id from howdah.start_session(
        case when v_workflow_id is null then model end,
        workflow => case when v_workflow_id is not null then model end
      ) as s;
    end if;
    insert into howdah.executions (
      agent_id, workflow_id, session_id, input, input_parts, history, client_tools, metadata,
      idempotency_key
    ) values (
      v_agent_id, v_workflow_id, v_session_id, coalesce(begin_conversation.input, ''),
      begin_conversation.input_parts,
      nullif(
        case when v_session_id = v_previous.session_id then '[]'
          else coalesce(v_previous.said, '[]') end
          || coalesce(begin_conversation.history, '[]'),
        '[]'
      ),
      begin_conversation.client_tools, coalesce(begin_conversation.metadata, '{}'),
      begin_conversation.idempotency_key
    ) returning executions.id into v_first;
    perform howdah_private.lower_trust_to_source(v_first, begin_conversation.previous)
    where v_previous.said is not null;
  end if;
  perform howdah_private.register_follower(v_first) where is_followed;
  return v_first;
end $$;

-- Lowers the trust of a new run to that of the runs whose messages it continues from. A history
-- does not carry their trust.
create or replace function howdah_private.lower_trust_to_source(execution_id uuid, previous uuid)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_trust howdah.trust;
begin
  select greatest(coalesce(h.trust, p.trust), (
    select max(coalesce(o.trust, e.trust)) from howdah.executions as e
    left join howdah_private.run_heads as o on o.execution_id = e.id
    where e.tenant_id = v_tenant_id and e.session_id = p.session_id and e.turn <= p.turn
      and (e.completed_at is not null or e.history is not null) and e.parent_execution_id is null
  )) into v_trust
  from howdah.executions as p left join howdah_private.run_heads as h on h.execution_id = p.id
  where p.id = lower_trust_to_source.previous and p.tenant_id = v_tenant_id;
  perform howdah_private.check_control_right(
    'execution', e.id, coalesce(e.agent_id, e.workflow_id), e.user_id
  )
  from howdah.executions as e
  where e.id = lower_trust_to_source.execution_id and e.tenant_id = v_tenant_id;
  update howdah.executions as e set trust = greatest(e.trust, v_trust)
  where e.id = lower_trust_to_source.execution_id and e.tenant_id = v_tenant_id
    and e.status = 'queued';
end $$;

-- Registers a listener for a run before its first step, for a caller who starts the run and follows
-- it. The registration by the process that follows would come after the claim. Runs of other
-- tenants are not followed. The id of the run is also the id of the listener, so the run has one
-- row, however often a caller asks for it.
create or replace function howdah_private.register_follower(execution_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  perform howdah_private.watch(e.id::uuid, array[e.id::uuid]) from howdah.executions as e
  where e.id = register_follower.execution_id and e.tenant_id = v_tenant_id
    and e.completed_at is null;
end $$;

-- Reports whether a question stands for a call of a client tool, which the client of the run makes
-- itself.
create or replace function howdah_private.is_client_call(q howdah.questions) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as e
    where e.id = q.execution_id and e.tenant_id = q.tenant_id and q.kind = 'question'
      and e.client_tools @> jsonb_build_array(jsonb_build_object('name', q.tool_call ->> 'name'))
  )
$$;

-- Stores the results of all client calls that a run waits for: [{question_id, output}]. Calls that
-- already have a result keep it, so a repeated request continues where the first one did. That
-- holds while the first one is stored, too. `since` is the step up to which the client knows the
-- run.
create or replace function howdah_private.answer_client_calls(
  results jsonb, out execution_id uuid, out since int
)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_missing text;
  v_ids uuid[];
  v_result record;
begin
  select array_agg(distinct q.execution_id) filter (where q.id is not null),
    min(r.place) filter (where q.id is null)
  into v_ids, v_missing
  from jsonb_array_elements(answer_client_calls.results) with ordinality as r (result, place)
  left join howdah.questions as q on q.id = (r.result ->> 'question_id')::uuid
    and q.tenant_id = v_tenant_id and howdah_private.is_client_call(q);
  if v_missing is not null or cardinality(v_ids) is distinct from 1 then
    raise exception using errcode = case when v_missing is null then 'HWINV' else 'HWNTF' end,
      message = case when v_ids is null and v_missing is null then 'no tool result was sent'
        when v_missing is null then 'the results belong to calls of several runs'
        else format('no tool call %s is waiting for a result',
          answer_client_calls.results #>> array[(v_missing::int - 1)::text, 'question_id']) end,
      detail = jsonb_build_object('field', 'tool_call_id')::text,
      hint = 'Send the results of the tool calls of the last answer, each with the id of its call.';
  end if;
  execution_id := v_ids[1];
  select q.call_id into v_missing from howdah.questions as q
  where q.execution_id = v_ids[1] and q.status = 'open' and howdah_private.is_client_call(q)
    and not answer_client_calls.results
      @> jsonb_build_array(jsonb_build_object('question_id', q.id)) limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = 'a tool result is missing: all tool calls of an answer need a result at once',
      detail = jsonb_build_object('field', 'tool_call_id', 'execution_id', execution_id)::text,
      hint = 'Send one result for each tool call of the last answer.';
  end if;
  for v_result in
    select q.id, r.result -> 'output' as output
    from jsonb_array_elements(answer_client_calls.results) as r (result)
    join howdah.questions as q on q.id = (r.result ->> 'question_id')::uuid
    where q.status <> 'answered'
  loop
    begin
      perform howdah.answer_question(v_result.id, null, v_result.output);
    exception when sqlstate 'HWCNF' then
      if not exists (
        select from howdah.questions as q where q.id = v_result.id and q.status = 'answered'
      ) then
        raise;
      end if;
    end;
  end loop;
  select max(s.seq) into since from howdah.steps as s
  where s.execution_id = v_ids[1] and s.kind = 'question'
    and answer_client_calls.results
      @> jsonb_build_array(jsonb_build_object('question_id', s.input ->> 'question_id'));
  perform howdah_private.register_follower(execution_id);
end $$;

-- Returns the state of a run for a client that knows its steps up to `since`: status, later model
-- answers, open questions and usage. `is_whole` is true for a workflow and for an agent with an
-- output_schema, where only the final output counts. Reads with the rights of the caller.
create or replace function howdah_private.conversation_since(execution_id uuid, since int)
  returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  return (select jsonb_build_object(
    'status', e.status, 'stop_reason', e.stop_reason, 'finish_reason', e.finish_reason,
    'error', e.error, 'output', e.output,
    'step_count', coalesce(h.step_count, e.step_count),
    'created_at', floor(extract(epoch from e.created_at)),
    'ended_at', floor(extract(epoch from e.completed_at)),
    'is_whole', e.workflow_id is not null
      or coalesce(jsonb_typeof(v.definition #> '{agent,output_schema}') = 'object', false),
    'tokens_in', u.tokens_in + c.tokens_in, 'tokens_out', u.tokens_out + c.tokens_out,
    'answers', a.answers, 'questions', q.questions)
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  left join howdah.agent_versions as v on v.id = e.agent_version_id and v.tenant_id = e.tenant_id
  cross join lateral (
    select coalesce(sum(s.tokens_in), 0) as tokens_in, coalesce(sum(s.tokens_out), 0) as tokens_out
    from howdah.steps as s where s.execution_id = e.id and s.seq > conversation_since.since
  ) as u
  cross join lateral (
    select coalesce(sum(coalesce(y.tokens_in, x.tokens_in) + x.children_tokens_in), 0)
        as tokens_in,
      coalesce(sum(coalesce(y.tokens_out, x.tokens_out) + x.children_tokens_out), 0)
        as tokens_out
    from howdah.executions as x
    left join howdah_private.run_heads as y on y.execution_id = x.id
    join howdah.steps as s
      on s.execution_id = e.id and s.kind = 'child_started' and s.seq > conversation_since.since
      and s.output ->> 'execution_id' = x.id::text
    where x.parent_execution_id = e.id
  ) as c
  cross join lateral (
    select coalesce(to_jsonb(array_agg(jsonb_build_object(
      'seq', m.step_seq, 'content', coalesce(m.content, ''), 'has_calls', m.tool_calls is not null
    ) order by m.seq)), '[]') as answers
    from howdah.messages as m
    where m.execution_id = e.id and m.role = 'assistant' and m.step_seq > conversation_since.since
  ) as a
  cross join lateral (
    select coalesce(to_jsonb(array_agg(jsonb_build_object(
      'id', x.id, 'prompt', x.prompt, 'options', x.options, 'tool_call', x.tool_call,
      'is_client_call', howdah_private.is_client_call(x)
    ) order by x.created_at, x.id)), '[]') as questions
    from howdah.questions as x
    where x.tenant_id = e.tenant_id and x.root_execution_id = e.id
      and x.status = 'open' and x.kind = 'question'
  ) as q
  where e.id = conversation_since.execution_id and e.tenant_id = v_tenant_id
    and e.parent_execution_id is null);
end $$;

-- Returns the agents and workflows that the caller may run, in the form of models. An agent
-- precedes a workflow of the same name.
create or replace function howdah_private.runnable_models(name text default null)
  returns table (id text, created bigint, owned_by text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with named as (
    select a.id, a.name, a.created_at, 1 as place from howdah.agents as a
    where a.tenant_id = howdah.current_tenant() and a.is_active and a.deleted_at is null
    union all
    select w.id, w.name, w.created_at, 2 from howdah.workflows as w
    where w.tenant_id = howdah.current_tenant() and w.is_active and w.deleted_at is null
  )
  select distinct on (n.name) n.name, floor(extract(epoch from n.created_at))::bigint, 'howdah'
  from named as n
  where coalesce(n.name = runnable_models.name, true) and howdah_private.may('executions', 'run')
    and (howdah_private.is_trusted() or howdah_private.agent_permission(n.id) >= 'run')
  order by n.name, n.place
$$;
