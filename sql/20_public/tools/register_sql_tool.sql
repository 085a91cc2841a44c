-- Registers a function of this database as a tool: `select
-- howdah.register_sql_tool('shop.order_status(text)')`. Name, parameters and description come from
-- the catalogue. Only an owner may register tools, because a registration decides what agents can
-- call. Calls run with the privileges of howdah_app (run_as_tool_role.sql), which is granted usage
-- of the schema and execute on the function here. A warning names other grants that a call needs.
create or replace function howdah.register_sql_tool(signature text) returns howdah.tools
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regprocedure;
  v_proc pg_catalog.pg_proc;
  v_schema name;
  v_tool howdah.tools;
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may register SQL tools',
      hint = 'Connect as the owner of the database: npx howdah db url.';
  end if;
  v_function := howdah_private.function_named(register_sql_tool.signature);
  if v_function is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no function %s', register_sql_tool.signature),
      detail = jsonb_build_object('signature', register_sql_tool.signature)::text,
      hint = coalesce(
        'Did you mean ' || howdah_private.functions_named(register_sql_tool.signature) || '?',
        'Name the function with its schema and argument types: shop.order_status(text).');
  end if;
  select p.* into v_proc from pg_catalog.pg_proc as p where p.oid = v_function;
  select n.nspname into v_schema from pg_catalog.pg_namespace as n
  where n.oid = v_proc.pronamespace;
  perform howdah_private.check_sql_tool(v_proc, v_schema);
  perform howdah_private.lock_grants();
  execute format('grant usage on schema %I to howdah_app', v_schema);
  execute format('grant execute on function %s to howdah_app', v_function);
  insert into howdah.tools as t (name, description, kind, parameters, configuration, effect)
  values (
    v_proc.proname, coalesce(obj_description(v_function, 'pg_proc'), ''), 'sql',
    howdah_private.function_parameters(v_function),
    jsonb_build_object('schema', v_schema, 'function', v_proc.proname,
      'signature', v_function::text,
      'arguments', howdah_private.function_arguments(v_function), 'returns_set', v_proc.proretset),
    case v_proc.provolatile when 'v' then 'once' else 'pure' end::howdah.tool_effect
  )
  on conflict (tenant_id, name) do update
  set description = excluded.description, parameters = excluded.parameters,
    configuration = excluded.configuration, effect = excluded.effect
  where t.kind = 'sql' and (t.configuration ->> 'signature' = v_function::text
    or to_regprocedure(t.configuration ->> 'signature') is null)
  returning * into v_tool;
  if v_tool.id is null then
    raise exception using errcode = 'HWCNF',
      message = format('a different tool named %L already exists', v_proc.proname),
      detail = jsonb_build_object('tool', v_proc.proname)::text,
      hint = 'The tool is named like its function, without the schema. '
        'Rename the function or delete the tool.';
  end if;
  perform howdah_private.warn_missing_grants(v_function);
  return v_tool;
end $$;
comment on function howdah.register_sql_tool(text) is
  E'@behavior -*\nRegisters a SQL function as a tool, described by the catalogue. Call it again '
  'after changing the function. Only owners of the database may call this function.';
