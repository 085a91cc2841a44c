-- Checks todos, assigns positions, and counts the changes of each list.

-- Puts a todo without a position at the end of its list. The lock of the list serialises concurrent
-- inserts, so that each todo gets its own position.
create or replace function howdah_private.tg_todos__take_position() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_todos(new.session_id);
  select coalesce(max(t.position), 0) + 1 into new.position
  from howdah.todos as t where t.session_id = new.session_id;
  return new;
end $$;

create or replace function howdah_private.tg_todos__check_session() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.session_id is null or not exists (
    select from howdah.sessions as s where s.id = new.session_id and s.tenant_id = new.tenant_id
  ) then
    raise exception using errcode = case when new.session_id is null then 'HWINV' else 'HWNTF' end,
      message = case when new.session_id is null then 'session_id is missing'
        else format('there is no session %s', new.session_id) end,
      detail = jsonb_build_object('session_id', new.session_id)::text,
      hint = 'Set session_id. See howdah.sessions for the sessions that exist.';
  end if;
  return new;
end $$;

create or replace trigger _200_check_session before insert on howdah.todos
  for each row execute function howdah_private.tg_todos__check_session();
create or replace trigger _300_take_position before insert on howdah.todos
  for each row when (new.position is null)
  execute function howdah_private.tg_todos__take_position();

-- Records activity in sessions that were erased before the todos were written. Erasure locks the
-- session against new todos, so either it erases a todo or this function finds the session erased.
create or replace function howdah_private.tg_todos__record_activity() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.reopen_erased_sessions(array(
    select distinct c.session_id from changed as c
    where c.title <> '[erased]' or c.note is not null));
  return null;
end $$;

create or replace trigger _400_record_inserts after insert on howdah.todos
  referencing new table as changed
  for each statement execute function howdah_private.tg_todos__record_activity();
create or replace trigger _400_record_updates after update on howdah.todos
  referencing new table as changed
  for each statement execute function howdah_private.tg_todos__record_activity();

-- Counts the changes of a list, which are part of the version of the session state. The join skips
-- sessions that the same statement deletes.
create or replace function howdah_private.tg_todos__count_changes() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.todo_changes as t (tenant_id, session_id, changes)
  select s.tenant_id, s.id, count(*)
  from changed as c join howdah.sessions as s on s.id = c.session_id
  group by s.tenant_id, s.id
  order by s.id
  on conflict (tenant_id, session_id) do update set changes = t.changes + excluded.changes;
  return null;
end $$;

create or replace trigger _500_count_inserts after insert on howdah.todos
  referencing new table as changed
  for each statement execute function howdah_private.tg_todos__count_changes();
create or replace trigger _500_count_updates after update on howdah.todos
  referencing new table as changed
  for each statement execute function howdah_private.tg_todos__count_changes();
create or replace trigger _500_count_deletes after delete on howdah.todos
  referencing old table as changed
  for each statement execute function howdah_private.tg_todos__count_changes();
