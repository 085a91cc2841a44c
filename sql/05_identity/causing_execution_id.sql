-- Returns the run that causes a statement: the run whose SQL is running, or the run whose tool sent
-- the request. Null for people and for programs that are no tool.
--
-- Tools and engines send the header howdah-execution, which no agent can change, and the API sets
-- howdah.caused_by. The header is not signed: a caller who invents it is treated as a run, which
-- may do less.
create or replace function howdah_private.causing_execution_id() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when howdah_private.is_bound() then howdah_private.bound_execution_id()
    when howdah_private.has_trusted_login()
      then nullif(current_setting('howdah.caused_by', true), '')::uuid end
$$;

-- Returns the run that starts the runs of a statement, for their started_by_execution_id. An answer
-- that is written into a watched table starts nothing by its own will: a judge of such answers is
-- independent of their agent.
create or replace function howdah_private.starting_execution_id(tenant_id uuid) returns uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.id from howdah.executions as e
  where e.id = howdah_private.causing_execution_id()
    and e.tenant_id = starting_execution_id.tenant_id
    and current_setting('role') <> 'howdah_writer'
$$;
