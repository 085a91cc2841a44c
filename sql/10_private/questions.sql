-- What answering a question consists of.

-- The question with its run's lineage locked before it, as everybody does who changes both.
create or replace function howdah_private.asked(id uuid) returns howdah.questions
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_question howdah.questions;
begin
  select q.* into v_question from howdah.questions as q
  where q.id = asked.id and howdah_private.may_act_for(q.tenant_id);
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no question %s', asked.id),
      detail = jsonb_build_object('question_id', asked.id)::text,
      hint = 'select id, kind, prompt from howdah.questions where status = ''open''';
  end if;
  perform howdah_private.lock_lineage(array[v_question.execution_id]);
  select q.* into v_question from howdah.questions as q where q.id = asked.id for no key update;
  return v_question;
end $$;

create or replace function howdah_private.refuse_other_kind(q howdah.questions, kind howdah.question_kind)
  returns void
  language plpgsql stable
  set search_path = ''
as $$
begin
  if q.kind <> refuse_other_kind.kind then
    raise exception using errcode = 'HWINV',
      message = format('question %s is of kind %s, not %s', q.id, q.kind, refuse_other_kind.kind),
      detail = jsonb_build_object('question_id', q.id, 'kind', q.kind)::text,
      hint = format('select howdah.answer_question(%L, …)', q.id);
  end if;
end $$;

-- Who may answer: a question its run's user, admin or owner; an approval or an effect admin, owner or the role it
-- requires; after the deadline also whom it escalated to. The database's owner always, viewers never. Where nobody is
-- logged in as a user, the login speaks for the tenant.
create or replace function howdah_private.refuse_answerer(q howdah.questions) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_user howdah.users;
  v_is_for_them boolean;
begin
  if q.status <> 'open' then
    raise exception using errcode = 'HWCNF',
      message = format('question %s is not open any more: %s%s', q.id, q.status, ' by ' || q.answered_by),
      detail = jsonb_build_object('question_id', q.id, 'status', q.status, 'answer', q.answer,
        'answered_by', q.answered_by)::text,
      hint = 'The first answer counts.';
  end if;
  select u.* into v_user from howdah.users as u
  where u.id = howdah.current_user_id() and u.tenant_id = q.tenant_id;
  if howdah_private.is_operator() or v_user.id is null then
    return;
  end if;
  v_is_for_them := v_user.role in ('owner', 'admin')
    or v_user.role = q.required_role
    or (q.escalated_at is not null and q.escalate_to in (v_user.role::text, v_user.username))
    or (q.kind = 'question' and q.required_role is null and exists (
      select from howdah.executions as e where e.id = q.root_execution_id and e.user_id = v_user.id
    ));
  if v_user.role = 'viewer' or not v_is_for_them then
    raise exception using errcode = 'HWDEN',
      message = format('%s, as %s, may not answer question %s', v_user.username, v_user.role, q.id),
      detail = jsonb_build_object('question_id', q.id, 'kind', q.kind, 'role', v_user.role,
        'required_role', q.required_role)::text,
      hint = case when q.kind = 'question' then 'The user of the run, an admin or an owner may.'
        else format('An admin or an owner may%s.', ', or a ' || q.required_role::text) end;
  end if;
end $$;

-- What was meant: the words each kind knows, data checked against the question's schema or the options.
create or replace function howdah_private.read_answer(q howdah.questions, answer text, data jsonb)
  returns table (given text, value jsonb)
  language plpgsql stable security definer
  set search_path = ''
as $$
declare
  v_word text := lower(btrim(read_answer.answer));
  v_data jsonb := nullif(read_answer.data, 'null');
  v_words text[] := case q.kind when 'approval' then array['approve', 'reject']
    when 'effect' then array['done', 'again', 'give_up'] end;
  v_fault text;
begin
  if q.kind = 'question' then
    v_data := coalesce(v_data, howdah_private.json_of(read_answer.answer, q.schema));
    v_fault := case
      when read_answer.answer is null and v_data is null then 'an answer is missing'
      when q.schema is not null then
        (howdah_private.json_faults(q.schema, coalesce(v_data, to_jsonb(read_answer.answer))))[1]
      when q.options is not null and not q.options ? coalesce(read_answer.answer, v_data #>> '{}')
        then format('%L is none of the options', coalesce(read_answer.answer, v_data #>> '{}'))
    end;
  else
    v_fault := case
      when v_word is null or v_word <> all (v_words) then
        format('%s is no answer to a question of kind %s', coalesce(quote_literal(read_answer.answer), 'nothing'), q.kind)
      when v_word = 'approve' and jsonb_typeof(v_data) <> 'object' then 'edited arguments are a JSON object'
      when v_word = 'again' and exists (
        select from howdah.executions as e where e.id = q.execution_id and e.completed_at is not null
      ) then 'the run has ended, so the call cannot be made again'
    end;
  end if;
  if v_fault is not null then
    raise exception using errcode = 'HWINV',
      message = format('the answer was not accepted: %s', v_fault),
      detail = jsonb_build_object('field', 'answer', 'question_id', q.id, 'kind', q.kind)::text,
      hint = case when q.schema is not null then 'It has to satisfy: ' || q.schema::text
        when q.options is not null and q.kind = 'question' then 'The options: ' || q.options::text
        else 'The answers: ' || coalesce(array_to_string(v_words, ', '), 'any text') end;
  end if;
  return query select coalesce(case when q.kind = 'question' then read_answer.answer else v_word end, v_data #>> '{}'),
    v_data;
end $$;

-- An answer written as text, read as the JSON a schema wants; null when it is none.
create or replace function howdah_private.json_of(answer text, schema jsonb) returns jsonb
  language plpgsql immutable
  set search_path = ''
as $$
begin
  if json_of.schema is null or json_of.schema ->> 'type' = 'string' then
    return null;
  end if;
  return json_of.answer::jsonb;
exception when invalid_text_representation then
  return null;
end $$;

-- Closes a question, the caller holding its lineage and itself locked, and tells its run, if that still lives.
create or replace function howdah_private.settle_question(
  id uuid, status howdah.question_status, answer text, data jsonb, actor text
) returns howdah.questions
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_question howdah.questions;
begin
  update howdah.questions as q
  set status = settle_question.status, answer = settle_question.answer, answer_data = settle_question.data,
    answered_by = settle_question.actor, answered_at = clock_timestamp(), updated_at = now()
  where q.id = settle_question.id
  returning q.* into v_question;
  insert into howdah_private.inbox (execution_id, tenant_id, kind, name, call_id, output)
  select e.id, e.tenant_id, 'answer', v_question.kind::text, v_question.call_id, jsonb_build_object(
    'question_id', v_question.id, 'kind', v_question.kind, 'answer', v_question.answer,
    'data', v_question.answer_data, 'by', v_question.answered_by)
  from howdah.executions as e where e.id = v_question.execution_id and e.completed_at is null;
  if found then
    perform howdah_private.wake_runs(array[v_question.execution_id]);
  end if;
  return v_question;
end $$;

-- From now on calls of this tool are not asked about in the run, its session or its agent.
create or replace function howdah_private.remember_approval(q howdah.questions, scope howdah.approval_scope)
  returns void
  language sql volatile security definer
  set search_path = ''
as $$
  insert into howdah.approvals (tenant_id, scope, tool, execution_id, session_id, agent_id, created_by)
  select q.tenant_id, s.scope, q.tool_call ->> 'name',
    case s.scope when 'run' then q.execution_id end,
    case s.scope when 'session' then q.session_id end,
    case s.scope when 'agent' then e.agent_id end, howdah_private.actor()
  from howdah.executions as e
  cross join lateral (
    -- a run without a session is all there is of one
    select case when remember_approval.scope = 'session' and q.session_id is null then 'run'
      else remember_approval.scope end as scope
  ) as s
  where e.id = q.execution_id and s.scope is not null
  on conflict do nothing
$$;

-- Deadlines that have passed: first whom it escalates to gets as long again, then the default answer counts, and
-- without one the run fails. Called by workers, one of them at a time.
create or replace function howdah_private.expire_questions() returns int
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_ids uuid[];
  v_runs uuid[];
  v_id uuid;
  v_count int := 0;
begin
  select array_agg(d.id order by d.expires_at), array_agg(d.execution_id) into v_ids, v_runs
  from (
    select q.id, q.execution_id, q.expires_at from howdah.questions as q
    where q.status = 'open' and q.expires_at <= clock_timestamp()
    order by q.expires_at limit 1000
  ) as d;
  perform howdah_private.lock_lineage(v_runs) where v_ids is not null; -- of all of them, in the one order
  foreach v_id in array coalesce(v_ids, '{}') loop
    begin
      perform howdah_private.expire_question(q) from howdah_private.question_for_expiry(v_id) as q;
      v_count := v_count + found::int;
    exception when others then
      raise warning 'question % is tried again: %', v_id, sqlerrm; -- and holds up no other
    end;
  end loop;
  return v_count;
end $$;

create or replace function howdah_private.question_for_expiry(id uuid) returns setof howdah.questions
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform howdah_private.lock_lineage(array_agg(q.execution_id))
  from howdah.questions as q where q.id = question_for_expiry.id;
  return query select q.* from howdah.questions as q
  where q.id = question_for_expiry.id and q.status = 'open' and q.expires_at <= clock_timestamp()
  for no key update;
end $$;

create or replace function howdah_private.expire_question(q howdah.questions) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  if q.escalate_to is not null and q.escalated_at is null then
    update howdah.questions as x
    set escalated_at = clock_timestamp(), updated_at = now(),
      expires_at = clock_timestamp() + (q.expires_at - q.created_at)
    where x.id = q.id;
    return;
  end if;
  if q.default_answer is not null then
    perform howdah_private.settle_question(q.id, 'expired', q.default_answer,
      howdah_private.json_of(q.default_answer, q.schema), 'default');
    return;
  end if;
  update howdah.questions as x set status = 'expired', updated_at = now() where x.id = q.id;
  perform howdah_private.end_runs(array[q.execution_id], 'expired', jsonb_build_object(
    'code', 'limit_reached', 'retryable', false,
    'message', format('nobody answered in time: %s', left(q.prompt, 500))));
end $$;
