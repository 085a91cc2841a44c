-- Todo lists as Markdown: one line for each todo, and back.

-- Returns a todo as a line of Markdown.
create or replace function howdah_private.todo_line(t howdah.todos) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case t.status when 'open' then '- [ ] ' when 'doing' then '- [~] '
      when 'done' then '- [x] ' when 'blocked' then '- [!] ' when 'cancelled' then '- [-] ~~' end
    || howdah_private.markdown_line(t.title)
    || case when t.status = 'cancelled' then '~~' else '' end
    || coalesce(' — ' || nullif(howdah_private.markdown_line(t.note), ''), '')
$$;

-- Returns the items of an edited list: [{line, number, status, title, note}]. Headings, blank lines
-- and comments are ignored. Any other line is refused, so that no edit is lost in silence.
create or replace function howdah_private.parse_todolist(content text) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row record;
  v_parts text[];
  v_items jsonb := '[]';
begin
  if content is null or octet_length(content) > 1048576 then
    perform howdah_private.raise_todo_line(null, 'a todo list must have 1 byte to 1 MB');
  end if;
  for v_row in
    select l.number, rtrim(l.line) as line
    from regexp_split_to_table(content, E'\r?\n') with ordinality as l (line, number)
    where l.line ~ '\S' and l.line !~ '^\s*(#|<!--.*-->\s*$|_Nothing to do\._\s*$)'
  loop
    v_parts := regexp_match(v_row.line, '^\s*[-*] \[([ ~xX!-])\] (.*\S)$');
    if v_parts is null then
      perform howdah_private.raise_todo_line(v_row.number, format(
        'this is not a todo: %s', left(regexp_replace(v_row.line, '[[:cntrl:]]', ' ', 'g'), 60)));
    end if;
    v_items := v_items || howdah_private.todo_item(v_row.number::int, v_parts[1], v_parts[2]);
  end loop;
  if jsonb_array_length(v_items) > 200 then
    perform howdah_private.raise_todo_line(null, 'a list can have at most 200 todos');
  end if;
  return v_items;
end $$;

-- Returns one item of a list. The note follows the first dash between spaces.
create or replace function howdah_private.todo_item(number int, mark text, content text)
  returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_mark text := lower(todo_item.mark);
  v_struck text[] := case when todo_item.mark = '-'
    then regexp_match(todo_item.content, '^~~(.*?)~~(?: — (.*))?$') end;
  v_title text := howdah_private.unescape_markdown(
    coalesce(v_struck[1], split_part(todo_item.content, ' — ', 1)));
  v_note text := nullif(howdah_private.unescape_markdown(case when v_struck is not null
    then v_struck[2] else substring(todo_item.content from ' — (.*)$') end), '');
begin
  if v_title !~ '\S' or char_length(v_title) > 500 then
    perform howdah_private.raise_todo_line(todo_item.number,
      'the title of a todo must have 1 to 500 characters');
  elsif char_length(v_note) > 4000 then
    perform howdah_private.raise_todo_line(todo_item.number,
      'the note of a todo must have at most 4000 characters');
  end if;
  return jsonb_build_object('line', format('- [%s] %s', v_mark, todo_item.content),
    'status', case v_mark when ' ' then 'open' when '~' then 'doing' when 'x' then 'done'
      when '!' then 'blocked' else 'cancelled' end,
    'title', v_title, 'note', v_note);
end $$;

create or replace function howdah_private.unescape_markdown(content text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select btrim(regexp_replace(unescape_markdown.content, '\\([\\`*_\[\]<>#|~])', '\1', 'g'))
$$;

-- Gives the items of an edited list the ids of their todos. An unchanged line keeps title and note
-- of its todo, from which the line may have lost line breaks. Another line takes the first todo of
-- its title. Each todo belongs to one line.
create or replace function howdah_private.match_todo_lines(session_id uuid, items jsonb)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with lines as (
    select l.item, l.position, l.item ->> 'line' as line, l.item ->> 'title' as title,
      row_number() over (partition by l.item ->> 'line' order by l.position) as nth_line
    from jsonb_array_elements(match_todo_lines.items) with ordinality as l (item, position)
  ),
  present as (
    select t.id, t.title, t.note, howdah_private.todo_line(t) as line, t.position,
      row_number() over (partition by howdah_private.todo_line(t) order by t.position) as nth_line
    from howdah.todos as t where t.session_id = match_todo_lines.session_id
  ),
  unchanged as (
    select l.position, p.id, p.title, p.note
    from lines as l join present as p using (line, nth_line)
  ),
  changed as (
    select l.position, l.title,
      row_number() over (partition by l.title order by l.position) as nth_title
    from lines as l where not exists (select from unchanged as u where u.position = l.position)
  ),
  free as (
    select p.id, f.title, row_number() over (partition by f.title order by p.position) as nth_title
    from present as p
    cross join lateral (
      select howdah_private.unescape_markdown(howdah_private.markdown_line(p.title)) as title
    ) as f
    where not exists (select from unchanged as u where u.id = p.id)
  )
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('id', coalesce(u.id, f.id), 'position', l.position,
    'status', l.item -> 'status', 'title', coalesce(u.title, l.title),
    'note', case when u.id is not null then u.note else l.item ->> 'note' end)
    order by l.position)), '[]')
  from lines as l
  left join unchanged as u on u.position = l.position
  left join changed as c on c.position = l.position
  left join free as f on f.title = c.title and f.nth_title = c.nth_title
$$;

-- Refuses an edited list with the number of the line.
create or replace function howdah_private.raise_todo_line(number bigint, reason text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = concat('line ' || raise_todo_line.number || ': ', raise_todo_line.reason),
    detail = jsonb_build_object('field', 'content', 'line', raise_todo_line.number)::text,
    hint = 'Write each todo as - [ ] TITLE — NOTE, with [ ] open, [~] doing, [x] done, [!] blocked '
      'or [-] cancelled.';
end $$;
