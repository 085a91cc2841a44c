-- Keeps watches in step with their rows. A direct update of a row changes the triggers on the
-- watched table as howdah.watch_table does, with the same checks. If the watched table no longer
-- exists, nothing is checked.

-- Returns the table of a watch by its name, or else the table that has the triggers of the watch.
create or replace function howdah_private.table_of_watch(watch howdah.table_triggers)
  returns regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    howdah_private.resolve_table((watch).table_name), howdah_private.watched_table((watch).id))
$$;

create or replace function howdah_private.tg_table_triggers__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass := howdah_private.table_of_watch(new);
begin
  if new.table_name <> old.table_name then
    v_table := howdah_private.resolve_watchable_table(new.table_name);
    new.table_name := v_table::text;
  end if;
  if v_table is null
    or (v_table, new.on_event, new.input, new.condition, new.into_column, new.key_columns,
      new.concurrency_key, new.debounce_key) is not distinct from
      (howdah_private.watched_table(old.id), old.on_event, old.input, old.condition,
        old.into_column, old.key_columns, old.concurrency_key, old.debounce_key) then
    return new; -- the table was dropped or renamed
  end if;
  perform howdah_private.check_watch_expression(v_table, f.field, f.expression)
  from (values ('input', new.input), ('condition', new.condition),
    ('concurrency_key', new.concurrency_key), ('debounce_key', new.debounce_key)
  ) as f (field, expression)
  where f.expression is not null;
  new.key_columns := howdah_private.row_key_columns(v_table, new.into_column, new.on_event);
  return new;
end $$;
create or replace trigger _300_check
  before update of table_name, on_event, input, condition, into_column, key_columns,
    concurrency_key, debounce_key
  on howdah.table_triggers
  for each row execute function howdah_private.tg_table_triggers__check();

-- Replaces the triggers on the watched table if the update affects them.
create or replace function howdah_private.tg_table_triggers__set() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass := howdah_private.table_of_watch(new);
begin
  if (v_table, new.on_event, new.into_column, new.key_columns) is distinct from
      (howdah_private.watched_table(new.id), old.on_event, old.into_column, old.key_columns) then
    perform howdah_private.create_watch_triggers(v_table, new) where v_table is not null;
  end if;
  return null;
end $$;
create or replace trigger _600_set after update of table_name, on_event, into_column, key_columns
  on howdah.table_triggers for each row execute function howdah_private.tg_table_triggers__set();

-- Drops the triggers of a deleted watch. A watch that is deleted with its agent or tenant leaves
-- its triggers, which then do nothing: the current user may not own the watched table.
create or replace function howdah_private.tg_table_triggers__drop() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.drop_watch(old.id);
  return null;
end $$;
create or replace trigger _600_drop after delete on howdah.table_triggers
  for each row when (pg_trigger_depth() = 0)
  execute function howdah_private.tg_table_triggers__drop();

create or replace trigger _100_stamp before update on howdah.watched_rows
  for each row execute function howdah_private.tg__stamp_clock();
