-- What a run and those below it ask people, told once as notices to whoever waits for it in psql. Gives the ids told so far.
create or replace function howdah_private.raise_question_notices(execution_id uuid, told uuid[]) returns uuid[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question record;
  v_told uuid[] := raise_question_notices.told;
begin
  for v_question in
    select q.id, q.prompt, q.options from howdah.questions as q
    where (q.root_execution_id = raise_question_notices.execution_id or q.execution_id = raise_question_notices.execution_id)
      and q.status = 'open' and q.id <> all (raise_question_notices.told)
    order by q.created_at, q.id
  loop
    raise notice '%', concat('waits for a person: ', left(regexp_replace(v_question.prompt, '[[:cntrl:]]+', ' ', 'g'), 500),
        case when jsonb_typeof(v_question.options) = 'array' then concat(' (',
          (select string_agg(o.option, ', ') from jsonb_array_elements_text(v_question.options) as o (option)), ')') end)
      using hint = format('Answer it in another session: howdah.answer_question(''%s'', TEXT), or on the command line: howdah answer %s TEXT',
        v_question.id, v_question.id);
    v_told := v_told || v_question.id;
  end loop;
  return v_told;
end $$;
comment on function howdah_private.raise_question_notices(uuid, uuid[]) is
  'Tells open questions of a run and those below it as notices; gives those told so far.';

-- A step for people: 3  tool lookup  12.5 ms  what was said. No control character of a model's text reaches a terminal.
create or replace function howdah_private.step_line(seq int, kind howdah.step_kind, name text, ms numeric, said text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select rtrim(concat_ws('  ', lpad(step_line.seq::text, 3), concat_ws(' ', step_line.kind, step_line.name),
    step_line.ms || ' ms', left(regexp_replace(step_line.said, '[[:cntrl:]]+', ' ', 'g'), 200)))
$$;
comment on function howdah_private.step_line(int, howdah.step_kind, text, numeric, text) is 'A step of the log as one line for people.';

-- The commit of ask and tail stands in a procedure of its own, since nothing can catch that Postgres refuses it in a transaction block
-- ("invalid transaction termination"): the remark beside the call is in the context of that error, where psql shows it.
create or replace procedure howdah_private.commit_outside_of_blocks()
  language plpgsql
as $$
begin
  commit;
end $$;
comment on procedure howdah_private.commit_outside_of_blocks() is
  'Commits for a procedure, whose call says in a remark why it cannot stand in a transaction block.';
