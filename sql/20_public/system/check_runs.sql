-- Checks the promises of the engine for the runs of one tenant. howdah.violations checks those of
-- all tenants, for operators. A violation names a run of any agent, so only admins may read them,
-- who see all agents. The rows of a tenant are found by indexes, also where all tenants have few.
create or replace function howdah.check_runs()
  returns table (rule text, execution_id uuid, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_tenant_id constant uuid := howdah.current_tenant();
begin
  perform howdah_private.check_admin('read the violations of the tenant');
  return query
  select v.rule, v.execution_id, v.detail
  from howdah_private.find_violations(now() - interval '1 hour', v_tenant_id) as v
  where v.tenant_id = v_tenant_id -- no row, if there were no tenant
  limit 1000;
end $$;
comment on function howdah.check_runs() is
  'Broken promises of runs of the tenant that are live or ended within the last hour: select * '
  'from howdah.check_runs(). Always empty unless the engine has a bug. At most 1,000. For admins '
  'and owners. Reads the logs of these runs.';
