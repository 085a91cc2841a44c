-- Computes what a call in SQL changes, for a user who is asked to approve it: the rows before and
-- after the call, in the transaction of the call and with its privileges only (howdah_tool, bound
-- to a tenant and a user, through run_as_tool_role). Nothing is installed on the tables:
--
-- * Changed tables: Postgres counts the inserts, updates and deletes of a transaction in each
--   table.
-- * Rows after the call: rows whose `xmin` is a transaction of this session. It is in progress, and
--   rows of other transactions in progress are invisible.
-- * Rows before the call: rows whose `xmax` is such a transaction, in the snapshot from before the
--   call. A stable function uses the snapshot of the query that calls it, and the call runs in that
--   query.

-- Returns the changes of this transaction so far, by table id. Tables of the engine are left out:
-- changes there, such as a wake-up, are not part of the approval.
create or replace function howdah_private.table_change_counts() returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(s.relid,
    jsonb_build_array(s.n_tup_ins, s.n_tup_upd, s.n_tup_del))::jsonb, '{}')
  from pg_stat_xact_user_tables as s
  where s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
    and s.schemaname not in ('howdah_private', 'graphile_worker')
    and s.schemaname !~ '^pg_temp'
$$;

-- Reports whether a transaction whose work is visible here is the current one or a subtransaction
-- of it (a savepoint or a block with exceptions). An xid has only the low 32 bits of a transaction
-- number; the xids of subtransactions follow that of the top transaction.
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
  return false; -- no such transaction yet: the number is that of a multixact
end $$;

-- Reports whether one of the lockers of a multixact is such a transaction. A multixact takes the
-- place of a single transaction when several hold a row.
create or replace function howdah_private.holds_lock(multixact xid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_get_multixact_members(holds_lock.multixact) as m
    where m.mode in ('nokeyupd', 'upd') and howdah_private.is_own_subtransaction(m.xid)
  )
$$;

-- Runs the call, including everything deferred to the commit.
create or replace function howdah_private.call_with_deferred(
  statement text, argument jsonb, path text
) returns text[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_results text[];
begin
  perform set_config('search_path', call_with_deferred.path, true);
  execute format('select array(%s)', call_with_deferred.statement) into v_results
    using call_with_deferred.argument;
  set constraints all immediate;
  return v_results;
end $$;

-- Returns the tables with more changes than before, a partitioned table as one: {relation, schema,
-- name, parts, inserted, updated, deleted, has_policies, key, left_out}. `has_policies` means that
-- policies may hide some of its rows. `left_out` is the reason why its rows are not searched: the
-- caller may not read all columns, or the table is too large to scan, since no index records the
-- writer of a row.
create or replace function howdah_private.changed_tables(counted jsonb, most_bytes bigint)
  returns setof jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with counts as (
    select c.key::oid as part, coalesce(pg_partition_root(c.key::oid)::oid, c.key::oid) as relation,
      (c.value ->> 0)::bigint - coalesce((counted #>> array[c.key, '0'])::bigint, 0) as inserted,
      (c.value ->> 1)::bigint - coalesce((counted #>> array[c.key, '1'])::bigint, 0) as updated,
      (c.value ->> 2)::bigint - coalesce((counted #>> array[c.key, '2'])::bigint, 0) as deleted
    from jsonb_each(howdah_private.table_change_counts()) as c
  ),
  changed as (
    select c.relation, array_agg(c.part) as parts, sum(c.inserted) as inserted,
      sum(c.updated) as updated,
      sum(c.deleted) as deleted, sum(coalesce(pg_relation_size(c.part), 0)) as bytes
    from counts as c where c.inserted + c.updated + c.deleted > 0 group by c.relation
  )
  select jsonb_build_object(
    'relation', r.oid, 'schema', n.nspname, 'name', r.relname, 'parts', to_jsonb(c.parts),
    'inserted', c.inserted, 'updated', c.updated,
    'deleted', c.deleted, 'has_policies', row_security_active(r.oid), 'key', coalesce((
      select to_jsonb(array_agg(a.attname order by k.place))
      from pg_index as i
      cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
      join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = r.oid and i.indisprimary), '[]'),
    'left_out', case
      when not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(r.oid, 'select'))
        then 'rights'
      when c.bytes > changed_tables.most_bytes then 'size' end)
  from changed as c
  join pg_class as r on r.oid = c.relation
  join pg_namespace as n on n.oid = r.relnamespace
  order by n.nspname, r.relname
$$;

-- Returns the rows of a table that this transaction wrote (`xmin`) or replaced (`xmax`), as the
-- snapshot of the calling query sees them: {rows: [{part, place, row}], is_cut}. `lists` is the
-- number of multixacts when the call began. Their present number is read at each row, since other
-- transactions keep creating some.
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
    'select t.tableoid as part, t.ctid as place, to_jsonb(t.*) as content from %s %I.%I as t '
    'where %s ((age(t.%5$s) <= 0 and howdah_private.is_own_subtransaction(t.%5$s)) %6$s)',
    case when not v_is_partitioned then 'only' end, tbl ->> 'schema', tbl ->> 'name',
    case when v_is_partitioned then 't.tableoid = any ($2) and' end, touched_rows.mark,
    case when touched_rows.mark = 'xmax' and mxid_age('1'::xid) > touched_rows.lists then
      'or (mxid_age(t.xmax) between 1 and mxid_age(''1''::xid) - $1 '
        'and howdah_private.holds_lock(t.xmax))' end)
    using touched_rows.lists,
      array(select p.value::oid from jsonb_array_elements_text(tbl -> 'parts') as p)
  loop
    v_bytes := v_bytes + octet_length(v_row.content::text);
    if cardinality(v_rows) = most_rows or v_bytes > most_bytes then
      return jsonb_build_object('rows', to_jsonb(v_rows), 'is_cut', true);
    end if;
    v_rows := v_rows || jsonb_build_object('part', v_row.part, 'place', v_row.place,
      'row', v_row.content);
  end loop;
  return jsonb_build_object('rows', to_jsonb(v_rows), 'is_cut', false);
end $$;

-- Returns every changed table with the rows that the call replaced. `results` is an argument only
-- to make this function run after the call.
create or replace function howdah_private.rows_before(
  counted jsonb, lists int, results text[], bounds jsonb
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(to_jsonb(array_agg(t.tbl || jsonb_build_object('before',
      case when t.tbl ->> 'left_out' is null then howdah_private.touched_rows(
        t.tbl, 'xmax', rows_before.lists, (bounds ->> 'rows')::int, (bounds ->> 'bytes')::bigint)
      end))), '[]')
    from howdah_private.changed_tables(rows_before.counted,
      (bounds ->> 'scanned')::bigint) as t (tbl)
  );
end $$;

-- Returns the marked rows that no longer exist: a row that was only locked is marked as well, but
-- still exists.
create or replace function howdah_private.removed_rows(tbl jsonb) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows constant jsonb := tbl #> '{before,rows}';
  v_there jsonb;
begin
  execute format(
    'select coalesce(json_object_agg(t.tableoid || '' '' || t.ctid, true)::jsonb, ''{}'') '
    'from %I.%I as t where t.ctid = any ($1)',
    tbl ->> 'schema', tbl ->> 'name')
    into v_there using array(select (r.value ->> 'place')::tid
      from jsonb_array_elements(v_rows) as r);
  return (
    select coalesce(to_jsonb(array_agg(
      r.value -> 'row')), '[]') from jsonb_array_elements(v_rows) as r
    where not v_there ? ((r.value ->> 'part') || ' ' || (r.value ->> 'place'))
  );
end $$;

-- Makes a call and returns its changes: {results, tables: [{schema, name, key, inserted, updated,
-- deleted, has_policies, left_out, before: [row], after: [row]}], altered: [name]}. `altered` lists
-- tables and other relations whose definition changed or that were truncated. `bounds` limits the
-- rows and bytes returned per table, and the bytes of a table that is scanned.
create or replace function howdah_private.call_with_diff(
  statement text, argument jsonb, path text, bounds jsonb
) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counted constant jsonb := howdah_private.table_change_counts();
  v_lists constant int := mxid_age('1'::xid);
  v_results text[];
  v_before jsonb;
  v_table jsonb;
  v_after jsonb;
  v_tables jsonb := '[]';
begin
  if not current_setting('track_counts')::boolean then
    raise exception using errcode = 'HWCNF',
      message = 'cannot show what this call changes: track_counts is off on this server',
      hint = 'Set track_counts = on. Or set {"dry_run": false} in the configuration of the tool, '
        'so that approvals are asked without a preview.';
  end if;
  with called as materialized (
    select howdah_private.call_with_deferred(call_with_diff.statement, call_with_diff.argument,
      call_with_diff.path) as results
  )
  select c.results, howdah_private.rows_before(v_counted, v_lists, c.results, call_with_diff.bounds)
  into v_results, v_before from called as c;
  for v_table in select b.value from jsonb_array_elements(v_before) as b loop
    if v_table ->> 'left_out' is null then
      v_after := howdah_private.touched_rows(v_table, 'xmin', 0, (bounds ->> 'rows')::int,
        (bounds ->> 'bytes')::bigint);
      v_table := v_table || jsonb_build_object(
        'left_out', case when (v_after ->> 'is_cut')::boolean
          or (v_table #>> '{before,is_cut}')::boolean then 'rows' end,
        'before', howdah_private.removed_rows(v_table),
        'after', jsonb_path_query_array(v_after, '$.rows[*].row'));
    else
      v_table := v_table - 'before';
    end if;
    v_tables := v_tables || jsonb_build_array(v_table - '{relation,parts}'::text[]);
  end loop;
  return jsonb_build_object('results', to_jsonb(v_results), 'tables', v_tables, 'altered', array(
    select c.oid::regclass::text from pg_class as c
    where age(c.xmin) <= 0 and howdah_private.is_own_subtransaction(c.xmin)
      and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and c.relnamespace::regnamespace::text !~ '^(pg_temp|pg_toast|howdah_private|graphile_worker)'
    order by 1 limit 20));
end $$;
