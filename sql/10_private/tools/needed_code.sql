-- Code that runs need from a worker: custom tools, and engines that are functions. A worker claims
-- only runs whose code it has.
--
-- The versions of agents that need code have a row in needed_code. claim_due_runs compares it with
-- what the worker has reported. A run that the worker cannot do stays queued, and gets a row in
-- runs_without_worker (defer_runs). wake_at hides it from searches for due runs, in which it would
-- take the place of others. A worker that has the code finds the run in runs_without_worker when it
-- has room, and hears of it at once. Its wake-up returns after five minutes, in case nobody heard.
-- A worker without the code then defers it again.

-- Records the code that the runs of a version need, when the version is created.
create or replace function howdah_private.record_needed_code(version howdah.agent_versions)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.needed_code (agent_version_id, tenant_id, tools, engines)
  select (record_needed_code.version).id, (record_needed_code.version).tenant_id, c.tools, c.engines
  from (
    select
      array( -- a tool, or the tool that reverts it
        select distinct t.value ->> 'name'
        from jsonb_path_query((record_needed_code.version).definition,
          '$.tools[*].**{0 to 1} ? (@.kind == "custom")') as t (value)
      ) as tools,
      array(
        select distinct m.value ->> 'model'
        from jsonb_path_query((record_needed_code.version).definition,
          '$.models[*] ? (@.provider == "engine:custom")') as m (value)
      ) as engines
  ) as c
  where c.tools || c.engines <> '{}'
$$;

-- Returns whether a worker has this code.
create or replace function howdah_private.has_code(
  worker howdah_private.workers, code howdah_private.needed_code
) returns boolean
  language sql immutable
  return (code).tools <@ (worker).custom_tools
    and coalesce((code).engines <@ (worker).custom_engines, true);

-- Defers those of the runs whose code the worker lacks, and returns them. The caller holds the
-- rows.
create or replace function howdah_private.defer_runs(worker howdah_private.workers, ids uuid[])
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_lacking uuid[] := array(
    select e.id::uuid from unnest(defer_runs.ids) as i (id)
    cross join lateral (
      select x.id, x.agent_version_id from howdah.executions as x where x.id = i.id offset 0
    ) as e
    join howdah_private.needed_code as n on n.agent_version_id = e.agent_version_id
    where not howdah_private.has_code(defer_runs.worker, n)
    order by e.id
  );
begin
  if v_lacking = '{}' then
    return v_lacking;
  end if;
  update howdah.executions as e
  set status = 'queued', waiting_for = null,
    wake_at = clock_timestamp() + interval '5 minutes', updated_at = now()
  where e.id = any (v_lacking)
    and e.id between v_lacking[1] and v_lacking[cardinality(v_lacking)];
  insert into howdah_private.runs_without_worker (execution_id, tenant_id)
  select e.id, e.tenant_id from howdah.executions as e
  where e.id = any (v_lacking)
    and e.id between v_lacking[1] and v_lacking[cardinality(v_lacking)]
  on conflict do nothing;
  perform howdah_private.enqueue_advance(v_lacking);
  perform howdah_private.announce_due_runs();
  return v_lacking;
end $$;

-- Returns deferred runs that the worker can do, by priority and age.
create or replace function howdah_private.deferred_runs(worker howdah_private.workers, room int)
  returns uuid[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select r.execution_id from howdah_private.runs_without_worker as r
    cross join lateral (
      select x.* from howdah.executions as x where x.id = r.execution_id offset 0
    ) as e
    left join howdah_private.needed_code as n on n.agent_version_id = e.agent_version_id
    where e.status = 'queued' and coalesce(howdah_private.has_code(deferred_runs.worker, n), true)
      and howdah_private.is_in_scope(deferred_runs.worker, e)
    order by e.priority, e.run_at, r.execution_id
    limit greatest(deferred_runs.room, 0)
  );
end $$;

-- Forgets deferred runs that are no longer queued.
create or replace function howdah_private.delete_taken_deferrals() returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.runs_without_worker as r
  where not exists (
    select from howdah.executions as e where e.id = r.execution_id and e.status = 'queued')
$$;

-- Records the code that a worker has, when it starts and when files of its folder change. Deferred
-- runs may be for this worker now.
create or replace function howdah_private.report_custom_code(
  worker uuid, tools text[], engines text[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah_private.workers as w
  set custom_tools = report_custom_code.tools, custom_engines = report_custom_code.engines
  where w.id = report_custom_code.worker;
  if exists (select from howdah_private.runs_without_worker) then
    perform howdah_private.announce_due_runs();
  end if;
end $$;

-- Returns the code of a version that keeps its runs from being done, such as `the tool label`, or
-- null. Names what no live worker has; all of the code if each part is on some worker.
create or replace function howdah_private.missing_code(agent_version_id uuid) returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_code howdah_private.needed_code;
  v_tools text[] := '{}'; -- of live workers
  v_engines text[] := '{}';
  v_worker howdah_private.workers;
begin
  select n.* into v_code from howdah_private.needed_code as n
  where n.agent_version_id = missing_code.agent_version_id;
  if v_code.agent_version_id is null then
    return null;
  end if;
  for v_worker in
    select w.* from howdah_private.workers as w
    where w.heartbeat_at > clock_timestamp() - interval '10 seconds'
  loop
    if howdah_private.has_code(v_worker, v_code) then
      return null;
    end if;
    v_tools := v_tools || v_worker.custom_tools;
    v_engines := v_engines || coalesce(v_worker.custom_engines, v_code.engines);
  end loop;
  if v_code.tools <@ v_tools and v_code.engines <@ v_engines then
    v_tools := '{}';
    v_engines := '{}';
  end if;
  return nullif(concat_ws(' and ', howdah_private.names_of_code('tool', array(
    select t.name from unnest(v_code.tools) as t (name) where t.name <> all (v_tools))),
    howdah_private.names_of_code('engine', array(
    select t.name from unnest(v_code.engines) as t (name) where t.name <> all (v_engines)))), '');
end $$;

-- Formats names of tools or engines for a sentence: `the tools a, b`. Null if there are none.
create or replace function howdah_private.names_of_code(kind text, names text[]) returns text
  language sql immutable
  return case cardinality(names) when 0 then null else format('the %s%s %s', kind,
    case cardinality(names) when 1 then '' else 's' end, array_to_string(names, ', ')) end;
