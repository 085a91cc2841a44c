-- A hook names a function of this database, which from then on runs inside the commits of a tenant: only an owner writes
-- one. What cannot be called is refused when it is written, with the name as it will be called. The call has the rights
-- of howdah_app, which is given usage of the schema and execute on the function here.
create or replace function howdah_private.tg_hooks__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_proc pg_catalog.pg_proc;
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may write hooks',
      detail = jsonb_build_object('field', 'function', 'function', new.function)::text,
      hint = 'Connect as the database''s owner: npx howdah db url.';
  end if;
  v_proc := howdah_private.hook_function(new.function);
  -- behind a schema any word may stand as it is: shop.check, where %I would quote it
  new.function := v_proc.pronamespace::regnamespace || '.' || case
    when v_proc.proname ~ '^[a-z_][a-z0-9_]*$' then v_proc.proname::text else format('%I', v_proc.proname) end;
  return new;
end $$;

create or replace function howdah_private.tg_hooks__grant() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_proc pg_catalog.pg_proc := howdah_private.hook_function(new.function);
begin
  execute format('grant usage on schema %s to howdah_app', v_proc.pronamespace::regnamespace);
  execute format('grant execute on function %s to howdah_app', v_proc.oid::regprocedure);
  return null;
end $$;

create or replace trigger _100_stamp before update on howdah.hooks
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_check before insert or update on howdah.hooks
  for each row execute function howdah_private.tg_hooks__check();
create or replace trigger _500_grant after insert or update of function on howdah.hooks
  for each row execute function howdah_private.tg_hooks__grant();
