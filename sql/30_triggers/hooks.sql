-- Checks hooks. A hook calls a function of this database inside the commits of a tenant, so only an
-- owner of the database may write one. A function that cannot be called is refused here. Calls have
-- the privileges of howdah_app; a trigger grants that role usage on the schema and execute on the
-- function. The function name is stored in the form in which it is called.
create or replace function howdah_private.tg_hooks__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_proc pg_catalog.pg_proc;
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN',
      message = 'only an owner of the database may write hooks',
      detail = jsonb_build_object('field', 'function', 'function', new.function)::text,
      hint = 'Connect as the owner of the database: npx howdah db url.';
  end if;
  v_proc := howdah_private.hook_function(new.function);
  -- after a schema even a keyword needs no quotes: shop.check, which %I would quote
  new.function := v_proc.pronamespace::regnamespace || '.' || case
    when v_proc.proname ~ '^[a-z_][a-z0-9_]*$' then v_proc.proname::text
    else format('%I', v_proc.proname)
  end;
  return new;
end $$;

create or replace function howdah_private.tg_hooks__grant() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_proc pg_catalog.pg_proc := howdah_private.hook_function(new.function);
begin
  perform howdah_private.lock_grants();
  execute format('grant usage on schema %s to howdah_app', v_proc.pronamespace::regnamespace);
  execute format('grant execute on function %s to howdah_app', v_proc.oid::regprocedure);
  return null;
end $$;

create or replace trigger _200_check before insert or update on howdah.hooks
  for each row execute function howdah_private.tg_hooks__check();
create or replace trigger _500_grant after insert or update of function on howdah.hooks
  for each row execute function howdah_private.tg_hooks__grant();
