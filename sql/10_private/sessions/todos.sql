-- The tool `todo`: changes that an agent makes to the todo list of its session.

-- Lets one writer at a time assign the positions of a list. The row lock of the session would
-- deadlock: a run that ends locks its own row and then the session, to pass the turn. A run that
-- changes its list would lock them in the opposite order.
create or replace function howdah_private.lock_todos(session_id uuid) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended('howdah.todos ' || lock_todos.session_id, 0))
$$;

-- Returns the todos of a session in order.
create or replace function howdah_private.todos_json(session_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(jsonb_build_object(
    'position', t.position, 'id', t.id, 'title', t.title, 'status', t.status, 'note', t.note
  ) order by t.position)), '[]')
  from howdah.todos as t where t.session_id = todos_json.session_id
$$;

-- Refuses arguments with a message that a model can act on. The message ends with the positions in
-- the list.
create or replace function howdah_private.raise_todo(session_id uuid, field text, reason text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_positions text;
begin
  select string_agg(t.position::text, ', ' order by t.position) into v_positions
  from howdah.todos as t where t.session_id = raise_todo.session_id;
  raise exception using errcode = 'HWINV',
    message = format('%s; %s', raise_todo.reason,
      case when v_positions is null then 'the list is empty'
      else 'the positions in the list are ' || v_positions end),
    detail = jsonb_build_object('field', raise_todo.field)::text,
    hint = 'The action "list" returns the todos.';
end $$;

-- Returns the session of the root run, and creates one for a root run without a session, as its
-- first turn. That changes the row of the run and locks it. A caller that also commits a step of
-- the run in the same transaction must already hold its turn to commit. Otherwise two commits of
-- one run would wait for each other outside of the database, where deadlocks are not detected.
create or replace function howdah_private.session_of_root(execution_id uuid)
  returns table (tenant_id uuid, session_id uuid)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_root howdah.executions;
begin
  select r.* into v_root
  from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
  where e.id = session_of_root.execution_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s',
        coalesce(session_of_root.execution_id::text, 'null')),
      detail = jsonb_build_object('execution_id', session_of_root.execution_id)::text;
  end if;
  if v_root.session_id is null then
    -- a concurrent call waits here, without the row lock, and then finds the session of the first
    perform howdah_private.lock_todos(v_root.id);
    select e.session_id into v_root.session_id from howdah.executions as e where e.id = v_root.id;
  end if;
  if v_root.session_id is null then
    select e.* into v_root from howdah.executions as e where e.id = v_root.id for no key update;
    insert into howdah.sessions as s (
      tenant_id, agent_id, workflow_id, user_id, turns, live_execution_id
    )
    values (v_root.tenant_id, v_root.agent_id, v_root.workflow_id, v_root.user_id, 1,
      case when v_root.completed_at is null then v_root.id end)
    returning s.id into v_root.session_id;
    update howdah.executions as e
    set session_id = v_root.session_id, turn = 1, updated_at = now()
    where e.id = v_root.id;
  end if;
  return query select v_root.tenant_id, v_root.session_id;
end $$;

-- Returns the todo that `id` or `position` names.
create or replace function howdah_private.find_todo(session_id uuid, arguments jsonb) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text := lower(find_todo.arguments ->> 'id');
  v_position text := find_todo.arguments ->> 'position';
  v_todo_id uuid;
begin
  select t.id into v_todo_id from howdah.todos as t
  where t.session_id = find_todo.session_id
    and case when v_id is not null then t.id::text = v_id else t.position::text = v_position end;
  if v_todo_id is null then
    perform howdah_private.raise_todo(find_todo.session_id,
      case when v_id is not null then 'id' else 'position' end,
      case when v_id is not null then format('there is no todo with the id %s', v_id)
        when v_position is not null then format('there is no todo at position %s', v_position)
        else 'position or id of the todo is required' end);
  end if;
  return v_todo_id;
end $$;

-- Returns a text argument, or null if it is not given. Refuses a value that is not a string or is
-- too long.
create or replace function howdah_private.todo_text(
  session_id uuid, field text, value jsonb, max_length int
) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := todo_text.value #>> '{}';
begin
  if v_text is null then
    return null;
  end if;
  if jsonb_typeof(todo_text.value) <> 'string' or char_length(v_text) > todo_text.max_length
    or (todo_text.field <> 'note' and v_text !~ '\S') then
    perform howdah_private.raise_todo(todo_text.session_id, todo_text.field,
      format('%s must be a string of 1 to %s characters', todo_text.field, todo_text.max_length));
  end if;
  return nullif(btrim(v_text, E' \t\r\n'), '');
end $$;

-- Adds todos at a position, or at the end of the list.
create or replace function howdah_private.add_todos(
  tenant_id uuid, session_id uuid, arguments jsonb
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_items jsonb := coalesce(nullif(add_todos.arguments -> 'items', 'null'),
    jsonb_build_array(add_todos.arguments -> 'title'));
  v_at text := add_todos.arguments ->> 'position';
  v_count int;
  v_last int;
begin
  if jsonb_typeof(v_items) <> 'array' or jsonb_array_length(v_items) = 0
    or v_items @> 'null' then
    perform howdah_private.raise_todo(add_todos.session_id, 'title',
      'title is required, or items with a list of titles');
  end if;
  if v_at !~ '^[1-9][0-9]{0,5}$' then
    perform howdah_private.raise_todo(add_todos.session_id, 'position',
      'position must be an integer of at least 1');
  end if;
  select count(*), coalesce(max(t.position), 0) into v_count, v_last
  from howdah.todos as t where t.session_id = add_todos.session_id;
  if v_count + jsonb_array_length(v_items) > 200 then
    perform howdah_private.raise_todo(
      add_todos.session_id, 'items', 'a list can have at most 200 todos'
    );
  end if;
  v_last := least(v_at::int - 1, v_last);
  update howdah.todos as t set position = t.position + jsonb_array_length(v_items)
  where t.session_id = add_todos.session_id and t.position > v_last;
  insert into howdah.todos (tenant_id, session_id, position, title, note)
  select add_todos.tenant_id, add_todos.session_id, v_last + i.place,
    howdah_private.todo_text(add_todos.session_id, 'title', i.title, 500),
    howdah_private.todo_text(add_todos.session_id, 'note', add_todos.arguments -> 'note', 4000)
  from jsonb_array_elements(v_items) with ordinality as i (title, place);
end $$;

-- Changes the title, note or status of a todo.
create or replace function howdah_private.change_todo(session_id uuid, arguments jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_todo_id uuid := howdah_private.find_todo(change_todo.session_id, change_todo.arguments);
  v_status text := change_todo.arguments ->> 'status';
begin
  if v_status not in ('open', 'doing', 'done', 'blocked', 'cancelled') then
    perform howdah_private.raise_todo(change_todo.session_id, 'status',
      format('status %s is unknown; use open, doing, done, blocked or cancelled', v_status));
  end if;
  update howdah.todos as t
  set title = coalesce(
      howdah_private.todo_text(
        change_todo.session_id, 'title', change_todo.arguments -> 'title', 500
      ),
      t.title
    ),
    note = case when jsonb_typeof(change_todo.arguments -> 'note') <> 'null'
      then howdah_private.todo_text(
        change_todo.session_id, 'note', change_todo.arguments -> 'note', 4000
      )
      else t.note end,
    status = coalesce(v_status::howdah.todo_status, t.status)
  where t.id = v_todo_id;
end $$;

-- Moves the todos that `order` names to the beginning, in that order. The others follow in their
-- present order.
create or replace function howdah_private.reorder_todos(session_id uuid, arguments jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_order jsonb := reorder_todos.arguments -> 'order';
  v_item text;
  v_ids uuid[] := '{}';
  v_id uuid;
begin
  if jsonb_typeof(v_order) is distinct from 'array'
    or jsonb_array_length(v_order) not between 1 and 1000 then
    perform howdah_private.raise_todo(reorder_todos.session_id, 'order',
      'order must be a list of positions or ids in the new order');
  end if;
  for v_item in select i.item from jsonb_array_elements_text(v_order) as i (item) loop
    v_id := howdah_private.find_todo(reorder_todos.session_id,
      jsonb_build_object(case when v_item ~ '^[0-9]{1,9}$' then 'position' else 'id' end, v_item));
    if v_id = any (v_ids) then
      perform howdah_private.raise_todo(reorder_todos.session_id, 'order',
        format('order names the todo %s twice', v_item));
    end if;
    v_ids := v_ids || v_id;
  end loop;
  update howdah.todos as t set position = p.position
  from (
    select o.id, row_number() over (order by array_position(v_ids, o.id), o.position) as position
    from howdah.todos as o where o.session_id = reorder_todos.session_id
  ) as p
  where t.id = p.id and t.position <> p.position;
end $$;

-- Executes a call of the tool `todo`. The worker calls this in the transaction that commits the
-- step of the tool, so the list and the log agree.
create or replace function howdah_private.call_todo(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid;
  v_session_id uuid;
  v_action text := call_todo.arguments ->> 'action';
begin
  select s.tenant_id, s.session_id into v_tenant_id, v_session_id
  from howdah_private.session_of_root(call_todo.execution_id) as s;
  perform howdah_private.lock_todos(v_session_id);
  case v_action
    when 'list' then null;
    when 'add' then
      perform howdah_private.add_todos(v_tenant_id, v_session_id, call_todo.arguments);
    when 'update' then
      perform howdah_private.change_todo(v_session_id, call_todo.arguments);
    when 'complete' then
      perform howdah_private.change_todo(v_session_id, call_todo.arguments || '{"status": "done"}');
    when 'reorder' then
      perform howdah_private.reorder_todos(v_session_id, call_todo.arguments);
    else
      perform howdah_private.raise_todo(v_session_id, 'action',
        format('action %s is unknown; use add, update, complete, reorder or list',
          coalesce(v_action, '(none)')));
  end case;
  return jsonb_build_object('todos', howdah_private.todos_json(v_session_id));
end $$;
