-- Rows for traces of runs. Workers report the spans of the steps that they commit. The span of a
-- run is built from its row when the run has ended.

-- Returns the trace context in which a tree of runs was started, from the metadata of the root run.
create or replace function howdah_private.traceparent_of(root uuid) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.metadata ->> 'traceparent' from howdah.executions as e where e.id = traceparent_of.root
$$;

-- Returns what the span of each ended run needs.
create or replace function howdah_private.traced_runs(ids uuid[]) returns table (
    execution_id uuid, root_execution_id uuid, parent_execution_id uuid, tenant_id uuid,
    session_id uuid, traceparent text, agent_id uuid, workflow_id uuid, name text, version int,
    status howdah.execution_status, stop_reason howdah.stop_reason,
    error_code text, error_message text, tokens_in bigint, tokens_out bigint, cost numeric,
    steps int, created_at timestamptz, started_at timestamptz, completed_at timestamptz
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.id, e.root_execution_id, e.parent_execution_id, e.tenant_id, e.session_id,
    case when e.depth = 0 then e.metadata ->> 'traceparent'
      else howdah_private.traceparent_of(e.root_execution_id) end,
    e.agent_id, e.workflow_id, coalesce(a.name, w.name), coalesce(av.version, wv.version), e.status,
    e.stop_reason, e.error ->> 'code', e.error ->> 'message', e.tokens_in::bigint,
    e.tokens_out::bigint, e.cost, e.step_count,
    e.created_at, e.started_at, e.completed_at
  from howdah.executions as e
  left join howdah.agents as a on a.id = e.agent_id and a.tenant_id = e.tenant_id
  left join howdah.workflows as w on w.id = e.workflow_id and w.tenant_id = e.tenant_id
  left join howdah.agent_versions as av on av.id = e.agent_version_id and av.tenant_id = e.tenant_id
  left join howdah.workflow_versions as wv
    on wv.id = e.workflow_version_id and wv.tenant_id = e.tenant_id
  where e.id = any (traced_runs.ids) and e.completed_at is not null
$$;

-- Returns runs that ended without a commit of a worker: cancelled, expired, poisoned. Each run is
-- returned once, to one of the calling workers: the worker that locks the row of the chore
-- continues where the last call stopped. Lags a few seconds behind, since ends commit in any order.
-- After a time without calls, returns at most the last minute.
create or replace function howdah_private.runs_to_trace(
  lag interval default interval '3 seconds', at_most int default 1000
)
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_after timestamptz;
  v_until timestamptz := clock_timestamp() - runs_to_trace.lag;
  v_ids uuid[];
  v_reached timestamptz;
begin
  select greatest(t.reached_at, v_until - interval '1 minute') into v_after
  from howdah_private.background_tasks as t where t.name = 'traces' for no key update skip locked;
  if not found or v_after >= v_until then
    return '{}';
  end if;
  select array_agg(e.id), max(e.completed_at) into v_ids, v_reached
  from (
    select o.id::uuid as id, o.completed_at from howdah.executions as o
    where o.completed_at > v_after and o.completed_at <= v_until
      and o.stop_reason in ('cancelled', 'expired', 'poison')
    order by o.completed_at limit runs_to_trace.at_most
  ) as e;
  update howdah_private.background_tasks as t
  set reached_at = case when cardinality(v_ids) = runs_to_trace.at_most then v_reached
    else v_until end
  where t.name = 'traces';
  return coalesce(v_ids, '{}');
end $$;
