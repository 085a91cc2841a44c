-- What workers of before call, for as long as they may still run beside newer ones: while a deploy rolls, an older worker
-- goes on against a newer schema. Their statements are prepared, so the columns of what they call never change; a
-- protocol that needs more is a function with one more argument. Protocol 1: neither questions, children, pauses,
-- inboxes, hooks nor built-in tools.

-- What an older worker would do wrong it is not given; a newer one takes it.
create or replace function howdah_private.is_known_to_protocol_1(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.depth = 0 and not e.has_inbox and e.compensates_execution_id is null
    and e.forked_from_execution_id is null and e.messages_at_retry = 0
    and not exists (
      select from howdah.hooks as h
      where h.tenant_id = e.tenant_id and h.is_active and coalesce(h.agent_id = e.agent_id, true)
    )
    and not exists (
      select from howdah.agent_versions as v
      cross join lateral jsonb_array_elements(v.definition -> 'tools') as t (tool)
      where v.id = e.agent_version_id
        and (t.tool ->> 'kind' not in ('sql', 'custom')
          or (t.tool ->> 'kind' = 'custom' and t.tool ->> 'effect' = 'once') or t.tool ? 'compensation' or (t.tool ->> 'requires_approval')::boolean)
    )
$$;

-- Up to protocol 4 a worker knows neither engines nor handoffs, prompts, skills nor MCP servers, and asks no database whom a router could choose
-- nor any model for embeddings.
create or replace function howdah_private.is_known_to_protocol_4(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select not exists (
    select from howdah.agent_versions as v
    where v.id = e.agent_version_id and (v.definition -> 'agent' ?| '{engine,prompt}' or v.definition ? 'skills'
      or v.definition -> 'tools' @> '[{"kind": "mcp"}]'
      or v.definition -> 'tools' @> '[{"kind": "agent", "configuration": {"handoff": true}}]')
    union all
    select from howdah.workflow_versions as v
    where v.id = e.workflow_version_id and (v.definition #>> '{workflow,configuration,members}' = 'capable'
      or howdah_private.decides_by_embedding(v.definition #> '{workflow,configuration}'))
  )
$$;

-- Up to protocol 5 a worker knows neither policies nor filters, nor requests of APIs, nor tools that a client calls.
create or replace function howdah_private.is_known_to_protocol_5(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.client_tools is null
    and not exists (select from howdah.tool_policies as p where p.tenant_id = e.tenant_id and p.decision <> 'allow')
    and not exists (select from howdah.output_filters as f where f.tenant_id = e.tenant_id and f.is_active)
    and not exists (
      select from howdah.agent_versions as v where v.id = e.agent_version_id and v.definition -> 'tools' @> '[{"kind": "http"}]')
$$;

-- Up to protocol 6 a worker knows no agent that is a tool.
create or replace function howdah_private.is_known_to_protocol_6(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select not exists (
    select from howdah.agent_versions as v
    where v.id = e.agent_version_id and v.definition #>> '{models,0,provider}' = 'engine:tool')
$$;

-- Up to protocol 7 a worker asks the agent's own models, as the agent asks them, and asks nobody before it makes a call.
create or replace function howdah_private.is_known_to_protocol_7(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select not coalesce(e.overrides ?| '{model,request_params}', false) and (
    not exists (select from howdah.call_limits) or not exists (
      select from howdah.call_limits as l left join howdah.agent_versions as v on v.id = e.agent_version_id
      where (l.tenant_id = e.tenant_id or (l.tool_id is null and l.model_id is null))
        and (e.workflow_id is not null
          or v.definition -> 'models' @> jsonb_build_array(jsonb_build_object('id', l.model_id))
          or v.definition -> 'tools' @> jsonb_build_array(jsonb_build_object('id', l.tool_id))
          or v.definition -> 'models' @> jsonb_build_array(jsonb_build_object('model', l.every_model))
          or v.definition -> 'tools' @> jsonb_build_array(jsonb_build_object('name', l.every_tool)))
    )
  )
$$;

create or replace function howdah_private.claim_executions(worker uuid, ids uuid[])
  returns table (
    execution_id uuid, fence int, tenant_id uuid, agent_id uuid, agent_version_id uuid, session_id uuid,
    metadata jsonb, step_count int, exhausted howdah.stop_reason, active_ms_left bigint, watched boolean,
    is_suspect boolean,
    messages jsonb, history jsonb, attempts jsonb
  )
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select c.execution_id, c.fence, c.tenant_id, c.agent_id, c.agent_version_id, c.session_id, c.metadata,
    c.step_count, c.exhausted, c.active_ms_left, c.watched, c.is_suspect, c.messages, c.history, c.attempts
  from howdah_private.claim_executions(claim_executions.worker, claim_executions.ids, 1) as c
$$;

-- Protocol 2: a worker holds only runs it named.
create or replace function howdah_private.claim_executions(worker uuid, ids uuid[], protocol int)
  returns table (
    execution_id uuid, fence int, tenant_id uuid, agent_id uuid, agent_version_id uuid, session_id uuid,
    root_execution_id uuid, is_child boolean, is_compensation boolean, metadata jsonb, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean,
    is_suspect boolean, messages_at_retry int, refused jsonb,
    messages jsonb, history jsonb, attempts jsonb, is_new boolean, hooks jsonb
  )
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select c.execution_id, c.fence, c.tenant_id, c.agent_id, c.agent_version_id, c.session_id, c.root_execution_id, c.is_child,
    c.is_compensation, c.metadata, c.step_count, c.exhausted, c.active_ms_left, c.watched, c.is_suspect, c.messages_at_retry,
    c.refused, c.messages, c.history, c.attempts, c.is_new, c.hooks
  from howdah_private.claim_executions(
    claim_executions.worker, claim_executions.ids, least(claim_executions.protocol, 2), null) as c
$$;

-- An older worker does not know that a run was asked to pause or was sent something: it is handed back, and somebody
-- who does goes on with it.
create or replace function howdah_private.commit_steps(worker uuid, commits jsonb)
  returns table (
    execution_id uuid, outcome text, status howdah.execution_status, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean
  )
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result record;
begin
  for v_result in
    select c.* from howdah_private.commit_steps(commit_steps.worker, commit_steps.commits, 1) as c
  loop
    if v_result.status = 'running' and (v_result.has_inbox or v_result.is_pause_requested) then
      perform howdah_private.release_executions(commit_steps.worker, array[v_result.execution_id], false);
      v_result.status := 'queued';
    end if;
    return query select v_result.execution_id,
      case v_result.outcome when 'inbox' then 'stale' else v_result.outcome end, v_result.status,
      v_result.step_count, v_result.exhausted, v_result.active_ms_left, v_result.watched;
  end loop;
end $$;

-- Up to protocol 3 a worker listens to a channel whose name everybody knows: it alone is told there (end_runs).
create or replace function howdah_private.register_worker(
  id uuid, pool_id text, host text, pid int, release text
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.register_worker(register_worker.id, register_worker.pool_id, register_worker.host,
    register_worker.pid, register_worker.release, 3)
$$;

-- Returns null, so that a worker of an earlier release finds nothing to write. Such a worker would
-- write an answer as howdah_tool, which has no privilege for that. begin_write_back left an attempt
-- in the queue, which a newer worker makes.
create or replace function howdah_private.answer_to_write(execution_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select null::jsonb
$$;
