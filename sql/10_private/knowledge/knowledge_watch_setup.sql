-- Setup of watches of knowledge bases, called by howdah.watch_knowledge. The functions here run
-- with the privileges of the caller, who owns the database.

create or replace function howdah_private.knowledge_watch_name(watch_id uuid) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select 'howdah_knowledge_' || replace(knowledge_watch_name.watch_id::text, '-', '')
$$;

-- Returns the watches of the current tenant on a table, by their triggers: the table may have been
-- renamed since.
create or replace function howdah_private.knowledge_watches_on(watched regclass)
  returns setof howdah.knowledge_watches
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select w.* from howdah.knowledge_watches as w
  where w.tenant_id = howdah.current_tenant() and exists (
    select from pg_catalog.pg_trigger as t
    where t.tgrelid = knowledge_watches_on.watched
      and t.tgfoid = 'howdah_private.tg__watch_knowledge'::regproc
      and starts_with(t.tgname, howdah_private.knowledge_watch_name(w.id)))
$$;

-- Returns the watches whose triggers are on a table, but whose bases were deleted: who deletes a
-- base need not own the table.
create or replace function howdah_private.ended_knowledge_watches(watched regclass)
  returns setof uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct substring(t.tgname from '^howdah_knowledge_([0-9a-f]{32})_')::uuid
  from pg_catalog.pg_trigger as t
  where t.tgrelid = ended_knowledge_watches.watched and t.tgparentid = 0
    and t.tgfoid = 'howdah_private.tg__watch_knowledge'::regproc
    and not exists (
      select from howdah.knowledge_watches as w
      where starts_with(t.tgname, howdah_private.knowledge_watch_name(w.id)))
$$;

-- Locks a table as the creation of triggers does, before any document: writers of the table lock
-- the two in this order.
create or replace function howdah_private.lock_watched_table(watched regclass) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
  execute format('lock table %s in share row exclusive mode', watched);
exception when lock_not_available then
  perform howdah_private.raise_busy_table(watched);
end $$;

-- Creates the triggers of a watch, one for each event, since a trigger with transition tables has
-- one event. `lock_timeout`: while this function waits for the lock of the table, so do the writers
-- of the application.
create or replace function howdah_private.create_knowledge_triggers(
  watched regclass, watch_id uuid
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_event record;
begin
  perform howdah_private.drop_knowledge_triggers(watch_id); -- also those of an earlier table
  for v_event in
    select e.* from (values
      ('insert', 'referencing new table as new_rows'),
      ('update', 'referencing old table as old_rows new table as new_rows'),
      ('delete', 'referencing old table as old_rows'),
      ('truncate', '')) as e (event, tables)
  loop
    execute format('create trigger %I after %s on %s %s for each statement '
      'execute function howdah_private.tg__watch_knowledge(%L)',
      howdah_private.knowledge_watch_name(watch_id) || '_' || v_event.event, v_event.event,
      watched, v_event.tables, watch_id);
  end loop;
exception when lock_not_available then
  perform howdah_private.raise_busy_table(watched);
end $$;

-- Drops the triggers of a watch, on whatever table they are.
create or replace function howdah_private.drop_knowledge_triggers(watch_id uuid) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_trigger record;
begin
  for v_trigger in
    select t.tgname, t.tgrelid::regclass as watched from pg_catalog.pg_trigger as t
    where t.tgfoid = 'howdah_private.tg__watch_knowledge'::regproc and t.tgparentid = 0
      and starts_with(t.tgname, howdah_private.knowledge_watch_name(watch_id))
  loop
    begin
      execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.watched);
    exception when lock_not_available then
      perform howdah_private.raise_busy_table(v_trigger.watched);
    end;
  end loop;
end $$;

-- Copies the rows of a table that exist already.
create or replace function howdah_private.copy_existing_rows(
  watched regclass, watch howdah.knowledge_watches
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
  set row_security = on set extra_float_digits = 1 set datestyle = 'ISO' set timezone = 'UTC'
  set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
  v_image text;
  v_rows text[] := '{}';
  v_bytes bigint := 0;
begin
  for v_image in execute format('select record_out(t.*)::text from %s as t', watched) loop
    v_rows := v_rows || v_image;
    v_bytes := v_bytes + octet_length(v_image);
    if cardinality(v_rows) = 1000 or v_bytes > 16777216 then
      perform howdah_private.copy_rows_to_documents(watched, watch, v_rows);
      v_rows := '{}';
      v_bytes := 0;
    end if;
  end loop;
  perform howdah_private.copy_rows_to_documents(watched, watch, v_rows);
end $$;
