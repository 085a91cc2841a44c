-- Raises a notice for each open question of a run and its descendants, once, for a caller that
-- waits in psql. Returns the ids of the questions reported so far.
create or replace function howdah_private.raise_question_notices(execution_id uuid, notified uuid[])
  returns uuid[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question record;
  v_notified uuid[] := raise_question_notices.notified;
begin
  for v_question in
    select q.id, q.prompt, q.options from howdah.questions as q
    where (q.root_execution_id = raise_question_notices.execution_id
      or q.execution_id = raise_question_notices.execution_id)
      and q.status = 'open' and q.id <> all (raise_question_notices.notified)
    order by q.created_at, q.id
  loop
    raise notice '%',
      concat('waits for a person: ', left(
        regexp_replace(v_question.prompt, '[[:cntrl:]]+', ' ', 'g'), 500),
        case when jsonb_typeof(v_question.options) = 'array' then concat(' (',
          (select string_agg(o.option, ', ')
            from jsonb_array_elements_text(v_question.options) as o (option)), ')') end)
      using hint = format('Answer it in another session: howdah.answer_question(''%s'', TEXT), '
        'or on the command line: howdah answer %s TEXT',
        v_question.id, v_question.id);
    v_notified := v_notified || v_question.id;
  end loop;
  return v_notified;
end $$;
comment on function howdah_private.raise_question_notices(uuid, uuid[]) is
  'Raises notices for open questions of a run and its descendants. Returns their ids.';

-- Formats a step as one line: 3  tool lookup  12.5 ms  text. Control characters are replaced, so
-- that no text of a model reaches the terminal with them.
create or replace function howdah_private.step_line(
  seq int, kind howdah.step_kind, name text, ms numeric, content text
) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select rtrim(concat_ws('  ', lpad(step_line.seq::text, 3),
    concat_ws(' ', step_line.kind, step_line.name),
    step_line.ms || ' ms', left(regexp_replace(step_line.content, '[[:cntrl:]]+', ' ', 'g'), 200)))
$$;
comment on function howdah_private.step_line(int, howdah.step_kind, text, numeric, text)
  is 'Formats a step of the log as one line of text.';

-- Returns the message with which Postgres refuses a commit in a transaction block, in the language
-- of the session. A function may never commit.
create or replace function howdah_private.refused_commit_message() returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_message text;
begin
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics v_message = message_text;
  end;
  return v_message;
end $$;

-- Refuses a procedure that commits in a transaction block, with a message that says so. Postgres
-- alone says "invalid transaction termination". The commit below always fails: in a block because
-- of the block, elsewhere because of its exception handler, with another message.
create or replace procedure howdah_private.check_no_block(procedure text)
  language plpgsql
as $$
declare
  v_message text;
begin
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics v_message = message_text;
  end;
  if v_message = howdah_private.refused_commit_message() then
    raise exception using errcode = 'invalid_transaction_termination',
      message = pg_catalog.format('howdah.%s commits, so it cannot be called in a transaction '
        'block', check_no_block.procedure),
      hint = 'Send the call alone, outside of a transaction. Or start the run by howdah.run, '
        'commit, and read the answer later. See howdah explain 2D000.';
  end if;
end $$;
comment on procedure howdah_private.check_no_block(text) is
  'Refuses a procedure that commits in a transaction block.';
