-- `call howdah.tail('…')` in psql: the steps of a run so far, then each new one as it commits, as notices, which psql shows
-- at once; in the end the answer as the result. A procedure that commits between two looks, so that a run which waits for days
-- holds no snapshot meanwhile. It may therefore not pin search_path, so every name is qualified.
create or replace procedure howdah.tail(id uuid, inout answer text default null)
  language plpgsql
as $$
declare
  v_execution record;
  v_step record;
  v_seq int := 0;
  v_told uuid[] := '{}';
begin
  loop
    select e.status, e.output, e.error, e.stop_reason, e.completed_at into v_execution
    from howdah.executions as e where e.id = tail.id; -- before the steps: its end is then not told too early
    if not found then
      raise exception using errcode = 'HWNTF',
        message = pg_catalog.format('there is no execution %s', coalesce(tail.id::text, 'null')),
        detail = pg_catalog.jsonb_build_object('execution_id', tail.id)::text,
        hint = 'Those there are stand in howdah.executions.';
    end if;
    for v_step in
      select t.seq, t.kind, t.name, t.ms, coalesce(t.error, t.said) as said
      from howdah.execution_timeline as t where t.execution_id = tail.id and t.seq > v_seq order by t.seq
    loop
      raise notice '%', howdah_private.step_line(v_step.seq, v_step.kind, v_step.name, v_step.ms, v_step.said);
      v_seq := v_step.seq;
    end loop;
    exit when v_execution.completed_at is not null;
    if v_execution.status = 'waiting' then
      v_told := howdah_private.raise_question_notices(tail.id, v_told);
    end if;
    call howdah_private.commit_outside_of_blocks(
      /* howdah.tail of a live run cannot be called in a transaction block: it would see no step that is new */);
    perform pg_catalog.pg_sleep(0.1);
  end loop;
  raise notice '% (%)%', v_execution.status, v_execution.stop_reason, coalesce(': ' || (v_execution.error ->> 'message'), '');
  answer := v_execution.output;
end $$;
comment on procedure howdah.tail(uuid, text) is
  'Shows the steps of a run as notices, each as it commits, until it has ended, and gives the answer. Commits between two looks, so it must be called outside a transaction block.';
