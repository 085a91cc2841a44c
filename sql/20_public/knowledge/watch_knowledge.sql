-- Keeps the rows of a table as documents of a knowledge base:
--
--   select howdah.watch_knowledge('public.articles', 'body', 'handbook', title => 'headline');
--
-- Triggers on the table copy each insert, update and delete into howdah.documents, in the
-- transaction that writes the rows. Only an owner may call this function, and only for a table of
-- that owner. A second call for the same table and base changes the watch.
create or replace function howdah.watch_knowledge(
  target text, content text, base text, title text default null, metadata text default null,
  condition text default null, type text default 'text/markdown', existing_rows boolean default true
) returns howdah.knowledge_watches
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_table regclass := howdah_private.resolve_watchable_table(watch_knowledge.target);
  v_base uuid := howdah.knowledge_base(watch_knowledge.base);
  v_key text[] := howdah_private.primary_key_of(v_table);
  v_watch howdah.knowledge_watches;
begin
  if v_key = '{}' then
    raise exception using errcode = 'HWINV',
      message = format('%s has no primary key, which identifies its rows', v_table),
      detail = jsonb_build_object('table', v_table::text)::text,
      hint = format('alter table %s add primary key (…);', v_table);
  elsif exists (
    select from pg_catalog.pg_index as i
    where i.indrelid = v_table and i.indisprimary and not i.indimmediate
  ) then
    raise exception using errcode = 'HWINV',
      message = format('the primary key of %s is deferrable, so two rows may share it for a while',
        v_table),
      detail = jsonb_build_object('table', v_table::text)::text,
      hint = 'Watch a table whose primary key is checked at once.';
  elsif watch_knowledge.content is null then
    raise exception using errcode = 'HWINV', message = 'content is null',
      detail = jsonb_build_object('field', 'content')::text,
      hint = 'Pass a column or an expression over the row, such as ''body''.';
  end if;
  perform howdah_private.check_watch_expression(v_table, f.field, f.expression)
  from (values ('content', watch_knowledge.content), ('title', watch_knowledge.title),
    ('metadata', watch_knowledge.metadata), ('condition', watch_knowledge.condition)
  ) as f (field, expression)
  where f.expression is not null;
  perform howdah_private.lock_watched_table(v_table);
  perform howdah_private.rename_row_documents(w.id, v_table::text)
  from howdah_private.knowledge_watches_on(v_table) as w
  where w.knowledge_base_id = v_base and w.table_name <> v_table::text;
  insert into howdah.knowledge_watches as w (knowledge_base_id, table_name, type, content, title,
    metadata, condition, key_columns)
  values (v_base, v_table::text, coalesce(watch_knowledge.type, 'text/markdown'),
    watch_knowledge.content, watch_knowledge.title, watch_knowledge.metadata,
    watch_knowledge.condition, v_key)
  on conflict (tenant_id, knowledge_base_id, table_name) do update
  set type = excluded.type, content = excluded.content, title = excluded.title,
    metadata = excluded.metadata, condition = excluded.condition,
    key_columns = excluded.key_columns, updated_at = clock_timestamp()
  returning * into v_watch;
  perform howdah_private.create_knowledge_triggers(v_table, v_watch.id);
  if watch_knowledge.existing_rows then
    perform howdah_private.copy_existing_rows(v_table, v_watch);
  end if;
  return v_watch;
end $$;
comment on function howdah.watch_knowledge(text, text, text, text, text, text, text, boolean) is
  E'@behavior -*\nKeeps the rows of a table as documents of a knowledge base: '
  'watch_knowledge(''public.articles'', ''body'', ''handbook''). content, title, metadata and '
  'condition are expressions over the row. Existing rows are copied, unless existing_rows is '
  'false. A second call with the same table and base changes the watch. unwatch_knowledge ends the '
  'watch. Only owners of the database may call this function.';

-- Ends the watches of a table, and drops the triggers of watches that went with their bases. The
-- documents stay, and no longer follow their rows.
create or replace function howdah.unwatch_knowledge(target text, base text default null)
  returns setof howdah.knowledge_watches
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
  v_base uuid;
  v_watch howdah.knowledge_watches;
begin
  perform howdah_private.require_database_owner('watch tables');
  v_table := howdah_private.resolve_table(unwatch_knowledge.target);
  v_base := howdah.knowledge_base(unwatch_knowledge.base)
    where unwatch_knowledge.base is not null;
  for v_watch in
    delete from howdah.knowledge_watches as w
    where w.tenant_id = howdah.current_tenant() and w.knowledge_base_id
        = coalesce(v_base, w.knowledge_base_id)
      and (w.table_name = coalesce(v_table::text, unwatch_knowledge.target)
        or w.id in (select o.id from howdah_private.knowledge_watches_on(v_table) as o))
    returning w.*
  loop
    perform howdah_private.drop_knowledge_triggers(v_watch.id);
    return next v_watch;
  end loop;
  if not found and not exists (select from howdah_private.ended_knowledge_watches(v_table)) then
    raise exception using errcode = 'HWNTF',
      message = format('no knowledge base watches %s', coalesce(
        v_table::text, unwatch_knowledge.target, 'null')),
      detail = jsonb_build_object('table', unwatch_knowledge.target)::text,
      hint = coalesce('The watched tables are: ' || (
        select string_agg(distinct w.table_name, ', ') from howdah.knowledge_watches as w
        where w.tenant_id = howdah.current_tenant()
      ), 'No table is watched.');
  end if;
  perform howdah_private.drop_knowledge_triggers(o.id)
  from howdah_private.ended_knowledge_watches(v_table) as o (id);
end $$;
comment on function howdah.unwatch_knowledge(text, text) is
  E'@behavior -*\nEnds the watches of a table by a knowledge base, or by all. The documents stay, '
  'and no longer follow their rows. Only owners of the database may call this function.';
