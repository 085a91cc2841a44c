-- Reads for the views of usage: the rollup (usage_rollup.sql), and runs that it does not count yet.
-- Functions with a parsed body are inlined, so a condition of a view on its day reaches the index.

-- Tests whether a step of kind tool is a tool call; the other steps are decisions of workflows.
create or replace function howdah_private.is_tool_call_id(call_id text) returns boolean
  language sql immutable parallel safe
  return coalesce(call_id not in ('route') and call_id not like 'plan.%', true);

-- Returns the steps that an event counts: those of models and tools, and others that used tokens.
-- Their day is that of their end, as limits count them. What an answer cache answered has no
-- duration: a call of a tool, or an answer without tokens. Inlined.
create or replace function howdah_private.step_usage(u howdah_private.usage_events)
  returns table (
    day date, kind howdah.step_kind, model_id uuid, tool text, is_error boolean, tokens_in int,
    tokens_out int, cost numeric, usage jsonb, micros bigint
  )
  language sql stable
begin atomic
  select (s.finished_at at time zone 'UTC')::date, s.kind, s.model_id, t.tool, s.error is not null,
    s.tokens_in, s.tokens_out, s.cost, x.usage,
    case when case when t.tool is null then x.is_cached else s.annotations ? 'cached_from' end
      is not true then (extract(epoch from s.finished_at - s.started_at) * 1000000)::bigint end
  from howdah.steps as s
  cross join lateral (
    select case when s.kind = 'tool' and howdah_private.is_tool_call_id(s.call_id) then s.name end
  ) as t (tool)
  cross join lateral ( -- offset 0: a large output is decompressed once
    select case when s.model_id is not null then s.output -> 'usage' end,
      case when s.kind = 'model' and s.tokens_in + s.tokens_out = 0
        then s.output ? 'cached_from' end offset 0
  ) as x (usage, is_cached)
  where s.execution_id = (u).execution_id and s.tenant_id = (u).tenant_id
    and s.seq > (u).first_seq and s.seq <= (u).last_seq
    and (s.model_id is not null or t.tool is not null or s.tokens_in + s.tokens_out > 0);
end;

-- Returns the bucket of a duration.
create or replace function howdah_private.duration_bucket(micros bigint) returns int
  language sql immutable parallel safe
  return case when micros > 0 then floor(ln(micros::float8) / ln(1.02::float8))::int else -1 end;

-- Returns the usage that the rollup does not count yet, as events: those that wait to be counted,
-- and one for each live run and for each run that the backfill has not reached. Of one tenant, or
-- of all if it is null.
create or replace function howdah_private.uncounted_events(tenant_id uuid)
  returns setof howdah_private.usage_events
  language plpgsql stable security definer rows 100
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select u.* from howdah_private.usage_events as u
  where uncounted_events.tenant_id is null or u.tenant_id = uncounted_events.tenant_id;
  return query
  select e.id::uuid, e.tenant_id, coalesce(h.tokens_in, e.tokens_in),
    coalesce(h.tokens_out, e.tokens_out), e.created_at, e.moves,
    greatest(e.counted_steps, e.forked_from_seq, 0), coalesce(h.step_count, e.step_count),
    coalesce(h.step_count, e.step_count) - coalesce(e.forked_from_seq, 0), e.status, 1::smallint,
    e.parent_execution_id is null, e.compensates_execution_id is not null, e.agent_id,
    e.agent_version_id, e.workflow_id, null::bigint, coalesce(h.cost, e.cost)
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.status in ('queued', 'running', 'waiting', 'paused')
    and (uncounted_events.tenant_id is null or e.tenant_id = uncounted_events.tenant_id);
  return query
  select u.* from howdah_private.backfills as b
  cross join lateral howdah_private.legacy_usage(b.reached) as u
  where b.name = 'usage'
    and (uncounted_events.tenant_id is null or u.tenant_id = uncounted_events.tenant_id);
end $$;

-- Returns the uncounted usage of the tenant of the caller, without agents and workflows that grants
-- hide, or of all tenants for an owner.
create or replace function howdah_private.uncounted_usage()
  returns setof howdah_private.usage_events
  language plpgsql stable security definer rows 100
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_tenant_id constant uuid := howdah.current_tenant();
  v_hidden uuid[];
begin
  if howdah_private.is_operator() then
    return query select u.* from howdah_private.uncounted_events(null) as u;
  elsif v_tenant_id is not null then
    v_hidden := howdah_private.hidden_agents();
    return query select u.* from howdah_private.uncounted_events(v_tenant_id) as u
    where coalesce(u.agent_id, u.workflow_id) <> all (v_hidden);
  end if;
end $$;

-- Returns events of the runs that ended before there were events and are not counted yet.
create or replace function howdah_private.legacy_usage(after uuid)
  returns setof howdah_private.usage_events
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  select e.id::uuid, e.tenant_id, e.tokens_in, e.tokens_out, e.created_at, e.moves,
    coalesce(e.forked_from_seq, 0), e.step_count, e.step_count - coalesce(e.forked_from_seq, 0),
    e.status, 1::smallint, e.parent_execution_id is null, e.compensates_execution_id is not null,
    e.agent_id, e.agent_version_id, e.workflow_id,
    (extract(epoch from e.completed_at - e.started_at) * 1000000)::bigint, e.cost
  from howdah.executions as e
  where e.id > coalesce(legacy_usage.after, '00000000-0000-0000-0000-000000000000')
    and e.completed_at is not null and e.counted_steps is null
$$;

-- Returns the figures of runs, several rows for one key. A live run has not ended.
create or replace function howdah_private.run_usage()
  returns table (
    tenant_id uuid, day date, agent_id uuid, agent_version_id uuid, workflow_id uuid, user_id uuid,
    outcome text, runs bigint, ended bigint, steps bigint, tokens_in numeric, tokens_out numeric,
    cost numeric
  )
  language sql stable
begin atomic
  select k.tenant_id, k.day, k.agent_id, k.agent_version_id, k.workflow_id, k.user_id, k.outcome,
    k.runs, k.runs, k.steps, k.tokens_in::numeric, k.tokens_out::numeric, k.cost
  from howdah.usage_totals as k where k.kind is null
  union all
  select u.tenant_id, (u.created_at at time zone 'UTC')::date, u.agent_id, u.agent_version_id,
    u.workflow_id, e.user_id,
    case when u.status in ('completed', 'failed', 'cancelled') then u.status::text end,
    u.sign, case when u.status in ('completed', 'failed', 'cancelled') then u.sign else 0 end,
    u.sign * u.steps, u.sign * u.tokens_in::numeric, u.sign * u.tokens_out::numeric,
    u.sign * u.cost
  from howdah_private.uncounted_usage() as u
  join howdah.executions as e on e.id = u.execution_id
  where not u.is_compensation;
end;

-- Returns histograms of the durations of runs that have ended, several for one key.
create or replace function howdah_private.run_durations()
  returns table (
    tenant_id uuid, day date, agent_id uuid, agent_version_id uuid, workflow_id uuid,
    histogram howdah_private.histogram
  )
  language sql stable
begin atomic
  select k.tenant_id, k.day, k.agent_id, k.agent_version_id, k.workflow_id,
    row(k.buckets, k.bucket_calls, k.bucket_micros)::howdah_private.histogram
  from howdah.usage_durations as k where k.model_id is null and k.tool is null
  union all
  select u.tenant_id, (u.created_at at time zone 'UTC')::date, u.agent_id, u.agent_version_id,
    u.workflow_id, row(array[howdah_private.duration_bucket(u.micros)], array[u.sign::bigint],
      array[u.sign * u.micros])::howdah_private.histogram
  from howdah_private.uncounted_usage() as u
  where not u.is_compensation and u.micros is not null;
end;

-- Returns the figures of steps of models and tools, several rows for one key. `usage` is what the
-- model reported, of a step that the rollup does not count yet; its counts are null then.
create or replace function howdah_private.call_usage()
  returns table (
    tenant_id uuid, day date, agent_id uuid, agent_version_id uuid, workflow_id uuid, user_id uuid,
    kind howdah.step_kind, model_id uuid, tool text, outcome text, steps bigint, tokens_in bigint,
    tokens_out bigint, cost numeric, cached_tokens bigint, cache_write_tokens bigint,
    estimated_steps bigint, usage jsonb
  )
  language sql stable
begin atomic
  select k.tenant_id, k.day, k.agent_id, k.agent_version_id, k.workflow_id, k.user_id, k.kind,
    k.model_id, k.tool, k.outcome, k.steps, k.tokens_in, k.tokens_out, k.cost, k.cached_tokens,
    k.cache_write_tokens, k.estimated_steps, null::jsonb
  from howdah.usage_totals as k where k.kind is not null
  union all
  select u.tenant_id, s.day, u.agent_id, u.agent_version_id, u.workflow_id,
    case when s.tool is null or s.tokens_in + s.tokens_out > 0 then e.user_id end, s.kind,
    s.model_id, s.tool, case when s.is_error then 'error' else 'ok' end, 1, s.tokens_in,
    s.tokens_out, s.cost, null as cached_tokens, null as cache_write_tokens,
    (s.usage -> 'estimated' = 'true')::int as estimated_steps, s.usage
  from howdah_private.uncounted_usage() as u
  join howdah.executions as e on e.id = u.execution_id
  cross join lateral howdah_private.step_usage(u) as s;
end;

-- Returns histograms of the durations of tool calls, and of answers of models, several for one key.
-- Answers of an answer cache are in cached_calls only.
create or replace function howdah_private.call_histograms()
  returns table (
    tenant_id uuid, model_id uuid, tool text, calls bigint, errors bigint,
    histogram howdah_private.histogram, cached_calls bigint
  )
  language sql stable
begin atomic
  select k.tenant_id, k.model_id, k.tool, k.calls, k.errors,
    row(k.buckets, k.bucket_calls, k.bucket_micros)::howdah_private.histogram, k.cached_calls
  from howdah.usage_durations as k where k.model_id is not null or k.tool is not null
  union all
  select u.tenant_id, case when s.tool is null then s.model_id end, s.tool,
    (s.micros is not null)::int, (s.is_error and s.micros is not null)::int,
    case when s.micros is not null then row(array[howdah_private.duration_bucket(s.micros)],
      array[1::bigint], array[s.micros])::howdah_private.histogram end,
    (s.micros is null)::int
  from howdah_private.uncounted_usage() as u
  cross join lateral howdah_private.step_usage(u) as s
  where s.tool is not null or (s.kind = 'model' and s.model_id is not null);
end;
