-- Supports hooks. Workers call the functions of hooks themselves, in the sandbox of tools
-- (run_as_tool_role.sql). The functions of this file never call them: they belong to the engine,
-- and code of a user must not run with its privileges.

-- Returns the function that a hook names: `shop.check` or `shop.check(jsonb)`.
create or replace function howdah_private.hook_function(name text) returns pg_catalog.pg_proc
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regprocedure;
  v_proc pg_catalog.pg_proc;
  v_schema text;
  v_reason text;
begin
  begin
    v_function := to_regprocedure(
      regexp_replace(hook_function.name, '\s*\(\s*(\w+\s+)?jsonb\s*\)\s*$', '') || '(jsonb)');
  exception when invalid_name or syntax_error then
    null; -- PostgreSQL 15 raises for an invalid name, later releases return null
  end;
  select p.* into v_proc from pg_catalog.pg_proc as p where p.oid = v_function;
  select n.nspname into v_schema from pg_catalog.pg_namespace as n
  where n.oid = v_proc.pronamespace;
  v_reason := case
    when v_function is null then 'there is no such function with one jsonb argument'
    when v_schema in (
        'information_schema', 'howdah', 'howdah_private', 'howdah_bounded', 'graphile_worker'
      ) or v_schema like 'pg\_%' then 'it is in a system schema'
    when v_proc.prokind <> 'f' or v_proc.proretset then 'it is not a plain function'
    when v_proc.prorettype not in ('jsonb'::regtype, 'void'::regtype)
      then 'it returns ' || v_proc.prorettype::regtype
  end;
  if v_reason is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s cannot be a hook: %s', coalesce(hook_function.name, 'null'), v_reason),
      detail = jsonb_build_object('field', 'function', 'function', hook_function.name)::text,
      hint = coalesce('Did you mean ' || case when v_function is null
          then howdah_private.functions_named(hook_function.name) end || '? ', '')
        || 'Write it with its schema. Its signature is (event jsonb) returns jsonb or void.';
  end if;
  return v_proc;
end $$;

-- Returns the hooks for runs of an agent or a workflow, in the order of their calls. Hooks are not
-- pinned: a change applies at the next claim.
create or replace function howdah_private.hooks_of(tenant_id uuid, agent_id uuid, workflow_id uuid)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(array_agg(jsonb_build_object(
    'event', h.event, 'function', h.function, 'timeout_ms', h.timeout_ms)
    order by h.position, h.id))
  from howdah.hooks as h
  where h.tenant_id = hooks_of.tenant_id and h.is_active
    and (num_nonnulls(h.agent_id, h.workflow_id) = 0 or h.agent_id = hooks_of.agent_id
      or h.workflow_id = hooks_of.workflow_id)
$$;

-- Reports whether no worker has begun the run. Earlier input of people and refused starts are steps
-- of its log too, and do not count.
create or replace function howdah_private.is_new_run(e howdah.executions) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.step_count = coalesce(e.forked_from_seq + 1, 0) then true
    when e.model_count > 0 then false
    else not exists (
      select from howdah.steps as s
      where s.execution_id = e.id and s.seq > coalesce(e.forked_from_seq + 1, 0)
        and s.kind not in ('input', 'error', 'retry')
        and not (s.kind in ('question', 'answer') and s.call_id is null) -- for an account
    )
  end
$$;

-- Begins the transaction in which hooks are called and their step is committed. An earlier attempt
-- whose answer was lost may still be running. This attempt waits for it by an advisory lock and
-- then sees what it committed, so writes of hooks happen once, like the step. No row is locked
-- while functions of users run. Returns no row for a stale fence.
create or replace function howdah_private.begin_hooks(worker uuid, id uuid, fence int)
  returns table (step_count int, is_owned boolean, has_inbox boolean)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('howdah.hooks ' || begin_hooks.id, 0));
  return query
  select coalesce(h.step_count, e.step_count),
    coalesce(e.owner_worker = begin_hooks.worker, false), e.has_inbox
  from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.id = begin_hooks.id and e.fence = begin_hooks.fence;
end $$;

-- Enqueues the hooks of runs that were ended from outside. Any worker calls them soon, and they can
-- prevent nothing. Called by terminate_runs. This function is in PL/pgSQL because PL/pgSQL keeps a
-- parsed statement, while a function in SQL is parsed and planned at each call before PostgreSQL
-- 18. A plan for the given ids opens only their partitions.
create or replace function howdah_private.enqueue_end_hooks(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_jobs int;
begin
  if not exists (select from howdah.hooks as h
    where h.is_active and h.event = 'execution_complete') then
    return;
  end if;
  with ended as (
    insert into howdah_private.ended_runs (tenant_id, execution_id, event)
    select e.tenant_id, e.id, jsonb_build_object(
      'event', 'execution_complete', 'execution_id', e.id, 'root_execution_id', e.root_execution_id,
      'tenant_id', e.tenant_id, 'agent_id', e.agent_id, 'agent', a.name, 'workflow', w.name,
      'workflow_id', e.workflow_id, 'session_id', e.session_id,
      'metadata', e.metadata, 'status', e.status, 'stop_reason', e.stop_reason,
      'finish_reason', e.finish_reason, 'output', null, 'output_data', null, 'error', e.error)
    from howdah.executions as e left join howdah.agents as a on a.id = e.agent_id
    left join howdah.workflows as w on w.id = e.workflow_id
    where e.id = any (enqueue_end_hooks.ids) and exists (
      select from howdah.hooks as h
      where h.tenant_id = e.tenant_id and h.is_active and h.event = 'execution_complete'
        and (num_nonnulls(h.agent_id, h.workflow_id) = 0 or h.agent_id = e.agent_id
          or h.workflow_id = e.workflow_id)
    )
    returning id, tenant_id
  ),
  jobs as (
    select graphile_worker.add_job('execution_complete',
      json_build_object('id', d.id, 'tenant_id', d.tenant_id)) from ended as d
  )
  select count(*) into v_jobs from jobs;
end $$;

-- Deletes the row of an ended run in the transaction that calls its hooks, so both happen exactly
-- once or not at all. Returns no row if the hooks were called already.
create or replace function howdah_private.claim_ended_run(id uuid)
  returns table (tenant_id uuid, execution_id uuid, event jsonb, hooks jsonb)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with taken as (
    delete from howdah_private.ended_runs as r where r.id = claim_ended_run.id returning r.*
  )
  select t.tenant_id, t.execution_id, t.event,
    howdah_private.hooks_of(t.tenant_id, (t.event ->> 'agent_id')::uuid,
      (t.event ->> 'workflow_id')::uuid)
  from taken as t
$$;

-- Stores the results of hooks of an ended run in its metrics: annotations, and `hook_errors` of
-- failed hooks.
create or replace function howdah_private.record_hook_results(id uuid, metrics jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.executions as e set metrics = e.metrics || record_hook_results.metrics,
    updated_at = now()
  where e.id = record_hook_results.id
$$;
