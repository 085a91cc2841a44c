-- Answers to many questions by one call (answer_questions). As in control_many.sql, one pass locks
-- all rows in the order of locks, each question is checked by the functions of the single command,
-- and its error becomes its row.

-- Locks those of the questions that the caller can see, after the lineage of their runs and the
-- heads of these runs, as lock_question does for one. Returns them. A plan for the given ids: a
-- generic plan of a join may read all questions.
create or replace function howdah_private.lock_questions(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_is_operator boolean := howdah_private.is_operator();
  v_tenant_id uuid := howdah.current_tenant();
  v_hidden uuid[] := howdah_private.hidden_agents();
  v_found uuid[];
  v_runs uuid[];
begin
  perform howdah_private.lock_caller();
  select coalesce(array_agg(q.id order by q.id), '{}'),
    coalesce(array_agg(distinct q.execution_id), '{}')
  into v_found, v_runs
  from howdah.questions as q
  where q.id = any (lock_questions.ids) and (v_is_operator or q.tenant_id = v_tenant_id)
    and exists (
      select from howdah.executions as e
      where e.id = q.execution_id and coalesce(e.agent_id, e.workflow_id) <> all (v_hidden)
    );
  perform howdah_private.lock_ancestors(v_runs);
  perform howdah_private.lock_heads(v_runs);
  perform from howdah.questions as q where q.id = any (v_found) order by q.id for no key update;
  return v_found;
end $$;

-- Checks an answer to a question that the caller has locked. Returns the error of answer_question,
-- or the answer as it is stored.
create or replace function howdah_private.check_answer(q howdah.questions, answer text, data jsonb,
  out fault jsonb, out answer_text text, out value jsonb, out hits jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_sent record;
  v_code text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  perform howdah_private.check_answerer(q);
  v_sent := howdah_private.filter_answer(q, check_answer.answer, check_answer.data);
  hits := v_sent.hits;
  select r.answer_text, r.value into answer_text, value
  from howdah_private.read_answer(q, v_sent.answer, v_sent.data) as r;
exception when sqlstate 'HWDEN' or sqlstate 'HWCNF' or sqlstate 'HWINV' then
  get stacked diagnostics v_code = returned_sqlstate, v_message = message_text,
    v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  fault := jsonb_build_object('code', v_code, 'message', v_message,
    'detail', nullif(v_detail, '')::jsonb, 'hint', nullif(v_hint, ''));
end $$;

-- Gives one answer to questions that the caller has locked, and passes it to the inboxes of their
-- runs. Returns the errors by question.
create or replace function howdah_private.store_answers(ids uuid[], answer text, data jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_faults jsonb;
  v_hits jsonb;
begin
  with checked as materialized (
    select q.id, q.execution_id, o.fault, o.answer_text, o.value, o.hits
    from howdah.questions as q
    cross join lateral howdah_private.check_answer(
      q, store_answers.answer, store_answers.data) as o
    where q.id = any (store_answers.ids)
  ),
  answered as (
    update howdah.questions as q
    set status = 'answered', answer = c.answer_text, answer_data = c.value,
      answered_by = howdah_private.actor(), answered_at = clock_timestamp(), updated_at = now()
    from checked as c
    where q.id = c.id and c.fault is null
    returning q.id, q.tenant_id, q.execution_id, q.kind, q.call_id, q.answer, q.answer_data,
      q.answered_by, q.status
  ),
  passed as (
    insert into howdah_private.inbox (execution_id, tenant_id, kind, name, call_id, output)
    select e.id, e.tenant_id, 'answer', a.kind::text, a.call_id, jsonb_build_object(
      'question_id', a.id, 'kind', a.kind, 'answer', a.answer, 'data', a.answer_data,
      'by', a.answered_by, 'status', a.status)
    from answered as a
    cross join lateral (
      select x.id, x.tenant_id, x.completed_at from howdah.executions as x
      where x.id = a.execution_id offset 0 -- else all live runs are read for each question
    ) as e
    where e.completed_at is null
    order by a.id
  ),
  audited as (
    insert into howdah_private.audit_inbox (tenant_id, actor, user_id, login, api_key_id, client,
      action, object, object_id, after_digest, detail)
    select a.tenant_id, w.actor, w.user_id, w.login, w.api_key_id, w.client,
      case a.kind when 'approval' then a.answer else 'answer' end, 'questions', a.id::text,
      howdah_private.content_digest(
        jsonb_build_object('answer', a.answer, 'data', a.answer_data)),
      jsonb_build_object('kind', a.kind, 'execution_id', a.execution_id)
    from howdah_private.audit_actor() as w, answered as a
    order by a.id
  )
  select coalesce(json_object_agg(
    c.id::text, c.fault) filter (where c.fault is not null)::jsonb, '{}'),
    to_jsonb(array_agg(jsonb_build_array(c.execution_id, c.hits))
      filter (where c.fault is null and c.hits is not null))
  into v_faults, v_hits from checked as c;
  perform howdah_private.record_input_hits((h.hit ->> 0)::uuid, h.hit -> 1)
  from jsonb_array_elements(v_hits) as h (hit);
  return v_faults;
end $$;

-- Lets the runs of answered questions continue. If an effect turns out to be done and its run has
-- failed or was cancelled, the effect is compensated.
create or replace function howdah_private.continue_answered(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  if cardinality(continue_answered.ids) > 0 then
    insert into howdah_private.audit_pending default values on conflict do nothing;
  end if;
  perform howdah_private.wake_runs(array_agg(distinct e.id::uuid))
  from howdah.questions as q
  cross join lateral (
    select x.id from howdah.executions as x
    where x.id = q.execution_id and x.completed_at is null offset 0
  ) as e
  where q.id = any (continue_answered.ids)
  having count(*) > 0;
  perform howdah_private.compensate(e)
  from howdah.executions as e
  where e.id = any (array(
      select q.execution_id from howdah.questions as q
      where q.id = any (continue_answered.ids) and q.kind = 'effect' and q.answer = 'done'))
    and e.status in ('failed', 'cancelled')
  order by e.id;
end $$;

-- Returns a row for each id, in order, with the status that its question has now.
create or replace function howdah_private.answer_results(ids uuid[], locked uuid[], faults jsonb)
  returns table (id uuid, status howdah.question_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  select i.id, q.status, case
    when row_number() over (partition by i.id order by i.position) > 1
      then howdah_private.repeated_id(i.id)
    when q.id is null then jsonb_build_object('code', 'HWNTF',
      'message', format('there is no question %s', coalesce(i.id::text, 'null')),
      'detail', jsonb_build_object('question_id', i.id),
      'hint', 'For a list, query howdah.questions.')
    else answer_results.faults -> i.id::text end
  from unnest(answer_results.ids) with ordinality as i (id, position)
  left join (
    select x.id, x.status from howdah.questions as x where x.id = any (answer_results.locked)
  ) as q on q.id = i.id
  order by i.position;
end $$;
