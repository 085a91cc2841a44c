-- Checks whether a run has to wait for the first discovery of an MCP server. A run that begins
-- earlier would have none of the server's tools: its version was made without them. The owner of
-- the run calls this function before the first step. `waits_ms`: park the run for this time and
-- call again. 0 means that the run now has the version with the tools and is to be claimed with
-- that. `missing`: the servers that failed or have not answered within a minute; the run goes on
-- without them. Null: there is nothing to wait for.
--
-- The answer of a server wakes the runs that wait (wake_for_discovery). It may arrive between this
-- check and the park, so one wait is at most five seconds long. A version that a caller chose, for
-- a fork or an experiment, is never replaced. A version is replaced only if it was the newest when
-- the run, or the root above it, began.
create or replace function howdah_private.first_discovery(worker uuid, id uuid, fence int)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
  v_pinned howdah.agent_versions;
  v_missing jsonb;
  v_is_pending boolean;
  v_discovered_at timestamptz;
  v_wait interval;
  v_version_id uuid;
begin
  select h.* into v_run
  from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
  where e.id = first_discovery.id and e.owner_worker = first_discovery.worker
    and e.fence = first_discovery.fence
    and h.step_count = 0;
  if not found then
    return null;
  end if;
  select v.* into v_pinned from howdah.agent_versions as v where v.id = v_run.agent_version_id;
  select jsonb_agg(jsonb_build_object('server', s.name, 'error', s.error) order by s.name)
      filter (where s.discovered_at is null),
    bool_or(s.discovered_at is null and s.error is null), max(s.discovered_at)
  into v_missing, v_is_pending, v_discovered_at
  from jsonb_array_elements(v_pinned.definition -> 'servers') as p (value)
  join howdah.mcp_servers as s on s.tenant_id = v_run.tenant_id and s.id = (p.value ->> 'id')::uuid
    and s.is_active;
  v_wait := v_run.started_at + interval '1 minute' - clock_timestamp();
  if v_is_pending and v_wait > interval '0' then
    return jsonb_build_object('waits_ms',
      ceil(extract(epoch from least(v_wait, interval '5 seconds')) * 1000));
  end if;
  if v_discovered_at > v_pinned.created_at then
    v_version_id := howdah_private.replacement_version(v_run, v_pinned);
    update howdah.executions as e set agent_version_id = v_version_id, updated_at = now()
    where e.id = v_run.id and e.owner_worker = v_run.owner_worker and e.fence = v_run.fence
      and e.agent_version_id <> v_version_id; -- its owner waits for this call before the first step
    if found then
      return '{"waits_ms": 0}';
    end if;
  end if;
  return case when v_missing is not null then jsonb_build_object('missing', v_missing) end;
end $$;

-- Returns the version that may replace the one a run pinned, or null when a caller chose the pinned
-- version.
create or replace function howdah_private.replacement_version(
  run howdah.executions, pinned howdah.agent_versions
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
begin
  if num_nonnulls(run.forked_from_execution_id, run.compensates_execution_id) > 0
    or run.handoffs > 0
    or exists (
      select from howdah.agent_versions as v
      join howdah.executions as r on r.id = run.root_execution_id
      where v.agent_id = run.agent_id and v.version > pinned.version
        and v.created_at <= r.created_at
  ) then
    return null;
  end if;
  select a.* into v_agent from howdah.agents as a where a.id = run.agent_id;
  return case when v_agent.version_is_stale then howdah_private.refresh_agent_version(run.agent_id)
    else v_agent.current_version_id end;
end $$;

-- Wakes the runs that wait for a server, which has answered for the first time or failed. Skips
-- locked runs: the session that holds one checks by itself.
create or replace function howdah_private.wake_for_discovery(tenant_id uuid, server_id uuid)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_waiting uuid[] := array(
    select e.id::uuid from howdah.executions as e
    join howdah.agent_versions as v on v.id = e.agent_version_id
    where e.tenant_id = wake_for_discovery.tenant_id and e.status = 'waiting'
      and e.waiting_for = 'timer' and e.step_count = 0
      and v.definition -> 'servers' @> jsonb_build_array(
        jsonb_build_object('id', wake_for_discovery.server_id))
    order by e.id for no key update of e skip locked
  );
begin
  update howdah.executions as e set wake_at = clock_timestamp(), updated_at = now()
  where e.id = any (v_waiting);
  perform howdah_private.enqueue_advance(v_waiting);
end $$;
