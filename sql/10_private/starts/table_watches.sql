-- Watched tables: tables of users whose rows begin runs (howdah.watch_table). Three sets of
-- privileges meet here. A login that inserts into the table needs no privileges of Howdah: the
-- trigger belongs to the engine. The trigger reads rows as text, by the output functions of their
-- types, since anything else (to_jsonb, a cast) may call code of the owner of the table. The
-- expressions of a watch, and all code that touches the values of a row, run as howdah_tool. The
-- answer is written as howdah_writer, bound to no tenant, in the sandbox for foreign SQL. That role
-- holds privileges on the tables of all tenants, and no other SQL may use them.

-- Evaluates a watch on rows (as text). Returns, for the rows that meet its condition, the input for
-- the agent, the key, the value of the column that the answer goes into, and the keys of the run.
create or replace function howdah_private.watched_inputs(query text, rows text[])
  returns table (
    place bigint, input text, row_key jsonb, value text, concurrency_key text, debounce_key text
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query execute watched_inputs.query using watched_inputs.rows;
end $$;

-- Plans a query without running it, to find out whether Postgres accepts an expression.
create or replace function howdah_private.plan_watch(query text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  execute 'explain ' || plan_watch.query;
end $$;

-- Returns a query that parses a row of the table from its text. Computes virtual generated columns
-- (Postgres 18) again, since a trigger does not get their values.
create or replace function howdah_private.row_parsing_query(watched regclass) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when bool_or(a.attgenerated = 'v') then format(
      'select %s from (select (howdah_rows.image::%s).*) as howdah_row',
      string_agg(case when a.attgenerated = 'v'
        then format('(%s) as %I', pg_get_expr(d.adbin, d.adrelid), a.attname)
        else format('howdah_row.%I', a.attname) end, ', ' order by a.attnum),
      row_parsing_query.watched)
    else format('select (howdah_rows.image::%s).*', row_parsing_query.watched) end
  from pg_catalog.pg_attribute as a
  left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = row_parsing_query.watched and a.attnum > 0 and not a.attisdropped
$$;

-- Converts a value to JSON, independent of the settings of the session: they change how
-- timestamptz, bytea and intervals look. Keys and values are stored by the session that writes a
-- row, and compared by other sessions and by workers.
create or replace function howdah_private.canonical_json(value anyelement) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set timezone = 'UTC' set bytea_output = 'hex'
  set intervalstyle = 'postgres' set extra_float_digits = 1
as $$
begin
  return to_jsonb(canonical_json.value);
end $$;

-- Converts a value to the text form of its type, independent of the settings of the session. The
-- JSON of an array or a composite lacks what distinguishes some values: the bounds of an array,
-- and whether a member is null or the JSON null. Does not use a cast, which may be the user's.
create or replace function howdah_private.canonical_text(value anyelement) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set timezone = 'UTC' set bytea_output = 'hex'
  set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = 1
as $$
begin
  return format('%s', canonical_text.value);
end $$;

-- Returns the expression for canonical_json of a column. Types that no setting affects use to_jsonb
-- directly, since the expression runs for each of many rows.
create or replace function howdah_private.json_expression(
  watched regclass, "column" text, of_row text
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format(case
      when howdah_private.base_type(a.atttypid) = any (
        '{bool, int2, int4, int8, numeric, text, varchar, bpchar, uuid, date, '
        'json, jsonb}'::regtype[])
      then 'to_jsonb(%I.%I)' else 'howdah_private.canonical_json(%I.%I)' end, of_row, "column")
  from (select) as always
  left join pg_catalog.pg_attribute as a
    on a.attrelid = json_expression.watched and a.attname = json_expression."column"
      and not a.attisdropped
$$;

-- Returns the expression for a key column in `row_key`: JSON that identifies the value.
create or replace function howdah_private.key_expression(
  watched regclass, "column" text, of_row text
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when y.typcategory in ('A', 'C')
    then format('to_jsonb(howdah_private.canonical_text(%I.%I))', of_row, "column")
    else howdah_private.json_expression(watched, "column", of_row) end
  from (select) as always
  left join pg_catalog.pg_attribute as a
    on a.attrelid = key_expression.watched and a.attname = key_expression."column"
      and not a.attisdropped
  left join pg_catalog.pg_type as y on y.oid = howdah_private.base_type(a.atttypid)
$$;

-- Builds the query of a watch. The expressions are in parentheses on lines of their own, so that a
-- comment at their end hides nothing of the query.
create or replace function howdah_private.watch_query(watched regclass, watch howdah.table_triggers)
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format(
    E'select howdah_rows.place, (\n%1$s\n)::text, jsonb_build_object(%2$s), %3$s, '
    '(\n%7$s\n)::text, (\n%8$s\n)::text '
    'from unnest($1) with ordinality as howdah_rows (image, place)\n'
    'cross join lateral (%4$s) as %5$I\nwhere (\n%6$s\n)',
    (watch).input,
    (select string_agg(
        format('%L, %s', k.name, howdah_private.key_expression(c.oid, k.name, c.relname)), ', ')
      from unnest((watch).key_columns) as k (name)),
    case when (watch).into_column is null then 'null::text'
      else howdah_private.json_expression(c.oid, (watch).into_column, c.relname) || '::text' end,
    howdah_private.row_parsing_query(c.oid), c.relname, coalesce((watch).condition, 'true'),
    coalesce((watch).concurrency_key, 'null'), coalesce((watch).debounce_key, 'null'))
  from pg_catalog.pg_class as c where c.oid = watch_query.watched
$$;

-- Refuses text that is not a single expression over the columns of the table. Text that closes a
-- parenthesis is no expression within `case`, and text that closes the `case` is none within
-- parentheses. Aggregates and set-returning functions are refused at the place of the expression.
create or replace function howdah_private.check_watch_expression(
  watched regclass, field text, expression text
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $body$
declare
  v_relname name;
begin
  select c.relname into v_relname from pg_catalog.pg_class as c
  where c.oid = check_watch_expression.watched;
  perform howdah_private.plan_watch(format(
    E'select from (select (null::%1$s).*) as %2$I where (\n%3$s\n) %4$s '
    'and (case when true then (\n%3$s\n) else\n%3$s\nend) %4$s',
    watched, v_relname, expression, case field when 'condition' then '' else 'is null' end));
exception when insufficient_privilege then
  raise exception using errcode = 'HWDEN',
    message = format('%s cannot be evaluated: %s', field, sqlerrm),
    detail = jsonb_build_object('field', field)::text,
    hint = 'The expression runs with the privileges of howdah_app. Grant howdah_app privileges on '
      'the tables, functions and schemas of the expression.';
when others then
  raise exception using errcode = 'HWINV',
    message = format('%s is not an expression over the columns of %s: %s', field, watched, sqlerrm),
    detail = jsonb_build_object('field', field, 'expression', expression)::text,
    hint = case field when 'condition'
      then $h$Write one expression that is true or false, such as $$status = 'new'$$.$h$
      when 'input' then $h$Write one expression for one row, such as $$'Answer: ' || body$$; $h$
        || 'write functions with their schema.'
      when 'content' then 'Write a column or one expression for one row, such as body; '
        || 'write functions with their schema.'
      when 'metadata' then $h$Write one expression, such as jsonb_build_object('year', year); $h$
        || 'write functions with their schema.'
      else $h$Write one expression for one row, such as $$'customer-' || customer_id$$; $h$
        || 'write functions with their schema.' end;
end $body$;

-- Returns the chain of watches that led to this statement, with this watch at the end. For most
-- statements the chain is this watch alone. It is longer when an answer is written back, or when a
-- tool or a hook of a watched run writes. Returns null when the watch would fire on its own answer.
-- Refuses a chain of more than 8 watches. The run that writes stands in the signed binding. SQL
-- that has removed its binding could hide the chain, so it begins no runs.
create or replace function howdah_private.watch_chain(watch_id uuid, watched regclass)
  returns uuid[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_path uuid[];
begin
  if howdah_private.is_bound() then
    if not exists (select from howdah_private.verified_binding()) then
      raise exception using errcode = 'HWDEN',
        message = format('this statement may not write the watched table %s: '
          'the setting howdah.bound was changed', watch_chain.watched),
        detail = jsonb_build_object('table_trigger_id', watch_chain.watch_id)::text,
        hint = 'Do not change howdah.bound: it identifies the run of the statement.';
    end if;
    select w.watches into v_path from howdah.executions as e
    join howdah.watched_rows as w on w.execution_id = e.root_execution_id
    where e.id = howdah_private.bound_execution_id();
  end if;
  if watch_chain.watch_id = any (v_path) and current_setting('role') = 'howdah_writer' then
    return null;
  elsif cardinality(v_path) > 7 then
    raise exception using errcode = 'HWCNF',
      message = format('maximum chain of watches (8) reached: %s would be the ninth',
        watch_chain.watched),
      detail = jsonb_build_object('table_trigger_id', watch_chain.watch_id)::text,
      hint = 'A tool of an agent writes into a table whose watch runs that agent again: '
        'narrow the condition of the watch.';
  end if;
  return v_path || watch_chain.watch_id;
end $$;

-- Returns rows with their places and keys, so that an update of many rows finds each old row.
create or replace function howdah_private.watched_keys(
  watch howdah.table_triggers, watched regclass, rows text[]
) returns table (place bigint, image text, row_key jsonb)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys howdah.table_triggers := watched_keys.watch;
begin
  v_keys.input := 'null';
  v_keys.condition := null;
  v_keys.into_column := null;
  v_keys.concurrency_key := null;
  v_keys.debounce_key := null;
  return query
  select r.place, r.image, k.row_key
  from howdah_private.watched_inputs(
    howdah_private.watch_query(watched_keys.watched, v_keys), watched_keys.rows) as k
  join unnest(watched_keys.rows) with ordinality as r (image, place) on r.place = k.place;
exception when data_exception or syntax_error_or_access_rule_violation or invalid_schema_name then
  perform howdah_private.raise_unreadable_row(
    watched_keys.watch, watched_keys.watched, sqlerrm);
end $$;

-- Refuses a statement whose rows a watch cannot read: the table, or an object in an expression, has
-- changed since.
create or replace function howdah_private.raise_unreadable_row(
  watch howdah.table_triggers, watched regclass, reason text
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('the watch of %s cannot read a row: %s', watched, reason),
    detail = jsonb_build_object('table_trigger_id', (watch).id, 'input', (watch).input,
      'condition', (watch).condition)::text,
    hint = 'Call howdah.watch_table again with an expression that fits every row; '
      'howdah.unwatch_table ends the watch.';
end $$;

-- Returns the changed rows for which a watch begins runs. An update counts only if the input of the
-- row changed. Of the rows with one debounce key only the last begins a run. The order is that of
-- the debounce keys, so that two statements do not wait for each other.
create or replace function howdah_private.runs_for_changed_rows(
  watch howdah.table_triggers, watched regclass, rows text[], old_rows text[]
) returns table (
    id uuid, input text, row_key jsonb, value_sha256 bytea, concurrency_key text, debounce_key text
  )
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with query as materialized (
    select howdah_private.watch_query(
      runs_for_changed_rows.watched, runs_for_changed_rows.watch) as text
  ),
  inputs as materialized (
    select h.* from query as q
    cross join lateral howdah_private.watched_inputs(q.text, runs_for_changed_rows.rows) as h
    where h.input is not null
  ),
  old_inputs as materialized (
    select h.* from query as q
    cross join lateral howdah_private.watched_inputs(q.text, runs_for_changed_rows.old_rows) as h
  ),
  changed as (
    select h.place, h.input, h.row_key, h.value,
      case when h.concurrency_key ~ '\S' then h.concurrency_key end as concurrency_key,
      case when h.debounce_key ~ '\S' then h.debounce_key end as debounce_key,
      max(h.place) over (partition by h.debounce_key) as last_place
    from inputs as h left join old_inputs as b on b.row_key = h.row_key
    where b.input is distinct from h.input
  )
  select howdah.uuid_v7(), c.input, c.row_key, sha256(convert_to(c.value, 'UTF8')),
    c.concurrency_key, c.debounce_key
  from changed as c
  where c.debounce_key is null or c.place = c.last_place
  order by c.debounce_key collate "C" nulls first, c.place
$$;

-- Inserts a run for each changed row that meets the watch, in the transaction of the change. The
-- rows arrive in batches, each with its old rows. An update counts only if the input of the row
-- changed.
--
-- Debounce keys are locked in their order within a batch. Two statements of several batches may
-- lock the same keys in opposite order; Postgres then ends one of them as a deadlock.
create or replace function howdah_private.insert_watched_runs(
  watch howdah.table_triggers, watched regclass, path uuid[], rows text[], old_rows text[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_message text;
  v_detail text;
  v_hint text;
begin
  with due as materialized (
    select r.* from howdah_private.runs_for_changed_rows(insert_watched_runs.watch,
      insert_watched_runs.watched, insert_watched_runs.rows, insert_watched_runs.old_rows) as r
  ),
  runs as (
    insert into howdah.executions (
      id, tenant_id, agent_id, workflow_id, input, input_trust, metadata, table_trigger_id,
      concurrency_key, debounce_key, debounce_ms
    )
    -- the author of the row is unknown, so the input is external
    select d.id, (watch).tenant_id, (watch).agent_id, (watch).workflow_id, d.input, 'external',
      jsonb_build_object('table', (watch).table_name, 'row', d.row_key), (watch).id,
      d.concurrency_key, d.debounce_key,
      case when d.debounce_key is not null then (watch).debounce_ms end
    from due as d
    returning executions.id::uuid as id, executions.debounce_key
  )
  insert into howdah.watched_rows (
    execution_id, tenant_id, table_trigger_id, row_key, watches, value_sha256, write_back
  )
  -- a debounced run may be there already, with another id
  select coalesce(r.id, d.id), (watch).tenant_id, (watch).id, d.row_key, insert_watched_runs.path,
    d.value_sha256,
    case when (watch).into_column is not null then 'waiting' end::howdah.write_back_status
  from due as d left join runs as r on r.debounce_key = d.debounce_key;
exception when data_exception or syntax_error_or_access_rule_violation or invalid_schema_name then
  perform howdah_private.raise_unreadable_row(
    insert_watched_runs.watch, insert_watched_runs.watched, sqlerrm);
-- the writer of the row may not know that the table begins runs
when sqlstate 'HWCNF' or sqlstate 'HWQTA' or sqlstate 'HWINV' or sqlstate 'HWDEN'
  or sqlstate 'HWNTF' then
  if (watch).on_refusal = 'record' then
    perform howdah_private.insert_or_record_watched_runs(watch, path, rows, old_rows,
      insert_watched_runs.watched);
    return;
  end if;
  get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
    v_hint = pg_exception_hint;
  raise exception using errcode = sqlstate, message = v_message, detail = v_detail,
    hint = concat_ws(' ', nullif(v_hint, ''), format(
      'The watch of %s could not begin a run; howdah.unwatch_table(%L) ends the watch.',
      insert_watched_runs.watched, insert_watched_runs.watched::text));
end $$;

-- Trigger of a watched table; its argument is the watch. Runs per statement, so that many rows at
-- once stay cheap. Must not call functions of other owners: record_out calls only the output
-- functions of types. It gets `n.*`, since `n` may be a column of the table.
--
-- A statement may change millions of rows, and an array holds at most 1 GB. So rows go in batches
-- of 1,000 rows and about 16 MB. An update compares a row with the old row of the same key. For a
-- few rows one call compares all. For more, a join finds the old rows of each batch; only there are
-- keys worked out twice.
create or replace function howdah_private.tg__watch() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  -- whole numbers and times with their zone, whatever the session sets: before 18, IST is Israel's.
  -- Scripts of pg_dump set row_security to off, and the engine reads through policies
  set row_security = on set extra_float_digits = 1 set datestyle = 'ISO'
as $$
declare
  v_watch howdah.table_triggers;
  v_path uuid[];
  v_rows text[];
  v_old_rows text[];
begin
  select w.* into v_watch from howdah.table_triggers as w
  where w.id = tg_argv[0]::uuid and w.is_active;
  v_path := howdah_private.watch_chain(v_watch.id, tg_relid) where v_watch.id is not null;
  if v_path is null then
    return null;
  elsif tg_op = 'INSERT' then
    for v_rows in
      select array_agg(n.image order by n.place) from (
        select r.image, row_number() over w - 1 as place, sum(octet_length(r.image)) over w as bytes
        from (select record_out(n.*)::text as image from new_rows as n) as r
        window w as (rows unbounded preceding)
      ) as n
      group by n.place / 1000, n.bytes / 16777216 order by min(n.place)
    loop
      perform howdah_private.insert_watched_runs(v_watch, tg_relid, v_path, v_rows, '{}');
    end loop;
  elsif not exists (select from old_rows offset 10) then
    perform howdah_private.insert_watched_runs(v_watch, tg_relid, v_path,
      array(select record_out(n.*)::text from new_rows as n),
      array(select record_out(o.*)::text from old_rows as o)) where exists (select from new_rows);
  else
    for v_rows, v_old_rows in
      with images as (
        select i.*, row_number() over w - 1 as place, sum(octet_length(i.image)) over w as bytes
        from (
          select true as is_new, record_out(n.*)::text as image from new_rows as n
          union all select false, record_out(o.*)::text from old_rows as o
        ) as i
        window w as (rows unbounded preceding)
      ),
      batches as (
        select i.is_new, min(i.place) as place, array_agg(i.image order by i.place) as rows
        from images as i group by i.is_new, i.place / 1000, i.bytes / 16777216
      ),
      keys as materialized (
        select b.is_new, b.place + k.place as place, k.image, k.row_key from batches as b
        cross join lateral howdah_private.watched_keys(v_watch, tg_relid, b.rows) as k
      ),
      pairs as (
        select n.image, o.image as old_image, row_number() over w - 1 as place,
          sum(octet_length(n.image) + coalesce(octet_length(o.image), 0)) over w as bytes
        from keys as n left join keys as o on o.row_key = n.row_key and not o.is_new where n.is_new
        window w as (order by n.place rows unbounded preceding)
      )
      select array_agg(p.image order by p.place),
        array_agg(p.old_image) filter (where p.old_image is not null)
      from pairs as p group by p.place / 1000, p.bytes / 16777216 order by min(p.place)
    loop
      perform howdah_private.insert_watched_runs(
        v_watch, tg_relid, v_path, v_rows, coalesce(v_old_rows, '{}'));
    end loop;
  end if;
  return null;
end $$;

-- Returns the table of a watch: the table that has its trigger. A name would prove nothing, but
-- only the engine can create a trigger that calls tg__watch. Returns null if the table was dropped,
-- or if the watch ended.
create or replace function howdah_private.watched_table(watch_id uuid) returns regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select t.tgrelid from pg_catalog.pg_trigger as t
  where t.tgfoid = 'howdah_private.tg__watch'::regproc and not t.tgisinternal and t.tgparentid = 0
    and t.tgname in (howdah_private.watch_name(watched_table.watch_id),
      howdah_private.watch_name(watched_table.watch_id) || '_update')
  limit 1
$$;

-- Returns a sentence about the tenant role whose code would run when an answer is written into a
-- table, or null. howdah_writer holds privileges on the watched columns of all tenants, so such
-- code could read and write the answers of others. Checks the owners of the table, its partitions
-- and descendants; of the triggers, rules, policies, checks, defaults and indexes on them; and of
-- the functions, types and operators behind those. A trigger that is added later is found when an
-- answer is written (check_tenant_code).
create or replace function howdah_private.tenant_code_fault(watched regclass) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp set jit = off
as $$
  with recursive tables (oid) as (
    select tenant_code_fault.watched::oid
    union
    select i.inhrelid from tables as t join pg_inherits as i on i.inhparent = t.oid
  ),
  objects (classid, objid) as (
    select 'pg_class'::regclass::oid, t.oid from tables as t
    union
    select n.classid, n.objid from objects as o
    cross join lateral (
      select d.classid, d.objid from pg_depend as d -- parts of the object
      where (d.refclassid, d.refobjid) = (o.classid, o.objid) and d.deptype in ('a', 'i')
        and o.classid in ('pg_class'::regclass, 'pg_type'::regclass)
        and not exists (select from pg_trigger as t
          where d.classid = 'pg_trigger'::regclass and t.oid = d.objid and t.tgenabled = 'D')
      union all
      select d.refclassid, d.refobjid from pg_depend as d -- objects that it calls
      where (d.classid, d.objid) = (o.classid, o.objid)
        and d.refclassid in ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass)
    ) as n
  ),
  -- materialized: else is_tenant_role is asked of every owned object of the database
  roles (role, reason) as materialized (
    select s.refobjid,
      format('%s belongs to %s', pg_describe_object(o.classid, o.objid, 0), s.refobjid::regrole)
    from objects as o
    cross join lateral ( -- looks each object up by its key; a join reads those of the database
      select d.refobjid from pg_shdepend as d
      where (d.classid, d.objid, d.deptype) = (o.classid, o.objid, 'o')
        and d.dbid = (select b.oid from pg_database as b where b.datname = current_database())
      offset 0
    ) as s
  )
  select r.reason || ', a role of tenants' from roles as r
  where howdah_private.is_tenant_role(r.role) order by 1 limit 1
$$;

-- Refuses to commit an answer if code of a tenant was on the table during the write. Runs after the
-- write, whose lock on the table keeps triggers, policies and owners as they were.
create or replace function howdah_private.check_tenant_code(watched regclass) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := howdah_private.tenant_code_fault(check_tenant_code.watched);
begin
  if v_reason is not null then
    raise exception using errcode = 'HWDEN',
      message = format('cannot write an answer into %s: %s', check_tenant_code.watched, v_reason);
  end if;
end $$;

-- Returns the columns of the primary key of a table, in key order.
create or replace function howdah_private.primary_key_of(watched regclass) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select a.attname::text from pg_catalog.pg_index as i
    cross join unnest(i.indkey) with ordinality as k (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = primary_key_of.watched and i.indisprimary order by k.place)
$$;

-- Returns the reason why an answer can no longer be written into the table, or null. The row must
-- be found by its whole key, or other rows would be written, and the column must exist.
create or replace function howdah_private.write_back_fault(
  watched regclass, watch howdah.table_triggers, row_key jsonb
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when k.name = '{}' or not k.name <@ (watch).key_columns
      or not row_key ?& (watch).key_columns or exists (
      select from unnest((watch).key_columns) as c (name) where not exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = write_back_fault.watched and a.attname = c.name
          and not a.attisdropped))
      then format('the primary key of %s is no longer (%s), which identified the row',
        write_back_fault.watched, (select string_agg(quote_ident(c.name), ', ')
          from jsonb_object_keys(write_back_fault.row_key) as c (name)))
    when not exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = write_back_fault.watched and a.attname = (watch).into_column
        and a.attnum > 0 and not a.attisdropped)
      then format('%s no longer has the column %s', write_back_fault.watched, (watch).into_column)
  end
  from (select howdah_private.primary_key_of(write_back_fault.watched) as name) as k
$$;

-- Returns the type below the domains of a type, without its length: a cast to varchar(20) truncates
-- longer text, where an assignment refuses it.
create or replace function howdah_private.base_type(type oid) returns oid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive below as (
    select t.oid, t.typbasetype from pg_catalog.pg_type as t where t.oid = base_type.type
    union all
    select t.oid, t.typbasetype from pg_catalog.pg_type as t
    join below as b on t.oid = b.typbasetype
  )
  select b.oid from below as b where b.typbasetype = 0
$$;

-- Returns the equality of a column of a primary key, with its schema: the schema of an extension,
-- such as citext or ltree, need not be in the search path.
create or replace function howdah_private.key_equality(watched regclass, attnum int2) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select format('operator(%I.%s)', n.nspname, o.oprname)
    from pg_catalog.pg_index as i
    cross join unnest(i.indkey::int2[], i.indclass::oid[]) as k (attnum, opclass)
    join pg_catalog.pg_opclass as c on c.oid = k.opclass
    join pg_catalog.pg_am as m on m.oid = c.opcmethod and m.amname = 'btree'
    join pg_catalog.pg_amop as a on a.amopfamily = c.opcfamily and a.amopstrategy = 3 -- equal
      and (a.amoplefttype, a.amoprighttype) = (c.opcintype, c.opcintype)
    join pg_catalog.pg_operator as o on o.oid = a.amopopr
    join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
    where i.indrelid = key_equality.watched and i.indisprimary and k.attnum = key_equality.attnum
  ), '=')
$$;

-- Builds the condition for the row t whose key is the object `key` in `argument`, which is an
-- expression.
create or replace function howdah_private.row_key_condition(
  watched regclass, key_columns text[], argument text default '$1'
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(format(case
      when y.oid = 'jsonb'::regtype then 't.%I %s (%s -> %L -> %L)::%s'
      -- releases before canonical_text wrote arrays and composites as JSON, which matches no row
      when y.typcategory in ('A', 'C') then
        't.%1$I %2$s (case jsonb_typeof(%3$s -> %4$L -> %5$L) when ''string'' '
        'then %3$s -> %4$L ->> %5$L end)::%6$s'
      else 't.%I %s (%s -> %L ->> %L)::%s' end,
    k.attname, howdah_private.key_equality(k.attrelid, k.attnum), row_key_condition.argument,
    'key', k.attname, format_type(k.atttypid, k.atttypmod)), ' and ')
  from pg_catalog.pg_attribute as k
  join pg_catalog.pg_type as y on y.oid = howdah_private.base_type(k.atttypid)
  where k.attrelid = row_key_condition.watched and k.attname = any (row_key_condition.key_columns)
$$;

-- Builds the statement that writes answers of a watch and returns their outcomes in order. The
-- sandbox takes a single statement that returns one column of text. $1 is an array with an object
-- per answer. Workers of earlier releases give one object.
create or replace function howdah_private.write_statement(
  watched regclass, watch howdah.table_triggers
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format(
    'with given as materialized (select g.argument, g.place from jsonb_array_elements('
    'case jsonb_typeof($1) when %7$L then $1 else jsonb_build_array($1) end) '
    'with ordinality as g (argument, place)), '
    'written as (update %1$s as t set %2$I = %3$s from given as g where %4$s '
    'and encode(sha256(convert_to(%11$s::text, %5$L)), %6$L) '
    'is not distinct from g.argument ->> %12$L returning g.place) '
    'select case when exists (select from written as w where w.place = g.place) then %8$L '
    'when exists (select from %1$s as t where %4$s) then %9$L else %10$L end '
    'from given as g order by g.place',
    watched::text, (watch).into_column,
    case when b.type in ('json'::regtype, 'jsonb'::regtype)
      then format('coalesce(nullif(g.argument -> %L, %L), g.argument -> %L)::',
        'output_data', 'null', 'output')
      else format('(g.argument ->> %L)::', 'output') end || format_type(b.type, -1),
    howdah_private.row_key_condition(
      write_statement.watched, (watch).key_columns, 'g.argument'),
    'UTF8', 'hex', 'array', 'written', 'superseded', 'gone',
    howdah_private.json_expression(a.attrelid, a.attname, 't'), 'before')
  from pg_catalog.pg_attribute as a
  cross join howdah_private.base_type(a.atttypid) as b (type)
  where a.attrelid = write_statement.watched and a.attname = (watch).into_column
$$;
