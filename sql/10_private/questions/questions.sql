-- Implements the steps of answering a question: lock, check of the caller, check of the answer, and
-- the update that wakes the run.

-- Locks a question after the lineage of its run, which is the order of all code that locks both,
-- and returns it. The row of the caller comes first (lock_caller).
create or replace function howdah_private.lock_question(id uuid) returns howdah.questions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.questions as x where x.id = lock_question.id)
    else howdah.current_tenant() end;
  v_question howdah.questions;
begin
  perform howdah_private.lock_caller();
  select q.* into v_question from howdah.questions as q
  where q.id = lock_question.id and q.tenant_id = v_tenant_id and exists (
    select from howdah.executions as e where e.id = q.execution_id
      and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id)));
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no question %s', coalesce(lock_question.id::text, 'null')),
      detail = jsonb_build_object('question_id', lock_question.id)::text,
      hint = 'For a list, query howdah.questions.';
  end if;
  perform howdah_private.lock_ancestors(array[v_question.execution_id]);
  select q.* into v_question from howdah.questions as q
  where q.id = lock_question.id for no key update;
  return v_question;
end $$;

-- Refuses a question of another kind.
create or replace function howdah_private.check_question_kind(
  q howdah.questions, kind howdah.question_kind
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if q.kind <> check_question_kind.kind then
    raise exception using errcode = 'HWINV',
      message = format('question %s is of kind %s, not %s', q.id, q.kind, check_question_kind.kind),
      detail = jsonb_build_object('question_id', q.id, 'kind', q.kind)::text,
      hint = 'Answer it with howdah.answer_question instead.';
  end if;
end $$;

-- Refuses an answer by a caller who may not give it. A question is answered by the user of its run,
-- an admin or an owner. An approval or an effect is answered by an admin, an owner or the role it
-- requires. After the deadline, the role or user it escalated to may answer too; the name of a role
-- means the role, never a user. The owner of the database may always answer, viewers never. Without
-- a user, the role of the login or the API key counts, and runs without a user count as the
-- caller's own. Tools in SQL answer no question: an agent would answer its own question.
create or replace function howdah_private.check_answerer(q howdah.questions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user howdah.users;
  v_role howdah.user_role := howdah.current_user_role();
  v_may_answer boolean;
begin
  if q.status <> 'open' then
    raise exception using errcode = 'HWCNF',
      message = format('question %s is no longer open: %s%s', q.id, q.status,
        ' by ' || q.answered_by),
      detail = jsonb_build_object('question_id', q.id, 'status', q.status, 'answer', q.answer,
        'answered_by', q.answered_by, 'answered_at', q.answered_at)::text,
      hint = 'The first answer counts.';
  end if;
  if q.expires_at <= clock_timestamp()
    and (q.escalate_to is null or q.escalated_at is not null) then
    raise exception using errcode = 'HWCNF',
      message = format('the deadline of question %s has passed', q.id),
      detail = jsonb_build_object('question_id', q.id, 'expires_at', q.expires_at)::text,
      hint = 'A worker will apply its default answer, or fail its run if it has none.';
  end if;
  if howdah_private.is_bound() then
    raise exception using errcode = 'HWDEN',
      message = format('a tool may not answer question %s', q.id),
      detail = jsonb_build_object('question_id', q.id, 'kind', q.kind)::text,
      hint = 'Let a person answer it, or set a default answer: docs/people.md.';
  end if;
  select u.* into v_user from howdah.users as u
  where u.id = howdah.current_user_id() and u.tenant_id = q.tenant_id;
  if howdah_private.is_trusted() then
    return;
  end if;
  perform howdah_private.permit('executions', 'run') where v_role is not null;
  v_may_answer := v_role in ('owner', 'admin')
    or v_role = q.required_role
    or (q.escalated_at is not null and q.escalate_to = case
      when q.escalate_to = any (enum_range(null::howdah.user_role)::text[]) then v_role::text
      else v_user.username end)
    or (q.kind = 'question' and q.required_role is null and exists (
      select from howdah.executions as e
      where e.id = q.root_execution_id and e.user_id is not distinct from howdah.current_user_id()
    ));
  if v_role = 'viewer' or v_may_answer is not true then
    raise exception using errcode = 'HWDEN',
      message = case when v_role is null
        then format('a deleted user may not answer question %s', q.id)
        else format('%s may not answer question %s', howdah_private.caller_label(), q.id) end,
      detail = jsonb_build_object('question_id', q.id, 'kind', q.kind, 'role', v_role,
        'required_role', q.required_role)::text,
      hint = case when q.kind = 'question'
        then 'The user of the run, an admin or an owner may answer it.'
        else format('The roles that may answer it: owner, admin%s.',
          case when q.required_role = 'member' then ', member' end) end;
  end if;
end $$;

-- Parses an answer: approvals and effects take one of a few words, questions any text. Checks data
-- against the schema of the question.
create or replace function howdah_private.read_answer(q howdah.questions, answer text, data jsonb)
  returns table (answer_text text, value jsonb)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_word boolean := q.kind <> 'question';
  v_answer text := case when v_is_word then lower(btrim(read_answer.answer, E' \t\r\n'))
    else read_answer.answer end;
  v_data jsonb := nullif(read_answer.data, 'null');
  v_fault text;
begin
  if not v_is_word then
    v_data := coalesce(v_data, howdah_private.answer_value(v_answer, q.schema));
  end if;
  v_fault := case
    when octet_length(read_answer.answer) > 1048576
      or octet_length(read_answer.data::text) > 1048576
      then 'it is larger than 1 MB'
    when v_is_word then howdah_private.choice_fault(q, v_answer, v_data)
    else howdah_private.reply_fault(q, v_answer, v_data) end;
  if v_fault is not null then
    raise exception using errcode = 'HWINV',
      message = format('the answer was not accepted: %s', v_fault),
      detail = jsonb_build_object('field', 'answer', 'question_id', q.id, 'kind', q.kind,
        'fault', v_fault)::text,
      hint = case
        when q.kind = 'effect' then 'Valid answers: done (data: the result), again, give_up.'
        when q.kind = 'approval'
          and v_answer = 'approve' then 'The arguments must satisfy: ' || left(q.schema::text, 2000)
        when q.kind = 'approval'
          then 'Valid answers: approve (data: edited arguments), reject (data: the reason).'
        when q.schema is not null then 'The answer must satisfy: ' || left(q.schema::text, 2000)
        when q.options is not null then 'The options: ' || left(q.options::text, 2000)
        else 'Any non-empty text is valid.' end;
  end if;
  return query select coalesce(v_answer, v_data #>> '{}'), v_data;
end $$;

-- Returns the fault of an answer to ask_user, or null. The schema of the question decides, else its
-- options, else any text is valid. A question of an MCP server is answered by values that fit its
-- schema, or by a word: accept, if no field is required, or decline.
create or replace function howdah_private.reply_fault(q howdah.questions, answer text, data jsonb)
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when reply_fault.answer is null and reply_fault.data is null then 'the answer is missing'
    when q.trust = 'external' and reply_fault.answer = 'decline'
      and reply_fault.data is null then null
    when q.trust = 'external' and reply_fault.answer = 'accept'
      then (howdah_private.json_faults(q.schema, coalesce(reply_fault.data, '{}')))[1]
    when q.schema is not null
      then (howdah_private.json_faults(q.schema,
        coalesce(reply_fault.data, to_jsonb(reply_fault.answer))))[1]
    when q.options is not null
      and not q.options ? coalesce(reply_fault.answer, reply_fault.data #>> '{}')
      then format('%L is not one of the options', left(
        coalesce(reply_fault.answer, reply_fault.data #>> '{}'), 200))
    when reply_fault.answer !~ '\S' and reply_fault.data is null then 'the answer is missing'
  end
$$;

-- Returns the fault of an answer that is one of a few words, or null. Edited arguments must satisfy
-- the parameters of the tool. Parameters with keywords that json_faults does not support are
-- checked only by the worker.
create or replace function howdah_private.choice_fault(q howdah.questions, choice text, data jsonb)
  returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when (choice_fault.choice = any (case q.kind when 'approval' then array['approve', 'reject']
      else array['done', 'again', 'give_up'] end)) is not true
      then format('%s is not a valid answer to a question of kind %s',
        coalesce(quote_literal(left(choice_fault.choice, 200)), 'nothing'), q.kind)
    when choice_fault.choice = 'approve' and choice_fault.data is not null then case
      when jsonb_typeof(choice_fault.data) <> 'object'
        then 'the edited arguments are not a JSON object'
      when howdah_private.unsupported_schema_keyword(q.schema) is null
        then (howdah_private.json_faults(q.schema, choice_fault.data))[1] end
    when choice_fault.choice = 'again' and exists (
      select from howdah.executions as e where e.id = q.execution_id and e.completed_at is not null
    ) then 'the run has ended, so the call cannot be made again'
  end
$$;

-- Reads a text answer as the value that the schema asks for: the JSON it contains, unless that is
-- neither an object nor an array and only the text itself fits. Returns null if the text is the
-- value.
create or replace function howdah_private.answer_value(answer text, schema jsonb) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb;
begin
  if answer_value.schema is null or answer_value.schema ->> 'type' = 'string' then
    return null;
  end if;
  v_value := answer_value.answer::jsonb;
  return case when jsonb_typeof(v_value) in ('object', 'array')
    or howdah_private.json_faults(schema, v_value) = '{}'
    or howdah_private.json_faults(schema, to_jsonb(answer)) <> '{}' then v_value end;
exception when data_exception or statement_too_complex then
  return null;
end $$;

-- Closes a question and passes the answer to its run, if the run is unfinished. The caller holds
-- the locks of the lineage and the question. If an effect turns out to be done and its run has
-- failed or was cancelled, the effect is compensated like the others.
create or replace function howdah_private.close_question(
  id uuid, status howdah.question_status, answer text, data jsonb, actor text
) returns howdah.questions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question howdah.questions;
begin
  update howdah.questions as q
  set status = close_question.status, answer = close_question.answer,
    answer_data = close_question.data,
    answered_by = close_question.actor, answered_at = clock_timestamp(), updated_at = now()
  where q.id = close_question.id
  returning q.* into v_question;
  insert into howdah_private.inbox (execution_id, tenant_id, kind, name, call_id, output)
  select e.id, e.tenant_id, 'answer', v_question.kind::text, v_question.call_id, jsonb_build_object(
    'question_id', v_question.id, 'kind', v_question.kind, 'answer', v_question.answer,
    'data', v_question.answer_data, 'by', v_question.answered_by, 'status', v_question.status)
  from howdah.executions as e where e.id = v_question.execution_id and e.completed_at is null;
  if found then
    perform howdah_private.wake_runs(array[v_question.execution_id]);
  elsif v_question.kind = 'effect' and v_question.answer = 'done' then
    perform howdah_private.compensate(e) from howdah.executions as e
    where e.id = v_question.execution_id and e.status in ('failed', 'cancelled');
  end if;
  return v_question;
end $$;

-- Remembers an approval: later calls of this tool are not asked about in the run and its
-- descendants, its session, or its agent. approve() refuses a session for a run without one. An
-- approval that was given for runs with more trust is extended to the trust of this run.
create or replace function howdah_private.remember_approval(
  q howdah.questions, scope howdah.approval_scope
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.approvals (tenant_id, scope, tool, execution_id, session_id, agent_id,
    created_by, trust)
  select q.tenant_id, s.scope, q.tool_call ->> 'name',
    case when s.scope = 'run' then case remember_approval.scope when 'run' then q.execution_id
      else q.root_execution_id end end,
    case s.scope when 'session' then q.session_id end,
    case s.scope when 'agent' then e.agent_id end, howdah_private.actor(),
    greatest('user', coalesce(h.trust, e.trust))
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  cross join lateral (select remember_approval.scope as scope) as s
  where e.id = q.execution_id and s.scope is not null
  on conflict do nothing;
  update howdah.approvals as a set trust = coalesce(h.trust, e.trust)
  from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.id = q.execution_id and remember_approval.scope is not null and a.tenant_id = q.tenant_id
    and a.tool = q.tool_call ->> 'name' and a.trust < coalesce(h.trust, e.trust)
    and case a.scope
      when 'run' then a.execution_id in (q.execution_id, q.root_execution_id)
      when 'session' then remember_approval.scope = 'session' and a.session_id = q.session_id
      else remember_approval.scope = 'agent' and a.agent_id = e.agent_id end
    and (a.scope <> 'run' or remember_approval.scope <> 'agent')
$$;
