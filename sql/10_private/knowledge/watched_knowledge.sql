-- Watched knowledge: rows of users' tables as documents (howdah.watch_knowledge). Triggers on the
-- table copy each change into documents, in the transaction of the change. Dividing them into
-- chunks is left to the queue. The sets of privileges are those of watches that start runs
-- (10_private/starts/table_watches.sql): the trigger belongs to the engine and reads rows as text,
-- and the expressions run as howdah_tool.

-- Returns, for rows as text, what their documents contain; without content for a row that is none.
create or replace function howdah_private.watched_documents(query text, rows text[])
  returns table (place bigint, row_key jsonb, content text, title text, metadata text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query execute watched_documents.query using watched_documents.rows;
end $$;

-- Builds the query of a watch. The expressions are in parentheses on lines of their own, so that a
-- comment at their end hides nothing of the query.
create or replace function howdah_private.knowledge_watch_query(
  watched regclass, watch howdah.knowledge_watches
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format(
    E'select howdah_rows.place, jsonb_build_object(%1$s), '
    'case when (\n%2$s\n) then (\n%3$s\n)::text end, (\n%4$s\n)::text, (\n%5$s\n)::text '
    'from unnest($1) with ordinality as howdah_rows (image, place)\n'
    'cross join lateral (%6$s) as %7$I',
    (select string_agg(
        format('%L, %s', k.name, howdah_private.key_expression(c.oid, k.name, c.relname)), ', ')
      from unnest((watch).key_columns) as k (name)),
    coalesce((watch).condition, 'true'), (watch).content, coalesce((watch).title, 'null'),
    coalesce((watch).metadata, 'null'), howdah_private.row_parsing_query(c.oid), c.relname)
  from pg_catalog.pg_class as c where c.oid = knowledge_watch_query.watched
$$;

-- Returns the ref of a row, such as public.articles:4711, or of a row whose key has several
-- columns, such as shop.lines:{"order_id": 4711, "line": 2}. Of a key that no index could hold,
-- the MD5 identifies it.
create or replace function howdah_private.row_ref(table_name text, row_key jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select row_ref.table_name || ':'
    || case when octet_length(k.key) > 1000 then md5(k.key) else k.key end
  from (
    select case when count(*) = 1 then max(e.value) else row_ref.row_key::text end as key
    from jsonb_each_text(row_ref.row_key) as e
  ) as k
$$;

-- Returns the title of the document of a row, in one line. Without one it is the ref.
create or replace function howdah_private.row_title(title text, source text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(min(nullif(left(
    btrim(regexp_replace(t.title, '[[:cntrl:]]+', ' ', 'g')), 500), '')), 'row')
  from (
    select coalesce(nullif(btrim(row_title.title, E' \t\r\n'), ''), row_title.source) as title
  ) as t
$$;

-- Returns the refs of rows as text. Only their keys are read.
create or replace function howdah_private.refs_of_rows(
  watched regclass, watch howdah.knowledge_watches, rows text[]
) returns setof text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys howdah.knowledge_watches := refs_of_rows.watch;
begin
  v_keys.content := 'null';
  v_keys.title := null;
  v_keys.metadata := null;
  v_keys.condition := null;
  return query
  select howdah_private.row_ref(v_keys.table_name, k.row_key)
  from howdah_private.watched_documents(
    howdah_private.knowledge_watch_query(refs_of_rows.watched, v_keys), refs_of_rows.rows) as k;
exception when data_exception or syntax_error_or_access_rule_violation or invalid_schema_name
  or integrity_constraint_violation then
  raise exception using errcode = 'HWINV',
    message = format('the watch of %s cannot read the key of a row: %s', refs_of_rows.watched,
      sqlerrm),
    detail = jsonb_build_object('table', refs_of_rows.watched::text)::text,
    hint = 'The table has changed: call howdah.watch_knowledge again, or howdah.unwatch_knowledge.';
end $$;

-- Writes the documents of rows, and deletes those of rows that are none any more. A document whose
-- row says the same is not touched, and one is divided again only if what is divided has changed.
-- Without statistics, the planner would compare each row with each document.
create or replace function howdah_private.store_row_documents(
  watched regclass, watch howdah.knowledge_watches, rows text[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_nestloop = off set jit = off
as $$
declare
  v_ids uuid[];
begin
  with found as materialized (
    select f.source, howdah_private.row_title(f.title, f.source) as title, f.content, f.metadata
    from (
      select howdah_private.row_ref((watch).table_name, r.row_key) as source, r.title,
        case when r.content ~ '\S' then r.content end as content,
        coalesce(r.metadata::jsonb, '{}') as metadata
      from howdah_private.watched_documents(howdah_private.knowledge_watch_query(
        store_row_documents.watched, store_row_documents.watch), store_row_documents.rows) as r
    ) as f
  ),
  known as materialized (
    select d.source, d.title, d.type, d.digest, d.metadata, d.status from howdah.documents as d
    where d.tenant_id = (watch).tenant_id and d.knowledge_base_id = (watch).knowledge_base_id
      and d.source = any (array(select f.source from found as f))
  ),
  gone as (
    delete from howdah.documents as d
    where d.tenant_id = (watch).tenant_id and d.knowledge_base_id = (watch).knowledge_base_id
      and d.source = any (array(select f.source from found as f where f.content is null))
      and exists (select from found as f where f.content is null) -- else no row is read
  ),
  written as (
    insert into howdah.documents as d
      (tenant_id, knowledge_base_id, source, title, type, content, metadata)
    select (watch).tenant_id, (watch).knowledge_base_id, f.source, f.title, (watch).type,
      f.content, f.metadata
    from found as f
    where f.content is not null and not exists (
      select from known as k
      where k.source = f.source and k.status <> 'failed' and k.title = f.title
        and k.type = (watch).type and k.digest = md5(f.content) and k.metadata = f.metadata)
    order by f.source
    on conflict (tenant_id, knowledge_base_id, source) where source is not null do update
    set title = excluded.title, type = excluded.type, content = excluded.content,
      metadata = excluded.metadata, updated_at = clock_timestamp(),
      status = case when (d.title, d.type, d.digest, d.status) is distinct from
        (excluded.title, excluded.type, excluded.digest, 'ready') then 'pending' else d.status end,
      status_at = case when (d.title, d.type, d.digest, d.status) is distinct from
        (excluded.title, excluded.type, excluded.digest, 'ready') then now() else d.status_at end,
      error = null
    returning d.id, d.status
  )
  select array_agg(w.id) into v_ids from written as w where w.status = 'pending';
  perform howdah_private.enqueue_documents(v_ids);
end $$;

-- Stores a failed document in place of a row that cannot be one, with the reason.
create or replace function howdah_private.store_refused_document(
  watch howdah.knowledge_watches, source text, error jsonb
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  insert into howdah.documents as d (tenant_id, knowledge_base_id, source, title, type, content)
  values ((watch).tenant_id, (watch).knowledge_base_id, store_refused_document.source,
    howdah_private.row_title(case when strpos(store_refused_document.source, 'howdah.sealed.v') > 0
      then (watch).table_name end, store_refused_document.source), (watch).type, '')
  on conflict (tenant_id, knowledge_base_id, source) where source is not null do update
  set content = ''
  returning d.id into v_id;
  delete from howdah.chunks as c
  where c.tenant_id = (watch).tenant_id and c.document_id = v_id;
  delete from howdah_private.due_documents as u where u.document_id = v_id;
  update howdah.documents as d set status = 'failed', status_at = now(),
    error = store_refused_document.error
  where d.tenant_id = (watch).tenant_id and d.id = v_id;
end $$;

-- Writes the documents of rows. The statement that writes the rows passes: if they cannot all be
-- documents, each half is tried, and a row that cannot be one is a failed document. What other
-- sessions and the server cause (deadlocks, time limits) is no fault of a row. After the deletion
-- of the base there is nothing to write.
create or replace function howdah_private.copy_rows_to_documents(
  watched regclass, watch howdah.knowledge_watches, rows text[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_half int := cardinality(copy_rows_to_documents.rows) / 2;
  v_error jsonb;
begin
  perform howdah_private.store_row_documents(watched, watch, copy_rows_to_documents.rows);
exception when others then
  if sqlstate ~ '^(40|53|57|58)' or sqlstate = '55P03' then
    raise;
  end if;
  v_error := jsonb_build_object('message', left(sqlerrm, 1000),
    'code', case when sqlstate like 'HW%' then sqlstate else 'HWINV' end);
  if not exists (select from howdah.knowledge_watches as w where w.id = (watch).id) then
    return;
  elsif v_half > 0 then
    perform howdah_private.copy_rows_to_documents(
      watched, watch, copy_rows_to_documents.rows[:v_half]);
    perform howdah_private.copy_rows_to_documents(
      watched, watch, copy_rows_to_documents.rows[v_half + 1:]);
  else
    perform howdah_private.store_refused_document(watch, r.ref, v_error)
    from howdah_private.refs_of_rows(watched, watch, copy_rows_to_documents.rows) as r (ref);
  end if;
end $$;

create or replace function howdah_private.delete_row_documents(
  watch howdah.knowledge_watches, refs text[]
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah.documents as d
  where d.tenant_id = (watch).tenant_id and d.knowledge_base_id = (watch).knowledge_base_id
    and d.source = any (delete_row_documents.refs)
$$;

-- Changes the name of a watched table, also in the sources of its documents.
create or replace function howdah_private.rename_row_documents(watch_id uuid, table_name text)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_watch howdah.knowledge_watches;
begin
  select w.* into strict v_watch from howdah.knowledge_watches as w
  where w.id = rename_row_documents.watch_id for update;
  -- of a table that had the name before
  delete from howdah.knowledge_watches as w
  where w.tenant_id = v_watch.tenant_id and w.knowledge_base_id = v_watch.knowledge_base_id
    and w.table_name = rename_row_documents.table_name and w.id <> v_watch.id;
  delete from howdah.documents as d
  where d.tenant_id = v_watch.tenant_id and d.knowledge_base_id = v_watch.knowledge_base_id
    and starts_with(d.source, rename_row_documents.table_name || ':');
  update howdah.documents as d
  set source = rename_row_documents.table_name || substr(d.source, length(v_watch.table_name) + 1)
  where d.tenant_id = v_watch.tenant_id and d.knowledge_base_id = v_watch.knowledge_base_id
    and starts_with(d.source, v_watch.table_name || ':');
  update howdah.knowledge_watches as w set table_name = rename_row_documents.table_name
  where w.id = v_watch.id;
end $$;

-- Trigger of a table that a knowledge base watches; its argument is the watch. Must not call
-- functions of other owners: record_out calls only the output functions of types. It gets `n.*`,
-- since `n` may be a column of the table. A statement may change millions of rows, and an array
-- holds at most 1 GB, so rows go in batches of 1,000 rows and about 16 MB.
create or replace function howdah_private.tg__watch_knowledge() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  -- the same texts whatever the session sets; pg_dump sets row_security to off
  set row_security = on set extra_float_digits = 1 set datestyle = 'ISO' set timezone = 'UTC'
  set bytea_output = 'hex' set intervalstyle = 'postgres'
as $$
declare
  v_watch howdah.knowledge_watches;
  v_rows text[];
begin
  select w.* into v_watch from howdah.knowledge_watches as w where w.id = tg_argv[0]::uuid;
  if not found then -- the base was deleted
    return null;
  elsif tg_op = 'TRUNCATE' then
    delete from howdah.documents as d
    where d.tenant_id = v_watch.tenant_id and d.knowledge_base_id = v_watch.knowledge_base_id
      and starts_with(d.source, v_watch.table_name || ':');
    return null;
  elsif tg_op = 'DELETE' then
    for v_rows in
      select array_agg(o.image) from (
        select r.image, row_number() over w - 1 as place, sum(octet_length(r.image)) over w as bytes
        from (select record_out(o.*)::text as image from old_rows as o) as r
        window w as (rows unbounded preceding)
      ) as o
      group by o.place / 1000, o.bytes / 16777216
    loop
      perform howdah_private.delete_row_documents(v_watch, array(
        select howdah_private.refs_of_rows(tg_relid, v_watch, v_rows)));
    end loop;
    return null;
  elsif tg_op = 'UPDATE' then
    perform howdah_private.delete_row_documents(v_watch, array(
      with images as (
        select i.*, row_number() over w - 1 as place, sum(octet_length(i.image)) over w as bytes
        from (
          select true as is_new, record_out(n.*)::text as image from new_rows as n
          union all select false, record_out(o.*)::text from old_rows as o
        ) as i
        window w as (rows unbounded preceding)
      ),
      batches as (
        select i.is_new, array_agg(i.image) as rows from images as i
        group by i.is_new, i.place / 1000, i.bytes / 16777216
      ),
      refs as materialized (
        select b.is_new, r.ref from batches as b
        cross join lateral howdah_private.refs_of_rows(tg_relid, v_watch, b.rows) as r (ref)
      )
      select o.ref from refs as o
      where not o.is_new and not exists (select from refs as n where n.is_new and n.ref = o.ref)));
  end if;
  for v_rows in
    select array_agg(n.image) from (
      select r.image, row_number() over w - 1 as place, sum(octet_length(r.image)) over w as bytes
      from (select record_out(n.*)::text as image from new_rows as n) as r
      window w as (rows unbounded preceding)
    ) as n
    group by n.place / 1000, n.bytes / 16777216
  loop
    perform howdah_private.copy_rows_to_documents(tg_relid, v_watch, v_rows);
  end loop;
  return null;
end $$;
