-- Every login may take advisory locks, make large objects and temporary tables, and write messages
-- to the WAL, unless these rights are revoked from public. Locks of one session can fill the table
-- of locks of the whole server, so that nobody can connect.

-- Returns the functions of PostgreSQL that use up what all databases share.
create or replace function howdah_private.functions_of_shared_resources()
  returns setof regprocedure
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select p.oid::regprocedure from pg_proc as p
  where p.pronamespace = 'pg_catalog'::regnamespace and (
    p.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
    or p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
  )
  order by 1
$$;

-- Lets only the roles of Howdah that write use up what all databases share: not viewers, queries
-- and other logins. Only a superuser can. It may stop other applications in the same database, so
-- sql/99_embedded.sql calls it only on the embedded server. Grant the rights to a login of yours
-- that needs them.
create or replace function howdah_private.restrict_shared_resources() returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regprocedure;
  v_roles constant text := 'howdah_app, howdah_authenticator, howdah_engine, howdah_eraser, '
    'howdah_owner, howdah_tool, howdah_worker, howdah_writer';
begin
  for v_function in select f from howdah_private.functions_of_shared_resources() as f loop
    execute format('revoke execute on function %s from public', v_function);
    if v_function::text ~ '^pg_(try_)?advisory_' then
      execute format('grant execute on function %s to %s', v_function, v_roles);
    end if;
  end loop;
  execute format('revoke temporary on database %I from public', current_database());
  execute format('grant temporary on database %I to %s', current_database(), v_roles);
end $$;
