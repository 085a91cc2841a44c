-- Edits the todo list of a session as a document. The document is what todolist_markdown returns,
-- edited by hand. A line that is unchanged keeps its todo as it is, so that a note of several lines
-- survives. A changed line keeps the todo of the same title. Todos without a line are deleted, and
-- the order of the lines is the order of the list. Refuses a document that was made from another
-- state of the list, so that nobody undoes the work of a run by mistake.
create or replace function howdah.apply_todolist(
  session_id uuid, content text, version text default null
) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_items jsonb;
  v_now text;
begin
  perform howdah_private.lock_todos(apply_todolist.session_id);
  v_now := md5(howdah.todolist_markdown(apply_todolist.session_id));
  if apply_todolist.version <> v_now then
    raise exception using errcode = 'HWCNF',
      message = format('the todo list of session %s has changed since it was read',
        apply_todolist.session_id),
      detail = jsonb_build_object('session_id', apply_todolist.session_id,
        'version', apply_todolist.version, 'current_version', v_now)::text,
      hint = 'Read the list again, and repeat the edit.';
  end if;
  v_items := howdah_private.match_todo_lines(
    apply_todolist.session_id, howdah_private.parse_todolist(apply_todolist.content));
  delete from howdah.todos as t
  where t.session_id = apply_todolist.session_id
    and not exists (
      select from jsonb_array_elements(v_items) as i (item) where i.item ->> 'id' = t.id::text);
  update howdah.todos as t
  set position = i.position, status = i.status, title = i.title, note = i.note
  from jsonb_to_recordset(v_items) as i (
    id uuid, position int, status howdah.todo_status, title text, note text)
  where t.id = i.id and t.session_id = apply_todolist.session_id
    and (t.position, t.status, t.title, t.note)
      is distinct from (i.position, i.status, i.title, i.note);
  insert into howdah.todos (session_id, position, status, title, note)
  select apply_todolist.session_id, i.position, i.status, i.title, i.note
  from jsonb_to_recordset(v_items) as i (
    id uuid, position int, status howdah.todo_status, title text, note text)
  where i.id is null;
  return howdah.todolist_markdown(apply_todolist.session_id);
end $$;
comment on function howdah.apply_todolist(uuid, text, text) is
  'Makes the todo list of a session equal to an edited Markdown list, and returns the list. '
  'A line keeps its todo if the line or its title is unchanged; todos without a line are deleted. '
  'version is the MD5 of the list before the edit; if the list has changed since, raises HWCNF. '
  'Raises HWINV with the number of a line that is not a todo.';
