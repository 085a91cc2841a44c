-- Functions that an agent system brings along, mostly to be its tools. They stand in the schema that is called as the system,
-- and only the database's owner applies them. A database has them once: systems of that name in other tenants share them.
-- Tools call them with the rights of howdah_app, so none may have others.

create or replace function howdah_private.functions_of(schema text, names text[]) returns table (id oid, name text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select p.oid, p.proname::text
  from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where p.proname = any (functions_of.names::name[]) and n.nspname = functions_of.schema and p.prokind = 'f'
$$;

-- For what only an owner gets to (refuse_function_of), with his rights: it is no definer, and granted to nobody.
create or replace function howdah_private.run_statements(statements text[]) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_statement text;
begin
  foreach v_statement in array array_remove(run_statements.statements, null) loop
    execute v_statement;
  end loop;
end $$;

-- What names no schema stands in this one.
create or replace function howdah_private.run_in_schema(schema text, statement text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('search_path', format('%I, pg_catalog, pg_temp', run_in_schema.schema), true);
  execute run_in_schema.statement;
end $$;

create or replace function howdah_private.function_entry(id oid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(jsonb_build_object(
    'definition', pg_get_functiondef(function_entry.id), 'comment', obj_description(function_entry.id, 'pg_proc')), '{}')
$$;

create or replace function howdah_private.refuse_function(system_name text, name text, field text, message text, hint text) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV', message = refuse_function.message,
    detail = jsonb_build_object('field', refuse_function.field, 'function', refuse_function.system_name || '.' || refuse_function.name)::text,
    hint = refuse_function.hint;
end $$;

create or replace function howdah_private.refuse_function_of(system_name text, name text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may describe functions',
      detail = jsonb_build_object('function', refuse_function_of.name)::text,
      hint = 'Let the database''s owner apply it: npx howdah db url.';
  elsif system_name !~ '^[a-z_][a-z0-9_]{0,62}$' or system_name ~ '^(pg_.*|information_schema|public|howdah.*|graphile_.*)$' then
    perform howdah_private.refuse_function(system_name, name, 'name',
      format('functions stand in a schema that is called as their system, and %s is no name for one', to_jsonb(system_name)),
      'Call the system by lower-case letters, digits and _, as nothing else of the database is.');
  elsif exists (select from howdah_private.functions_of(system_name, array[name])) and not exists (
    select from howdah.agent_systems as s
    where s.name = refuse_function_of.system_name and refuse_function_of.name = any (s.functions)
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('there is a function %I.%I already, and no agent system has made it', system_name, name),
      detail = jsonb_build_object('function', system_name || '.' || name)::text,
      hint = 'Call this one or the system otherwise, or drop that function first.';
  end if;
end $$;

-- Makes it, or makes it what it is to be. Bodies are not looked at yet: they may call functions that come later.
create or replace function howdah_private.apply_function(system_name text, name text, entry jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set check_function_bodies = off
as $$
declare
  v_definition constant text := regexp_replace(entry ->> 'definition',
    '^((?:\s|--[^\n]*\n)*)create\s+(?:or\s+replace\s+)?function\M', '\1create or replace function', 'i');
  v_there constant oid[] := array(select f.id from howdah_private.functions_of(system_name, array[name]) as f);
  v_now oid[];
begin
  perform howdah_private.refuse_function_of(system_name, name);
  -- who makes it in another tenant waits: a database has it once
  perform pg_advisory_xact_lock(hashtextextended('howdah.functions ' || system_name, 0));
  perform howdah_private.run_statements(array[
    case when to_regnamespace(system_name) is null then format('create schema %I', system_name) end,
    format('grant usage on schema %I to howdah_app', system_name)]);
  begin
    perform howdah_private.run_in_schema(system_name, v_definition);
  exception
    when invalid_function_definition then -- what it gives or what its arguments are called is another: it cannot be replaced
      perform howdah_private.run_statements(array(
        select format('drop function %s', f.id::regprocedure) from unnest(v_there) as f (id)));
      perform howdah_private.run_in_schema(system_name, v_definition);
  end;
  v_now := array(select f.id from howdah_private.functions_of(system_name, array[name]) as f);
  if v_now <@ v_there and v_there <@ v_now and cardinality(v_now) = 1 then
    null; -- replaced
  else -- one with other arguments takes the place of what was there
    perform howdah_private.run_statements(array(
      select format('drop function %s', f.id::regprocedure) from unnest(v_there) as f (id) where f.id = any (v_now)));
    v_now := array(select f.id from unnest(v_now) as f (id) where f.id <> all (v_there));
  end if;
  if cardinality(v_now) <> 1 then
    perform howdah_private.refuse_function(system_name, name, 'definition',
      format('its definition does not make the function %I.%I', system_name, name),
      format('Write: create function %I.%I(…) returns …', system_name, name));
  end if;
  perform howdah_private.run_statements(array[
    format('revoke all on function %s from public', v_now[1]::regprocedure),
    format('grant all on function %s to howdah_app', v_now[1]::regprocedure),
    format('comment on function %s is %L', v_now[1]::regprocedure, entry ->> 'comment')]);
  perform howdah_private.refuse_unfit_function(system_name, name, v_now[1]);
exception
  when sqlstate 'HWINV' or sqlstate 'HWCNF' or sqlstate 'HWDEN' then raise;
  when others then
    perform howdah_private.refuse_function(system_name, name, 'definition', sqlerrm || format(' (SQLSTATE %s)', sqlstate),
      'Try it in psql: a file has it as you would write it there.');
end $$;

create or replace function howdah_private.refuse_unfit_function(system_name text, name text, id oid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := (
    select case when p.prosecdef then 'it is security definer, so whoever called it would have the rights of the owner'
      when not l.lanpltrusted then format('%s is no trusted language', l.lanname) end
    from pg_catalog.pg_proc as p join pg_catalog.pg_language as l on l.oid = p.prolang
    where p.oid = refuse_unfit_function.id);
begin
  perform howdah_private.refuse_function(system_name, refuse_unfit_function.name, 'definition',
    format('%I.%I cannot belong to an agent system: %s', system_name, refuse_unfit_function.name, v_reason),
    'Functions of agent systems have the rights of who calls them: grant howdah_app what they read and write.')
  where v_reason is not null;
end $$;

-- Once all are there: their bodies are looked at, and a tool of one is what the function is now.
create or replace function howdah_private.check_function_of(system_name text, name text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set check_function_bodies = on
as $$
declare
  v_function regprocedure := (select f.id from howdah_private.functions_of(system_name, array[name]) as f);
begin
  perform howdah_private.run_statements(array[pg_get_functiondef(v_function)]);
  perform howdah.register_sql_tool(v_function::text)
  from howdah.tools as t
  where t.tenant_id = howdah.current_tenant() and t.kind = 'sql' and t.name = check_function_of.name
    and t.configuration ->> 'signature' = v_function::text;
exception
  when sqlstate 'HWINV' or sqlstate 'HWCNF' or sqlstate 'HWDEN' then raise;
  when others then
    perform howdah_private.refuse_function(system_name, name, 'definition', sqlerrm || format(' (SQLSTATE %s)', sqlstate),
      'Names in a body are looked for in pg_catalog alone: write them with their schema.');
end $$;

-- Drops what a system made and its file no longer has, once no tool of any tenant calls it and no other tenant's system of that
-- name has it; and the schema when nothing is left in it. Only the owner's to do: for others the functions stay the system's.
create or replace function howdah_private.drop_functions(system_id uuid, document jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_system howdah.agent_systems;
  v_functions text;
begin
  if not howdah_private.is_operator() then
    return;
  end if;
  select s.* into v_system from howdah.agent_systems as s
  where s.id = drop_functions.system_id and s.tenant_id = howdah.current_tenant();
  select string_agg(f.id::regprocedure::text, ', ') into v_functions
  from howdah_private.functions_of(v_system.name, v_system.functions) as f
  where not coalesce(document -> 'functions' ? f.name, false)
    and not exists (select from howdah.tools as t where t.kind = 'sql' and t.configuration ->> 'signature' = f.id::regprocedure::text)
    and not exists (select from howdah.agent_systems as o
      where o.name = v_system.name and o.id <> v_system.id and f.name = any (o.functions));
  if v_functions is null then
    return;
  end if;
  perform howdah_private.run_statements(array['drop function ' || v_functions]);
  perform howdah_private.run_statements(array(
    select format('drop schema %I', n.nspname) from pg_catalog.pg_namespace as n
    where n.nspname = v_system.name
      and not exists (select from pg_catalog.pg_proc as p where p.pronamespace = n.oid)
      and not exists (select from pg_catalog.pg_class as c where c.relnamespace = n.oid)
      and not exists (select from pg_catalog.pg_type as t where t.typnamespace = n.oid)));
end $$;
