-- SQL functions that an agent system brings along, mostly as its tools. They are in a schema that
-- is named like the system. Only an owner of the database may apply them. A database has each
-- function once: systems of the same name in other tenants share it. Tools call the functions with
-- the privileges of howdah_app, so a function must not have other privileges.

create or replace function howdah_private.functions_of(schema text, names text[])
  returns table (id oid, name text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select p.oid, p.proname::text
  from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where p.proname = any (functions_of.names::name[]) and n.nspname = functions_of.schema
    and p.prokind = 'f'
$$;

-- Executes statements with the privileges of the caller, who is an owner
-- (check_function_definition). The function is not security definer, and nobody is granted execute
-- on it.
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

-- Executes a statement in which unqualified names belong to a schema.
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
    'definition', pg_get_functiondef(function_entry.id),
    'comment', obj_description(function_entry.id, 'pg_proc')), '{}')
$$;

create or replace function howdah_private.raise_function(system_name text, name text, field text,
  message text, hint text) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV', message = raise_function.message,
    detail = jsonb_build_object('field', raise_function.field,
      'function', raise_function.system_name || '.' || raise_function.name)::text,
    hint = raise_function.hint;
end $$;

-- Refuses a function unless the caller is an owner, the name of the system can name a schema, and
-- no other function has the name.
create or replace function howdah_private.check_function_definition(system_name text, name text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may apply functions',
      detail = jsonb_build_object('function', check_function_definition.name)::text,
      hint = 'Apply the document as the owner of the database: npx howdah db url.';
  elsif system_name !~ '^[a-z_][a-z0-9_]{0,62}$'
    or system_name ~ '^(pg_.*|information_schema|public|howdah.*|graphile_.*)$' then
    perform howdah_private.raise_function(system_name, name, 'name',
      format('the schema of its functions is named like the agent system, '
        'and %s is not a valid schema name', to_jsonb(system_name)),
      'Use lower-case letters, digits and _, and a name that nothing else in the database has.');
  elsif exists (select from howdah_private.functions_of(system_name, array[name])) and not exists (
    select from howdah.agent_systems as s
    where s.name = check_function_definition.system_name
      and check_function_definition.name = any (s.functions)
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('function %I.%I already exists and does not belong to an agent system',
        system_name, name),
      detail = jsonb_build_object('function', system_name || '.' || name)::text,
      hint = 'Rename the function or the system, or drop that function first.';
  end if;
end $$;

-- Creates or replaces a function. Bodies are not checked yet, because they may call functions that
-- come later in the document.
create or replace function howdah_private.apply_function(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set check_function_bodies = off
as $$
declare
  v_definition constant text := regexp_replace(entry ->> 'definition',
    '^((?:\s|--[^\n]*\n)*)create\s+(?:or\s+replace\s+)?function\M', '\1create or replace function',
    'i');
  v_existing constant oid[] := array(select f.id
    from howdah_private.functions_of(system_name, array[name]) as f);
  v_created oid[];
begin
  perform howdah_private.check_function_definition(system_name, name);
  -- serializes with other tenants: a database has the function once
  perform pg_advisory_xact_lock(hashtextextended('howdah.functions ' || system_name, 0));
  perform howdah_private.lock_grants();
  perform howdah_private.run_statements(array[
    case when to_regnamespace(system_name) is null then format('create schema %I', system_name) end,
    format('grant usage on schema %I to howdah_app', system_name)]);
  begin
    perform howdah_private.run_in_schema(system_name, v_definition);
  exception
    when invalid_function_definition then -- a new result type or new argument names require a drop
      perform howdah_private.run_statements(array(
        select format('drop function %s', f.id::regprocedure) from unnest(v_existing) as f (id)));
      perform howdah_private.run_in_schema(system_name, v_definition);
  end;
  v_created := array(select f.id from howdah_private.functions_of(system_name, array[name]) as f);
  if v_created <@ v_existing and v_existing <@ v_created and cardinality(v_created) = 1 then
    null; -- replaced
  else -- a function with other argument types replaces the old one
    perform howdah_private.run_statements(array(
      select format('drop function %s', f.id::regprocedure) from unnest(v_existing) as f (id)
      where f.id = any (v_created)));
    v_created := array(select f.id from unnest(v_created) as f (id) where f.id <> all (v_existing));
  end if;
  if cardinality(v_created) <> 1 then
    perform howdah_private.raise_function(system_name, name, 'definition',
      format('the definition does not create the function %I.%I', system_name, name),
      format('Write: create function %I.%I(…) returns …', system_name, name));
  end if;
  perform howdah_private.run_statements(array[
    format('revoke all on function %s from public', v_created[1]::regprocedure),
    format('grant all on function %s to howdah_app', v_created[1]::regprocedure),
    format('comment on function %s is %L', v_created[1]::regprocedure, entry ->> 'comment')]);
  perform howdah_private.check_bundled_function(system_name, name, v_created[1]);
exception
  when sqlstate 'HWINV' or sqlstate 'HWCNF' or sqlstate 'HWDEN' then raise;
  when others then
    perform howdah_private.raise_function(system_name, name, 'definition',
      sqlerrm || format(' (SQLSTATE %s)', sqlstate),
      'Test the definition in psql; a file holds the same statement.');
end $$;

-- Refuses functions with privileges of their own: security definer or an untrusted language.
create or replace function howdah_private.check_bundled_function(
  system_name text, name text, id oid
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := (
    select case when p.prosecdef
      then 'it is security definer, so its callers would have the privileges of the owner'
      when not l.lanpltrusted then format('%s is not a trusted language', l.lanname) end
    from pg_catalog.pg_proc as p join pg_catalog.pg_language as l on l.oid = p.prolang
    where p.oid = check_bundled_function.id);
begin
  perform howdah_private.raise_function(system_name, check_bundled_function.name, 'definition',
    format('%I.%I cannot belong to an agent system: %s', system_name,
      check_bundled_function.name, v_reason),
    'Functions of agent systems run with the privileges of the caller. '
    'Grant howdah_app the privileges they need.')
  where v_reason is not null;
end $$;

-- Checks the body of a function after all functions exist, and registers its tool again.
create or replace function howdah_private.check_function_body(system_name text, name text)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set check_function_bodies = on
as $$
declare
  v_function regprocedure := (select f.id
    from howdah_private.functions_of(system_name, array[name]) as f);
begin
  perform howdah_private.run_statements(array[pg_get_functiondef(v_function)]);
  perform howdah.register_sql_tool(v_function::text)
  from howdah.tools as t
  where t.tenant_id = howdah.current_tenant() and t.kind = 'sql'
    and t.name = check_function_body.name
    and t.configuration ->> 'signature' = v_function::text;
exception
  when sqlstate 'HWINV' or sqlstate 'HWCNF' or sqlstate 'HWDEN' then raise;
  when others then
    perform howdah_private.raise_function(system_name, name, 'definition',
      sqlerrm || format(' (SQLSTATE %s)', sqlstate),
      'Qualify all names in the body with their schema; the search path is pg_catalog.');
end $$;

-- Drops functions of a system that its document no longer has, unless a tool of any tenant calls
-- them or a system of the same name in another tenant has them. Drops the schema when it is empty.
-- Only an owner may drop functions; otherwise they stay with the system.
create or replace function howdah_private.drop_functions(system_id uuid, document jsonb)
  returns void
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
    and not exists (select from howdah.tools as t where t.kind = 'sql'
      and t.configuration ->> 'signature' = f.id::regprocedure::text)
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
