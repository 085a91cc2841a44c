-- Handles questions past their deadline. First the question escalates, if it names a role or user,
-- and the deadline starts again. After that the default answer counts; without one the run fails.
-- Workers call this function, one at a time. One call takes about a second at most, because the
-- runs stay locked until it commits; the next call handles the rest.
create or replace function howdah_private.expire_questions() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp(); -- a constant, so that the index is used
  v_id uuid;
  v_count int := 0;
begin
  for v_id in
    select q.id from howdah.questions as q
    where q.status = 'open' and q.expires_at <= v_now
    order by q.expires_at limit 1000
  loop
    exit when clock_timestamp() > v_now + interval '1 second';
    begin
      perform howdah_private.expire_question(q) from howdah_private.question_for_expiry(v_id) as q;
      v_count := v_count + found::int;
    exception
      when lock_not_available then
        null; -- another session holds it; retried within a second
      when others then
        -- continue with the next
        raise warning 'could not expire question %, retrying: %', v_id, sqlerrm;
    end;
  end loop;
  return v_count;
end $$;

-- Returns the question if it is still due, locked in the usual order: its lineage first, then the
-- heads of these runs. One transaction locks many questions in the order of their deadlines, so
-- this function never waits for a lock: a user who answers the question at this moment wins.
create or replace function howdah_private.question_for_expiry(id uuid)
  returns setof howdah.questions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lineage uuid[] := (
    select r.ancestors || r.id::uuid from howdah.questions as q
    join howdah.executions as r on r.id = q.execution_id
    where q.id = question_for_expiry.id
  );
begin
  perform from howdah.executions as e
  where e.id = any (v_lineage)
  order by e.depth, e.id
  for no key update nowait;
  perform from howdah_private.run_heads as h where h.execution_id = any (v_lineage)
  for no key update nowait;
  return query select q.* from howdah.questions as q
  where q.id = question_for_expiry.id and q.status = 'open' and q.expires_at <= clock_timestamp()
  for no key update nowait;
end $$;

-- Applies a passed deadline to a question: escalation, default answer or failure of the run.
create or replace function howdah_private.expire_question(q howdah.questions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
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
    perform howdah_private.close_question(q.id, 'expired', q.default_answer,
      case when q.kind = 'question'
        then howdah_private.answer_value(q.default_answer, q.schema) end, 'default');
    return;
  end if;
  update howdah.questions as x set status = 'expired', updated_at = now() where x.id = q.id;
  perform howdah_private.terminate_runs(array[q.execution_id], 'expired', jsonb_build_object(
    'code', 'limit_reached', 'retryable', false,
    'message', format('no answer before the deadline: %s', left(q.prompt, 500))));
end $$;
