-- Deadlines that have passed: first whom it escalates to gets as long again, then the default answer counts, and
-- without one the run fails. Called by workers, one of them at a time, and done within about a second, since its runs are
-- locked until it commits; what is left is for the next second.
create or replace function howdah_private.expire_questions() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp(); -- a value, so that an index finds what is due
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
        null; -- somebody is at it: the next second will do
      when others then
        raise warning 'question % is tried again: %', v_id, sqlerrm; -- and holds up no other
    end;
  end loop;
  return v_count;
end $$;

-- The question, if it is still due, locked as everybody locks it. Many are locked in one transaction and in the order
-- of their deadlines, so this never waits: whoever answers a question at this moment comes first.
create or replace function howdah_private.question_for_expiry(id uuid) returns setof howdah.questions
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
  return query select q.* from howdah.questions as q
  where q.id = question_for_expiry.id and q.status = 'open' and q.expires_at <= clock_timestamp()
  for no key update nowait;
end $$;

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
    perform howdah_private.settle_question(q.id, 'expired', q.default_answer,
      case when q.kind = 'question' then howdah_private.answer_value(q.default_answer, q.schema) end, 'default');
    return;
  end if;
  update howdah.questions as x set status = 'expired', updated_at = now() where x.id = q.id;
  perform howdah_private.terminate_runs(array[q.execution_id], 'expired', jsonb_build_object(
    'code', 'limit_reached', 'retryable', false,
    'message', format('nobody answered in time: %s', left(q.prompt, 500))));
end $$;
