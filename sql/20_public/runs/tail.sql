-- Shows the steps of a run so far, then each new step as it commits: `call howdah.tail('…')` in
-- psql. Steps appear as notices, which psql shows at once; the result is the answer. A procedure,
-- because it commits between two polls, so that waiting for days holds no snapshot. A procedure
-- that commits cannot pin search_path, so every name is qualified.
create or replace procedure howdah.tail(id uuid, inout answer text default null)
  language plpgsql
as $$
declare
  v_execution record;
  v_step record;
  v_seq int := 0;
  v_notified uuid[] := '{}';
begin
  loop
    select e.status, e.output, e.error, e.stop_reason, e.finish_reason, e.completed_at
    into v_execution
    -- read before the steps, so that no step is missed at the end
    from howdah.executions as e where e.id = tail.id;
    if not found then
      raise exception using errcode = 'HWNTF',
        message = pg_catalog.format('there is no execution %s', coalesce(tail.id::text, 'null')),
        detail = pg_catalog.jsonb_build_object('execution_id', tail.id)::text,
        hint = 'See howdah.executions for the runs that exist.';
    end if;
    for v_step in
      select t.seq, t.kind, t.name, t.ms, coalesce(t.error, pg_catalog.regexp_replace(
        t.said, 'howdah\.sealed\.v1\.[A-Za-z0-9_.-]+', '[encrypted]', 'g')) as said
      from howdah.execution_timeline as t where t.execution_id = tail.id and t.seq > v_seq
      order by t.seq
    loop
      raise notice '%',
        howdah_private.step_line(v_step.seq, v_step.kind, v_step.name, v_step.ms, v_step.said);
      v_seq := v_step.seq;
    end loop;
    exit when v_execution.completed_at is not null;
    if v_execution.status = 'waiting' then
      v_notified := howdah_private.raise_question_notices(tail.id, v_notified);
    end if;
    call howdah_private.check_no_block('tail');
    commit;
    perform pg_catalog.pg_sleep(0.1);
  end loop;
  raise notice '% (%)%', v_execution.status, v_execution.stop_reason,
    coalesce(': ' || (v_execution.error ->> 'message'), case v_execution.finish_reason
      when 'length' then ': the token limit cut the answer off' end, '');
  answer := case when howdah_private.is_encrypted(v_execution.output) then '[encrypted]'
    else v_execution.output end;
end $$;
comment on procedure howdah.tail(uuid, text) is
  'Shows the steps of a run as notices, each as it commits, until the run ends, and returns the '
  'answer, or [encrypted]. Commits between two polls, so it must be called outside a transaction '
  'block.';
