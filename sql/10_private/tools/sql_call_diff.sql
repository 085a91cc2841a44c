-- What a call in SQL changes, for whoever is asked for leave: the rows before and after it, in the transaction of the call and
-- with nothing but the rights of the call (howdah_tool, bound to a tenant and a user, through run_as_tool_role). Nothing is put on the tables:
--
-- * which tables: Postgres counts what a transaction inserts, updates and deletes in each;
-- * the rows after: those whose `xmin` is a transaction of ours. It is in progress, and a row of anybody else's that is in
--   progress cannot be seen;
-- * the rows before: those whose `xmax` is one, seen by the snapshot of before the call. A stable function sees by the snapshot
--   of the query it stands in, in which the call stands too.

-- So far in this transaction, by the id of a table. Not of our own engine: what a call does there, such as a wake-up, is no
-- change that anybody is asked about.
create or replace function howdah_private.counted_changes() returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(s.relid, jsonb_build_array(s.n_tup_ins, s.n_tup_upd, s.n_tup_del)), '{}')
  from pg_stat_xact_user_tables as s
  where s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0 and s.schemaname not in ('howdah_private', 'graphile_worker')
    and s.schemaname !~ '^pg_temp'
$$;

-- Whether a transaction is this one or a part of it (a savepoint, a block with exceptions), given that its work is seen here.
-- An xid has 32 bits of the number of a transaction: ours are ahead of the one that began it all.
create or replace function howdah_private.is_own_subtransaction(x xid) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_top constant bigint := pg_current_xact_id_if_assigned()::text;
  v_ahead constant bigint := (x::text::bigint - v_top % 4294967296 + 4294967296) % 4294967296;
begin
  return x::text::bigint >= 3 and v_ahead < 2147483648
    and pg_xact_status((v_top + v_ahead)::text::xid8) = 'in progress';
exception when invalid_parameter_value then
  return false; -- there is no such transaction yet: it is the number of a list of lockers
end $$;

-- The same of a list of lockers, which stands in the place of one transaction where several hold a row.
create or replace function howdah_private.is_among_lockers(list xid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_get_multixact_members(is_among_lockers.list) as m where m.mode in ('nokeyupd', 'upd') and howdah_private.is_own_subtransaction(m.xid)
  )
$$;

-- The call, and all that is deferred to the commit.
create or replace function howdah_private.call_with_deferred(statement text, argument jsonb, path text) returns text[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_results text[];
begin
  perform set_config('search_path', call_with_deferred.path, true);
  execute format('select array(%s)', call_with_deferred.statement) into v_results using call_with_deferred.argument;
  set constraints all immediate;
  return v_results;
end $$;

-- The tables in which more was counted than before, a partitioned one as a whole: {relation, schema, name, parts, inserted, updated,
-- deleted, has_policies, key, left_out}. `has_policies`: some of its rows may not be seen. `left_out` says why its rows are not looked for: there is no right to all of its columns, or there
-- is too much to look through, since no index knows who wrote a row.
create or replace function howdah_private.tables_changed(counted jsonb, most_bytes bigint) returns setof jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with counts as (
    select c.key::oid as part, coalesce(pg_partition_root(c.key::oid)::oid, c.key::oid) as relation,
      (c.value ->> 0)::bigint - coalesce((counted #>> array[c.key, '0'])::bigint, 0) as inserted,
      (c.value ->> 1)::bigint - coalesce((counted #>> array[c.key, '1'])::bigint, 0) as updated,
      (c.value ->> 2)::bigint - coalesce((counted #>> array[c.key, '2'])::bigint, 0) as deleted
    from jsonb_each(howdah_private.counted_changes()) as c
  ),
  changed as (
    select c.relation, array_agg(c.part) as parts, sum(c.inserted) as inserted, sum(c.updated) as updated,
      sum(c.deleted) as deleted, sum(coalesce(pg_relation_size(c.part), 0)) as bytes
    from counts as c where c.inserted + c.updated + c.deleted > 0 group by c.relation
  )
  select jsonb_build_object(
    'relation', r.oid, 'schema', n.nspname, 'name', r.relname, 'parts', to_jsonb(c.parts), 'inserted', c.inserted, 'updated', c.updated,
    'deleted', c.deleted, 'has_policies', row_security_active(r.oid), 'key', coalesce((
      select jsonb_agg(a.attname order by k.place)
      from pg_index as i
      cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
      join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = r.oid and i.indisprimary), '[]'),
    'left_out', case
      when not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(r.oid, 'select')) then 'rights'
      when c.bytes > tables_changed.most_bytes then 'size' end)
  from changed as c
  join pg_class as r on r.oid = c.relation
  join pg_namespace as n on n.oid = r.relnamespace
  order by n.nspname, r.relname
$$;

-- Rows of a table that a transaction of ours wrote (`xmin`) or replaced (`xmax`), as the snapshot of the query around it has them:
-- {rows: [{part, place, row}], is_cut}. `lists` is how many lists of lockers there were when the call began; how many there are now is
-- asked at each row, since other transactions make some meanwhile.
create or replace function howdah_private.touched_rows(
  tbl jsonb, mark text, lists int, most_rows int, most_bytes bigint
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_partitioned constant boolean := tbl -> 'parts' <> jsonb_build_array(tbl -> 'relation');
  v_row record;
  v_rows jsonb[] := '{}';
  v_bytes bigint := 0;
begin
  for v_row in execute format(
    'select t.tableoid as part, t.ctid as place, to_jsonb(t.*) as content from %s %I.%I as t where %s ((age(t.%5$s) <= 0 and howdah_private.is_own_subtransaction(t.%5$s)) %6$s)',
    case when not v_is_partitioned then 'only' end, tbl ->> 'schema', tbl ->> 'name',
    case when v_is_partitioned then 't.tableoid = any ($2) and' end, touched_rows.mark,
    case when touched_rows.mark = 'xmax' and mxid_age('1'::xid) > touched_rows.lists then
      'or (mxid_age(t.xmax) between 1 and mxid_age(''1''::xid) - $1 and howdah_private.is_among_lockers(t.xmax))' end)
    using touched_rows.lists, array(select p.value::oid from jsonb_array_elements_text(tbl -> 'parts') as p)
  loop
    v_bytes := v_bytes + octet_length(v_row.content::text);
    if cardinality(v_rows) = most_rows or v_bytes > most_bytes then
      return jsonb_build_object('rows', to_jsonb(v_rows), 'is_cut', true);
    end if;
    v_rows := v_rows || jsonb_build_object('part', v_row.part, 'place', v_row.place, 'row', v_row.content);
  end loop;
  return jsonb_build_object('rows', to_jsonb(v_rows), 'is_cut', false);
end $$;

-- Every changed table with the rows the call replaced. `results` is only there so that this is asked when the call is over.
create or replace function howdah_private.rows_before(counted jsonb, lists int, results text[], bounds jsonb) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(t.tbl || jsonb_build_object('before', case when t.tbl ->> 'left_out' is null then
      howdah_private.touched_rows(t.tbl, 'xmax', rows_before.lists, (bounds ->> 'rows')::int, (bounds ->> 'bytes')::bigint) end)), '[]')
    from howdah_private.tables_changed(rows_before.counted, (bounds ->> 'scanned')::bigint) as t (tbl)
  );
end $$;

-- Of rows that were marked those that are gone: a row that was only locked is marked as well, and is still there.
create or replace function howdah_private.rows_gone(tbl jsonb) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows constant jsonb := tbl #> '{before,rows}';
  v_there jsonb;
begin
  execute format('select coalesce(jsonb_object_agg(t.tableoid || '' '' || t.ctid, true), ''{}'') from %I.%I as t where t.ctid = any ($1)',
    tbl ->> 'schema', tbl ->> 'name')
    into v_there using array(select (r.value ->> 'place')::tid from jsonb_array_elements(v_rows) as r);
  return (
    select coalesce(jsonb_agg(r.value -> 'row'), '[]') from jsonb_array_elements(v_rows) as r
    where not v_there ? ((r.value ->> 'part') || ' ' || (r.value ->> 'place'))
  );
end $$;

-- Calls, and tells what changed: {results, tables: [{schema, name, key, inserted, updated, deleted, has_policies, left_out, before: [row], after: [row]}],
-- altered: [name]}. `altered` are tables and the like whose definition was changed, or which were truncated. `bounds` are the
-- rows and bytes of a table that are told, and the bytes of one that is looked through.
create or replace function howdah_private.call_watched(statement text, argument jsonb, path text, bounds jsonb) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counted constant jsonb := howdah_private.counted_changes();
  v_lists constant int := mxid_age('1'::xid);
  v_results text[];
  v_before jsonb;
  v_table jsonb;
  v_after jsonb;
  v_tables jsonb := '[]';
begin
  if not current_setting('track_counts')::boolean then
    raise exception using errcode = 'HWCNF', message = 'what this call would change cannot be told: this server does not count changes',
      hint = 'Set track_counts = on, or the tool''s configuration to {"dry_run": false}: then it is asked about without.';
  end if;
  with called as materialized (
    select howdah_private.call_with_deferred(call_watched.statement, call_watched.argument, call_watched.path) as results
  )
  select c.results, howdah_private.rows_before(v_counted, v_lists, c.results, call_watched.bounds)
  into v_results, v_before from called as c;
  for v_table in select b.value from jsonb_array_elements(v_before) as b loop
    if v_table ->> 'left_out' is null then
      v_after := howdah_private.touched_rows(v_table, 'xmin', 0, (bounds ->> 'rows')::int, (bounds ->> 'bytes')::bigint);
      v_table := v_table || jsonb_build_object(
        'left_out', case when (v_after ->> 'is_cut')::boolean or (v_table #>> '{before,is_cut}')::boolean then 'rows' end,
        'before', howdah_private.rows_gone(v_table),
        'after', jsonb_path_query_array(v_after, '$.rows[*].row'));
    else
      v_table := v_table - 'before';
    end if;
    v_tables := v_tables || jsonb_build_array(v_table - '{relation,parts}'::text[]);
  end loop;
  return jsonb_build_object('results', to_jsonb(v_results), 'tables', v_tables, 'altered', array(
    select c.oid::regclass::text from pg_class as c
    where age(c.xmin) <= 0 and howdah_private.is_own_subtransaction(c.xmin) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and c.relnamespace::regnamespace::text !~ '^(pg_temp|pg_toast|howdah_private|graphile_worker)'
    order by 1 limit 20));
end $$;
