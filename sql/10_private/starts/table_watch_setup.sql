-- Setup of watches, called by howdah.watch_table. The functions here run with the privileges of the
-- caller, who owns the database.

create or replace function howdah_private.require_database_owner(what text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN',
      message = format('only an owner of the database may %s', require_database_owner.what),
      hint = 'Connect as the database''s owner: npx howdah db url.';
  end if;
end $$;

-- Resolves the name of a table. Returns null if there is no such table, and for text that is not a
-- name (a.b.c.d), for which Postgres would raise an error of its own.
create or replace function howdah_private.resolve_table(target text) returns regclass
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return to_regclass(resolve_table.target);
exception when syntax_error or invalid_name or feature_not_supported then
  return null;
end $$;

-- Returns whether a schema belongs to Postgres, to Howdah or to its queue, or is temporary.
create or replace function howdah_private.is_system_schema(name text) returns boolean
  language sql immutable
  return is_system_schema.name in (
      'pg_catalog', 'information_schema', 'howdah', 'howdah_private', 'graphile_worker')
    or is_system_schema.name like 'pg\_%';

-- Returns what to write instead of the name of a table that does not exist. Suggests only tables
-- that the caller may watch: the nearest name in the schema that was written, else the same name in
-- other schemas.
create or replace function howdah_private.missing_table_hint(target text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with written as (
    -- Tickets without quotes is tickets
    select lower(btrim(regexp_replace(missing_table_hint.target, '^.*\.', ''), '"')) as name,
      lower(btrim(substring(missing_table_hint.target from '([^.]*)\.[^.]*$'), '"')) as in_schema
  ),
  own_tables as (
    select c.relname::text as name, n.nspname::text as in_schema,
      format('%I.%I', n.nspname, c.relname) as full_name
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and pg_has_role(c.relowner, 'member')
      and not howdah_private.is_system_schema(n.nspname)
  ),
  nearest as (
    select quote_ident(t.in_schema) || '.' || quote_ident(
      howdah_private.nearest_word(w.name, array_agg(t.name order by t.name))) as full_name
    from written as w
    join own_tables as t on lower(t.in_schema) = w.in_schema
    group by w.name, t.in_schema
  ),
  same_name as (
    select string_agg(t.full_name, ' or ' order by t.full_name) as full_names
    from written as w
    join own_tables as t on lower(t.name) = w.name
  )
  select case
    when w.in_schema is null
      then 'Write the name with its schema: ' || coalesce(s.full_names, 'public.tickets') || '.'
    else coalesce(
      'Did you mean ' || coalesce(n.full_name, s.full_names) || '?',
      'To list the tables of all schemas in psql: \dt *.*') end
  from written as w
  cross join same_name as s
  left join nearest as n on true
$$;

-- Resolves the name of a table, and refuses a table that may not be watched.
create or replace function howdah_private.resolve_watchable_table(target text) returns regclass
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_class pg_catalog.pg_class;
  v_schema name;
  v_reason text;
begin
  perform howdah_private.require_database_owner('watch tables');
  select c.* into v_class from pg_catalog.pg_class as c
  where c.oid = howdah_private.resolve_table(resolve_watchable_table.target);
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no table %s',
        coalesce(quote_literal(resolve_watchable_table.target), 'null')),
      detail = jsonb_build_object('table', resolve_watchable_table.target)::text,
      hint = howdah_private.missing_table_hint(resolve_watchable_table.target);
  end if;
  select n.nspname into v_schema from pg_catalog.pg_namespace as n
  where n.oid = v_class.relnamespace;
  v_reason := case
    when howdah_private.is_system_schema(v_schema)
      then 'it is in a system schema, or temporary'
    when v_class.relkind not in ('r', 'p') then 'it is not a table'
    when v_class.relispartition then 'it is a partition: watch the whole table'
  end;
  if v_reason is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s cannot be watched: %s', resolve_watchable_table.target, v_reason),
      detail = jsonb_build_object('table', resolve_watchable_table.target)::text,
      hint = 'Watch a plain or partitioned table of your own.';
  elsif not pg_has_role(v_class.relowner, 'member') then
    raise exception using errcode = 'HWDEN',
      message = format('%s belongs to %s', v_class.oid::regclass, v_class.relowner::regrole),
      detail = jsonb_build_object(
        'table', v_class.oid::regclass::text, 'owner', v_class.relowner::regrole::text)::text,
      hint = format('Only the owner of a table may watch it: grant %s to %I, '
        'or connect as a superuser.', v_class.relowner::regrole, current_user);
  end if;
  v_reason := howdah_private.tenant_code_fault(v_class.oid);
  if v_reason is not null then
    raise exception using errcode = 'HWDEN',
      message = format('%s cannot be watched: %s', v_class.oid::regclass, v_reason),
      detail = jsonb_build_object('table', v_class.oid::regclass::text)::text,
      hint = 'Code of a watched table runs with privileges on the watched tables of all tenants. '
        'Give the table and its functions to a role that no login of a tenant is a member of.';
  end if;
  -- the expressions of a watch name the row type of the table
  perform howdah_private.lock_grants();
  execute format('grant usage on schema %I to howdah_app', v_schema);
  return v_class.oid;
end $$;

-- Returns the columns of the primary key, which identify the row of a run later. Refuses a watch
-- that needs a primary key on a table without one, and a column that cannot be written.
create or replace function howdah_private.row_key_columns(
  watched regclass, into_column text, on_event text
) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column pg_catalog.pg_attribute;
  v_key text[] := howdah_private.primary_key_of(row_key_columns.watched);
begin
  if v_key = '{}' and (
    row_key_columns.into_column is not null or row_key_columns.on_event <> 'insert'
  ) then
    raise exception using errcode = 'HWINV',
      message = format('%s has no primary key, which identifies its rows', row_key_columns.watched),
      detail = jsonb_build_object('table', row_key_columns.watched::text)::text,
      hint = format('alter table %s add primary key (…); '
        'or watch only inserts and leave out into_column.', row_key_columns.watched);
  end if;
  select a.* into v_column from pg_catalog.pg_attribute as a
  where a.attrelid = row_key_columns.watched and a.attname = row_key_columns.into_column
    and a.attnum > 0 and not a.attisdropped;
  if row_key_columns.into_column is not null and (
    v_column.attname is null or v_column.attgenerated <> '' or v_column.attname = any (v_key)
    or not howdah_private.holds_answers(v_column.atttypid)
  ) then
    raise exception using
      errcode = case when v_column.attname is null then 'HWNTF' else 'HWINV' end,
      message = case when v_column.attname is null
        then format('%s has no column %s', row_key_columns.watched, row_key_columns.into_column)
        else format('the answer cannot be written into %s: it is %s', row_key_columns.into_column,
          case when v_column.attgenerated <> '' then 'generated'
            when v_column.attname = any (v_key) then 'part of the primary key'
            else 'of type ' || format_type(v_column.atttypid, v_column.atttypmod) end) end,
      detail = jsonb_build_object(
        'field', 'into_column', 'column', row_key_columns.into_column)::text,
      hint = case when v_column.attname is not null and v_column.attgenerated = ''
          and v_column.attname <> all (v_key)
          then 'An answer is text or JSON: use a column of type text or jsonb. ' else '' end
        || 'Columns of the table: ' || (
        select string_agg(a.attname, ', ' order by a.attnum) from pg_catalog.pg_attribute as a
        where a.attrelid = row_key_columns.watched and a.attnum > 0 and not a.attisdropped);
  end if;
  return v_key;
end $$;

-- Returns whether an answer fits into a column of this type: text, JSON, bytes, or a domain over
-- them.
create or replace function howdah_private.holds_answers(type oid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive types as (
    select t.oid, t.typtype, t.typbasetype, t.typcategory from pg_catalog.pg_type as t
    where t.oid = holds_answers.type
    union all
    select b.oid, b.typtype, b.typbasetype, b.typcategory
    from types as d join pg_catalog.pg_type as b on b.oid = d.typbasetype
    where d.typtype = 'd'
  )
  select bool_or(t.typtype = 'b' and (t.typcategory = 'S'
    or t.oid in ('json'::regtype, 'jsonb'::regtype, 'bytea'::regtype)))
  from types as t
$$;

create or replace function howdah_private.watch_name(watch_id uuid) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select 'howdah_watch_' || replace(watch_name.watch_id::text, '-', '')
$$;

-- Returns the watches of the current tenant on a table, by their triggers: the table may have been
-- renamed since.
create or replace function howdah_private.watches_on(watched regclass)
  returns setof howdah.table_triggers
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select w.* from howdah.table_triggers as w
  where w.tenant_id = howdah.current_tenant() and exists (
    select from pg_catalog.pg_trigger as t
    where t.tgrelid = watches_on.watched and t.tgfoid = 'howdah_private.tg__watch'::regproc
      and starts_with(t.tgname, howdah_private.watch_name(w.id)))
$$;

-- Returns the column privileges that howdah_writer needs for the watches of all tenants, since they
-- share the role. A watch has them from its triggers on.
create or replace function howdah_private.needed_writer_privileges(watched regclass default null)
  returns table (relation regclass, "column" name, privilege text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct t.tgrelid::regclass, c.name::name, c.privilege
  from howdah.table_triggers as w
  join pg_catalog.pg_trigger as t
    on t.tgfoid = to_regproc('howdah_private.tg__watch') and t.tgparentid = 0
    and t.tgname in (
      howdah_private.watch_name(w.id), howdah_private.watch_name(w.id) || '_update')
  cross join lateral (
    select k.name, 'select' from unnest(w.key_columns || w.into_column) as k (name)
    union all
    select w.into_column, 'update'
  ) as c (name, privilege)
  join pg_catalog.pg_attribute as a
    on a.attrelid = t.tgrelid and a.attname = c.name and a.attnum > 0 and not a.attisdropped
  where w.into_column is not null
    and t.tgrelid = coalesce(needed_writer_privileges.watched, t.tgrelid)
$$;

-- Returns whether howdah_writer was granted a privilege on a column, and not only on its table.
create or replace function howdah_private.has_writer_privilege(
  watched regclass, "column" name, privilege text
) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_catalog.pg_attribute as a cross join lateral pg_catalog.aclexplode(a.attacl) as x
    where a.attrelid = has_writer_privilege.watched and a.attname = has_writer_privilege."column"
      and x.grantee = 'howdah_writer'::regrole
      and lower(x.privilege_type) = has_writer_privilege.privilege
  )
$$;

-- Returns the statements that grant howdah_writer the privileges which watches need and which it
-- lacks; for one table, or for all tables.
create or replace function howdah_private.writer_grant_statements(watched regclass default null)
  returns table (relation regclass, statement text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with missing as (
    select n.relation, n."column", n.privilege
    from howdah_private.needed_writer_privileges(writer_grant_statements.watched) as n
    where not howdah_private.has_writer_privilege(n.relation, n."column", n.privilege)
  )
  select u.relation, format('grant usage on schema %I to howdah_writer', s.nspname)
  from (
    select m.relation, c.relnamespace as schema
    from missing as m join pg_catalog.pg_class as c on c.oid = m.relation
    union
    select m.relation, y.typnamespace -- the types of keys and answers, such as citext
    from missing as m
    join pg_catalog.pg_attribute as a on a.attrelid = m.relation and a.attname = m."column"
    join pg_catalog.pg_type as y on y.oid in (a.atttypid, howdah_private.base_type(a.atttypid))
  ) as u
  join pg_catalog.pg_namespace as s on s.oid = u.schema
  where not has_schema_privilege('howdah_writer', s.oid, 'usage')
  union all
  select m.relation,
    format('grant %s (%I) on %s to howdah_writer', m.privilege, m."column", m.relation)
  from missing as m
$$;

-- Returns the privileges that were granted for a trigger of a watch. A trigger of the table has
-- them as its second argument, behind the 36 bytes of the id and a zero byte. So they last as long
-- as the trigger, also in a backup of the table.
create or replace function howdah_private.privileges_granted_for(trigger pg_catalog.pg_trigger)
  returns table ("column" name, privilege text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select g."column", g.privilege
  from jsonb_to_recordset(case when (trigger).tgnargs = 2 then convert_from(
    substr((trigger).tgargs, 38, length((trigger).tgargs) - 38), getdatabaseencoding())::jsonb
  end) as g ("column" name, privilege text)
$$;

-- Returns the privileges that are granted for a watch: those that howdah_writer lacks, and those
-- that were granted for another watch of the table. An operator granted all others, and nobody else
-- revokes them.
create or replace function howdah_private.privileges_to_grant(
  watched regclass, watch howdah.table_triggers
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('column', n.name, 'privilege', n.privilege))), '[]')
  from (
    select k.name::name, 'select' as privilege
    from unnest((watch).key_columns || (watch).into_column) as k (name)
    union all
    select (watch).into_column::name, 'update'
  ) as n
  where (watch).into_column is not null and (
    not howdah_private.has_writer_privilege(privileges_to_grant.watched, n.name, n.privilege)
    or (n.name, n.privilege) in (
      select g."column", g.privilege
      from pg_catalog.pg_trigger as t
      cross join lateral howdah_private.privileges_granted_for(t) as g
      where t.tgrelid = privileges_to_grant.watched
        and t.tgfoid = 'howdah_private.tg__watch'::regproc))
$$;

-- Creates the triggers of a watch: one for each event, since a trigger with transition tables has
-- one event. The triggers are found by their names, so the table may be renamed. Then grants
-- howdah_writer what the watch needs, with the privileges of the caller, who owns the table.
-- `lock_timeout`: while this function waits for the lock of the table, so do the writers of the
-- application.
create or replace function howdah_private.create_watch_triggers(
  watched regclass, watch howdah.table_triggers
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_name text := howdah_private.watch_name((watch).id);
  v_privileges jsonb;
  v_statement text;
begin
  perform howdah_private.drop_watch((watch).id);
  v_privileges := howdah_private.privileges_to_grant(watched, watch);
  if (watch).on_event like 'insert%' then
    execute format('create trigger %I after insert on %s referencing new table as new_rows '
      'for each statement execute function howdah_private.tg__watch(%L, %L)',
      v_name, watched, (watch).id, v_privileges);
  end if;
  if (watch).on_event like '%update' then
    execute format('create trigger %I after update on %s '
      'referencing old table as old_rows new table as new_rows '
      'for each statement execute function howdah_private.tg__watch(%L, %L)',
      v_name || case when (watch).on_event like 'insert%' then '_update' else '' end,
      watched, (watch).id, v_privileges);
  end if;
  for v_statement in
    select r.statement from howdah_private.writer_grant_statements(watched) as r
  loop
    execute v_statement;
  end loop;
exception when lock_not_available then
  perform howdah_private.raise_busy_table(watched);
end $$;

-- Refuses to change a watch while other transactions use its table.
create or replace function howdah_private.raise_busy_table(watched regclass) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('%s is in use by another transaction', raise_busy_table.watched),
    detail = jsonb_build_object('table', raise_busy_table.watched::text)::text,
    hint = 'A watch needs a lock of the table, and waits two seconds for it, so that writers do '
      'not wait behind it. Call the function again, or end long transactions first '
      '(pg_stat_activity.xact_start).';
end $$;

-- Drops the triggers of a watch, and revokes the privileges that were granted for them and that no
-- other watch needs. The other watches are read when the triggers are gone: the drop waits for a
-- transaction that makes a watch of this table meanwhile.
create or replace function howdah_private.drop_watch(watch_id uuid) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_trigger record;
  v_privilege record;
begin
  for v_trigger in
    select t.tgname, t.tgrelid::regclass as watched,
      array(select g from howdah_private.privileges_granted_for(t) as g) as privileges
    from pg_catalog.pg_trigger as t
    where t.tgfoid = 'howdah_private.tg__watch'::regproc and t.tgparentid = 0
      and t.tgname in (howdah_private.watch_name(drop_watch.watch_id),
        howdah_private.watch_name(drop_watch.watch_id) || '_update')
  loop
    begin
      execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.watched);
    exception when lock_not_available then
      perform howdah_private.raise_busy_table(v_trigger.watched);
    end;
    for v_privilege in
      select g."column", g.privilege
      from unnest(v_trigger.privileges) as g ("column" name, privilege text)
      where howdah_private.has_writer_privilege(v_trigger.watched, g."column", g.privilege)
        and not exists (
          select from howdah_private.needed_writer_privileges(v_trigger.watched) as n
          where (n."column", n.privilege) = (g."column", g.privilege))
    loop
      perform howdah_private.lock_grants();
      execute format('revoke %s (%I) on %s from howdah_writer',
        v_privilege.privilege, v_privilege."column", v_trigger.watched);
    end loop;
  end loop;
end $$;
