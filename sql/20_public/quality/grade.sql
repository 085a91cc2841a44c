-- Grades of people. The person comes from the session. The row of the run is locked, so that a
-- concurrent erasure of its contents erases the comment too.
create or replace function howdah.grade(
  result uuid, score float8, comment text default null, grader text default null
) returns howdah.grades
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_result howdah.evaluation_results := howdah_private.gradable_result(grade.result);
  v_run howdah.executions := howdah_private.graded_run(v_result);
  v_comment text := nullif(btrim(grade.comment), '');
  v_hits jsonb;
  v_grade howdah.grades;
begin
  perform howdah_private.check_grade(v_result, grade.score, grade.grader);
  select f.value, f.hits into v_comment, v_hits
  from howdah_private.filter_text(
    coalesce(howdah_private.input_filters(v_run.tenant_id, v_run.agent_id), '{}'),
    'comment', v_comment, null) as f;
  perform howdah_private.record_input_hits(v_run.id, v_hits);
  insert into howdah.grades as g (tenant_id, evaluation_id, evaluation_result_id, user_id, grader,
    score, comment)
  values (v_result.tenant_id, v_result.evaluation_id, v_result.id, howdah.current_user_id(),
    grade.grader, grade.score, v_comment)
  on conflict (tenant_id, evaluation_result_id, user_id, grader)
  do update set score = excluded.score, comment = excluded.comment
  returning * into v_grade;
  perform howdah_private.audit_action(v_grade.tenant_id, 'grade', 'evaluation_results',
    v_result.id::text,
    jsonb_strip_nulls(jsonb_build_object('score', v_grade.score, 'grader', v_grade.grader)),
    case when v_comment is not null then jsonb_build_object('comment', v_comment) end);
  return v_grade;
end $$;
comment on function howdah.grade(uuid, float8, text, text) is
  E'@name grade_result\n'
  'Grades a result of an evaluation as the person who calls: a score from 0 to 1, a comment, and '
  'the grader whose question is answered, or none for the whole result. A second call replaces the '
  'earlier grade. Agents, and keys without a user, cannot grade.';

-- Returns the result that a person grades. Refuses callers that are no person: an agent that graded
-- would be one more grader, whose agreement with people nobody knows.
create or replace function howdah_private.gradable_result(id uuid)
  returns howdah.evaluation_results
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result howdah.evaluation_results;
begin
  perform howdah_private.lock_caller();
  perform howdah_private.permit('grades', 'run');
  if howdah_private.is_bound() or howdah_private.causing_execution_id() is not null
    or howdah.current_user_id() is null and (not howdah_private.owns_machine()
      or coalesce(current_setting('howdah.api_key_id', true), '') <> '') then
    raise exception using errcode = 'HWDEN', message = 'only a person can grade',
      detail = '{"object": "grades"}',
      hint = 'Grade as a user: with a token of the user, or a key that has the user_id.';
  end if;
  select r.* into v_result from howdah.evaluation_results as r
  where r.id = gradable_result.id
    and (howdah_private.is_operator() or r.tenant_id = howdah.current_tenant());
  if not found then
    perform howdah_private.raise_no_result(gradable_result.id);
  end if;
  return v_result;
end $$;

-- Refuses a result that does not exist for the caller.
create or replace function howdah_private.raise_no_result(id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('there is no result %s', coalesce(raise_no_result.id::text, 'null')),
    detail = jsonb_build_object('evaluation_result_id', raise_no_result.id)::text,
    hint = 'See howdah.evaluation_results for the results that exist.';
end $$;

-- Returns and locks the run of a result, whose answer a person grades.
create or replace function howdah_private.graded_run(r howdah.evaluation_results)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
begin
  select e.* into v_run from howdah.executions as e
  where e.id = r.execution_id and e.tenant_id = r.tenant_id for no key update;
  if not howdah_private.sees_agent(coalesce(v_run.agent_id, v_run.workflow_id)) then
    perform howdah_private.raise_no_result(r.id);
  elsif r.graded_at is null or v_run.contents_erased_at is not null
    or v_run.status is distinct from 'completed' then
    raise exception using errcode = 'HWCNF',
      message = format('result %s has no answer to grade', r.id),
      detail = jsonb_build_object('evaluation_result_id', r.id)::text,
      hint = 'See howdah.grade_queue for the results that can be graded.';
  end if;
  return v_run;
end $$;

-- Refuses a score out of range, and a grader that the evaluation does not have.
create or replace function howdah_private.check_grade(
  r howdah.evaluation_results, score float8, grader text
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (check_grade.score between 0 and 1) is not true then
    raise exception using errcode = 'HWINV',
      message = format('score must be from 0 to 1, not %s',
        coalesce(check_grade.score::text, 'null')),
      detail = '{"field": "score"}', hint = 'Give 0 for wrong, 1 for right, or a number between.';
  end if;
  perform howdah_private.check_grader_of(r.evaluation_id, check_grade.grader);
end $$;
