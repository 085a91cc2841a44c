-- Returns untrusted text as one line of Markdown: line breaks become spaces and special characters
-- are escaped.
create or replace function howdah_private.markdown_line(content text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(
    btrim(regexp_replace(markdown_line.content, '[\u0001-\u001f\u007f-\u009f\u2028\u2029]+', ' ',
      'g')),
    '([\\`*_\[\]<>#|~])', '\\\1', 'g')
$$;

-- Returns the todo list of a session as a document. The same rows give the same bytes.
create or replace function howdah.todolist_markdown(session_id uuid) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_title text;
  v_lines text;
begin
  select coalesce(nullif(howdah_private.markdown_line(s.title), ''), 'Todo list') into v_title
  from howdah.sessions as s where s.id = todolist_markdown.session_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no session %s',
        coalesce(todolist_markdown.session_id::text, 'null')),
      detail = jsonb_build_object('session_id', todolist_markdown.session_id)::text,
      hint = 'See howdah.sessions for the sessions that exist.';
  end if;
  select string_agg(howdah_private.todo_line(t), E'\n' order by t.position) into v_lines
  from howdah.todos as t where t.session_id = todolist_markdown.session_id;
  return format(E'# %s\n\n%s\n', v_title, coalesce(v_lines, '_Nothing to do._'));
end $$;
comment on function howdah.todolist_markdown(uuid) is
  'Returns the todo list of a session as Markdown. The same list always gives the same bytes.';
