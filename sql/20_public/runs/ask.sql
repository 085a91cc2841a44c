-- Starts a run, waits for its end and returns the answer: `call howdah.ask('support', 'Where is
-- A-1001?')`. A procedure, because it has to commit before a worker can see the insert. A
-- procedure that commits cannot pin search_path, so every name is qualified.
create or replace procedure howdah.ask(agent text, input text, inout answer text default null)
  language plpgsql
as $$
declare
  v_rounds int := 0;
  v_id uuid;
  v_execution record;
  v_notified uuid[] := '{}';
  v_absent_since timestamptz;
  v_is_warned boolean := false;
  v_wake_at timestamptz;
begin
  call howdah_private.check_no_block('ask');
  v_id := (howdah.run(ask.agent, ask.input)).id;
  commit;
  loop
    select e.status, e.output, e.error, e.stop_reason, e.finish_reason, e.completed_at, e.wake_at
    into v_execution
    from howdah.executions as e where e.id = v_id;
    exit when v_execution.completed_at is not null;
    if v_execution.status = 'waiting' then
      v_notified := howdah_private.raise_question_notices(v_id, v_notified);
      if v_execution.wake_at <> coalesce(v_wake_at, '-infinity') then
        v_wake_at := v_execution.wake_at;
        raise notice '%', howdah.explain_execution(v_id) ->> 'summary';
      end if;
    end if;
    v_rounds := v_rounds + 1;
    if v_rounds % 25 = 0 and v_execution.status in ('queued', 'running') then
      select w.absent_since, w.is_warned into v_absent_since, v_is_warned
      from howdah_private.await_worker(v_id, v_absent_since, v_is_warned) as w;
    end if;
    commit; -- releases the snapshot
    perform pg_catalog.pg_sleep(0.02);
  end loop;
  if v_execution.status <> 'completed' then
    raise exception using errcode = 'HWCNF',
      message = pg_catalog.format('the run ended as %s: %s', v_execution.status,
        coalesce(v_execution.error ->> 'message', v_execution.stop_reason::text)),
      detail = pg_catalog.jsonb_build_object('execution_id', v_id)::text,
      hint = pg_catalog.format('To see what happened: call howdah.tail(''%s''), or howdah show %s',
        v_id, v_id);
  end if;
  if howdah_private.is_encrypted(v_execution.output) then
    raise exception using errcode = 'HWCNF', message = 'the answer is encrypted already',
      detail = pg_catalog.jsonb_build_object('execution_id', v_id)::text,
      hint = pg_catalog.format('Read it with the key of the installation: howdah show %s', v_id);
  end if;
  if v_execution.finish_reason = 'length' then
    raise warning using message = 'the token limit cut the answer off',
      hint = 'Raise max_tokens in the request_params of the model, or ask for a shorter answer.';
  end if;
  answer := v_execution.output;
end $$;
comment on procedure howdah.ask(text, text, text) is
  'Starts a run, waits for its end and returns the answer. Questions of the run to people, and '
  'waits for a model that fails, appear as notices. Raises an error if no worker takes the run; '
  'the run stays queued. Commits, so it must be called outside a transaction block.';
