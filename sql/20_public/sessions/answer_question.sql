-- Answers a question and lets the run continue. The answer goes into the inbox of the run. The
-- first answer wins, and a second one raises HWCNF. howdah_private.read_answer checks that the
-- answer fits the kind of question.
create or replace function howdah.answer_question(id uuid, answer text default null,
  data jsonb default null)
  returns howdah.questions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question howdah.questions := howdah_private.lock_question(answer_question.id);
  v_sent record;
  v_answer record;
begin
  perform howdah_private.check_answerer(v_question);
  v_sent := howdah_private.filter_answer(
    v_question, answer_question.answer, answer_question.data);
  select * into v_answer
  from howdah_private.read_answer(v_question, v_sent.answer, v_sent.data);
  perform howdah_private.record_input_hits(v_question.execution_id, v_sent.hits);
  perform howdah_private.audit_action(v_question.tenant_id,
    case v_question.kind when 'approval' then v_answer.answer_text else 'answer' end, 'questions',
      v_question.id::text,
    jsonb_build_object('kind', v_question.kind, 'execution_id', v_question.execution_id),
    jsonb_build_object('answer', v_answer.answer_text, 'data', v_answer.value));
  return howdah_private.close_question(
    v_question.id, 'answered', v_answer.answer_text, v_answer.value, howdah_private.actor());
end $$;
comment on function howdah.answer_question(uuid, text, jsonb) is
  'Answers a question and lets its run continue. Approvals take approve (data: edited arguments) '
  'or reject; effects take done (data: the result), again or give_up.';

-- Gives one answer to many questions (answer_many.sql).
create or replace function howdah.answer_questions(ids uuid[], answer text default null,
  data jsonb default null)
  returns table (id uuid, status howdah.question_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found uuid[];
  v_faults jsonb;
begin
  perform howdah_private.check_many(answer_questions.ids);
  v_found := howdah_private.lock_questions(answer_questions.ids);
  v_faults := howdah_private.store_answers(
    v_found, answer_questions.answer, answer_questions.data);
  perform howdah_private.continue_answered(howdah_private.without_faults(v_found, v_faults));
  return query
  select r.* from howdah_private.answer_results(answer_questions.ids, v_found, v_faults) as r;
end $$;
comment on function howdah.answer_questions(uuid[], text, jsonb) is
  'Gives one answer to many questions, at most 10000 in a call. Returns a row for each id, in '
  'order: the status of the question, and the error that answer_question would raise, as '
  '{code, message, detail, hint}, or null. A question with an error does not stop the others.';

create or replace function howdah.approve(
  question_id uuid, remember howdah.approval_scope default null, arguments jsonb default null
) returns howdah.questions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question howdah.questions := howdah_private.lock_question(approve.question_id);
begin
  perform howdah_private.check_question_kind(v_question, 'approval');
  if approve.remember = 'session' and v_question.session_id is null then
    raise exception using errcode = 'HWINV',
      message = format('run %s has no session to remember the approval for',
        v_question.execution_id),
      detail = jsonb_build_object('field', 'remember', 'execution_id',
        v_question.execution_id)::text,
      hint = 'Remember it for the run, or for the agent: '
        || format('howdah.approve(%L, ''run'')', v_question.id);
  end if;
  if approve.remember in ('agent', 'session') then
    perform howdah_private.permit('approvals', 'manage'); -- it will speak for others, and later
  end if;
  v_question := howdah.answer_question(v_question.id, 'approve', approve.arguments);
  perform howdah_private.remember_approval(v_question, approve.remember);
  return v_question;
end $$;
comment on function howdah.approve(uuid, howdah.approval_scope, jsonb) is
  'Approves the call of a question of kind approval, with other arguments if given. remember '
  'extends the approval to the run and the runs below, its session or its agent.';

create or replace function howdah.reject(question_id uuid, reason text default null)
  returns howdah.questions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question howdah.questions := howdah_private.lock_question(reject.question_id);
begin
  perform howdah_private.check_question_kind(v_question, 'approval');
  return howdah.answer_question(v_question.id, 'reject', to_jsonb(reject.reason));
end $$;
comment on function howdah.reject(uuid, text) is
  'Rejects the call of a question of kind approval. The model receives the reason.';
