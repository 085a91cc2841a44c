-- Call limits: how many calls of a tool or a model run at once (running_calls), how many begin
-- within any 60 seconds (calls), and how many tokens the calls of a model use within 60 seconds.
--
-- Exact: a call of a limited tool or model begins under the locks of its limits (lock_limits),
-- which are taken in the order of ids, after the row of the run. Only committed calls are counted.
-- A call that may not begin is not made: its run is written to parked_runs, and the worker parks
-- the run by its next commit (record_parked). The job `admit` lets runs go on: when a call ends,
-- when the oldest call of the minute is over a minute old, and when the limit changes. Parking a
-- run adds such a job too, which sees what has committed by then, so the end of a concurrent call
-- is not missed.
--
-- A call ends when its worker says so, and when its run leaves the worker: by its end, a crash of
-- the worker, or a pause.
--
-- Every claim and commit says whether calls of the tenant are limited. Otherwise no worker asks
-- before a call.

-- Returns whether calls of a tenant may be limited, by its own limits or over all tenants.
create or replace function howdah_private.are_calls_limited(tenant_id uuid) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
begin
  return exists (
      select from howdah.limits as l
      where l.tenant_id = are_calls_limited.tenant_id
        and l.scope in ('model', 'tool') and l.metric <> 'running_runs'
    ) or exists (
      select from howdah.limits as l where l.key is not null and l.scope <> 'key'
    );
end $$;

-- Returns the limits that a call of a tool or of a model counts for.
create or replace function howdah_private.call_limits(
  tenant_id uuid, tool_id uuid, tool text, model_id uuid, model text
) returns setof howdah.limits
  language sql stable security definer rows 2
  set search_path = pg_catalog, pg_temp
as $$
  select l.* from howdah.limits as l
  where l.tenant_id = call_limits.tenant_id and l.tool_id = call_limits.tool_id
  union all
  select l.* from howdah.limits as l
  where l.tenant_id = call_limits.tenant_id and l.model_id = call_limits.model_id
    and l.metric <> 'running_runs'
  union all
  select l.* from howdah.limits as l
  where (l.scope = 'tool' and l.key = call_limits.tool)
    or (l.scope = 'model' and l.key = call_limits.model)
$$;

-- Returns how many calls may begin now, and when time alone lets another one begin: null when a
-- call may begin now, or when another call has to end first. Reads no more rows than the limit
-- allows, and for tokens the calls of the last minute.
create or replace function howdah_private.remaining_calls(
  l howdah.limits, out room int, out free_at timestamptz
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max int := l.max_value;
  v_since timestamptz := clock_timestamp() - interval '1 minute';
  v_oldest timestamptz;
begin
  if l.metric = 'calls' then
    select v_max - count(*), min(c.began_at) into room, v_oldest
    from (
      select o.began_at from howdah_private.limited_calls as o
      where o.limit_id = l.id and o.began_at > v_since
      order by o.began_at desc limit v_max
    ) as c;
  elsif l.metric = 'tokens' then
    select c.ended_at into v_oldest
    from (
      select o.ended_at, sum(o.tokens) over (order by o.ended_at desc, o.id) as tokens
      from howdah_private.limited_calls as o where o.limit_id = l.id and o.ended_at > v_since
    ) as c
    where c.tokens >= v_max order by c.ended_at desc limit 1;
    room := case when found then 0 else 2147483647 end;
  else
    room := v_max - (
      select count(*) from howdah_private.limited_calls as c
      where c.limit_id = l.id and c.ended_at is null
    );
  end if;
  free_at := case when room = 0 then v_oldest + interval '1 minute' end;
end $$;

-- Returns the current use of a call limit: calls that run, or calls or tokens of 60 seconds.
create or replace function howdah_private.counted_calls(l howdah.limits) returns numeric
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case l.metric
    when 'running_calls' then (
      select count(*)::numeric from howdah_private.limited_calls as c
      where c.limit_id = l.id and c.ended_at is null)
    when 'calls' then (
      select count(*)::numeric from howdah_private.limited_calls as c
      where c.limit_id = l.id and c.began_at > clock_timestamp() - interval '1 minute')
    else (
      select coalesce(sum(c.tokens), 0) from howdah_private.limited_calls as c
      where c.limit_id = l.id and c.ended_at > clock_timestamp() - interval '1 minute')
    end
$$;

-- Reserves a call, in a transaction of its own. `free`: no limit concerns the call. `begun`: the
-- call counts from now on, as call_id. `full`: a limit is reached; with `parks` the run is recorded
-- as waiting for the limit, and the worker has to park the run. `stale`: the worker does not own
-- the run.
create or replace function howdah_private.begin_call(
  worker uuid, id uuid, fence int, tool_id uuid, tool text, model_id uuid, model text,
  parks boolean, out outcome text, out call_id uuid
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
  v_limits uuid[];
  v_full uuid;
begin
  outcome := 'stale';
  -- the lock lasts until the call is written: a later change of the worker ends the call
  select e.tenant_id, e.priority, e.run_at into v_run from howdah.executions as e
  where e.id = begin_call.id and e.owner_worker = begin_call.worker
    and e.fence = begin_call.fence and e.status = 'running'
  for share;
  if not found then
    return;
  end if;
  v_limits := array(
    select l.id from howdah_private.call_limits(v_run.tenant_id, begin_call.tool_id,
      begin_call.tool, begin_call.model_id, begin_call.model) as l order by l.id);
  outcome := 'free';
  if v_limits = '{}' then
    return;
  end if;
  perform howdah_private.lock_limits(v_limits);
  select l.id into v_full
  from howdah.limits as l cross join lateral howdah_private.remaining_calls(l) as r
  where l.id = any (v_limits) and r.room <= 0 order by r.free_at desc nulls last, l.id limit 1;
  if v_full is null then
    outcome := 'begun';
    call_id := gen_random_uuid();
    insert into howdah_private.limited_calls (call_id, limit_id, execution_id, began_at)
    select begin_call.call_id, l.id, begin_call.id, clock_timestamp()
    from unnest(v_limits) as l (id);
    return;
  end if;
  outcome := 'full';
  if begin_call.parks then
    insert into howdah_private.parked_runs (execution_id, tenant_id, limit_id, priority, due_at)
    values (begin_call.id, v_run.tenant_id, v_full, v_run.priority, v_run.run_at)
    on conflict (execution_id) do update
    set limit_id = excluded.limit_id, subject_id = null;
  end if;
end $$;

-- Reserves a call of a model outside of steps: for vectors, rerankings and recognized pages. The
-- caller has locked the claim of a document, if the call is for one. `full`: a limit is reached,
-- and the caller tries again after `wait_ms`.
create or replace function howdah_private.begin_model_call(
  tenant_id uuid, model_id uuid, document_id uuid default null,
  out outcome text, out call_id uuid, out wait_ms int
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits uuid[];
  v_full record;
begin
  outcome := 'free';
  if not howdah_private.are_calls_limited(begin_model_call.tenant_id) then
    return;
  end if;
  v_limits := array(
    select l.id from howdah.models as m
    cross join lateral howdah_private.call_limits(m.tenant_id, null, null, m.id, m.model) as l
    where m.tenant_id = begin_model_call.tenant_id and m.id = begin_model_call.model_id
    order by l.id);
  perform howdah_private.lock_limits(v_limits);
  select max(r.free_at) as free_at into v_full
  from howdah.limits as l cross join lateral howdah_private.remaining_calls(l) as r
  where l.id = any (v_limits) and r.room <= 0 having count(*) > 0;
  if found then
    outcome := 'full';
    wait_ms := greatest(100, coalesce(ceil(extract(epoch from
      v_full.free_at - clock_timestamp()) * 1000), 2000));
  elsif v_limits <> '{}' then
    outcome := 'begun';
    call_id := gen_random_uuid();
    insert into howdah_private.limited_calls (call_id, limit_id, document_id, began_at)
    select begin_model_call.call_id, l.id, begin_model_call.document_id, clock_timestamp()
    from unnest(v_limits) as l (id);
  end if;
end $$;

-- Ends a call that used so many tokens.
create or replace function howdah_private.end_call(call_id uuid, tokens int) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits uuid[];
begin
  with ended as (
    update howdah_private.limited_calls as c
    set ended_at = coalesce(c.ended_at, clock_timestamp()), tokens = end_call.tokens
    where c.call_id = end_call.call_id
    returning c.limit_id
  )
  select array_agg(e.limit_id) into v_limits from ended as e;
  perform howdah_private.enqueue_call_admissions(v_limits);
end $$;

-- Ends the calls of a run that does not run any more.
create or replace function howdah_private.end_calls_of_run(execution_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits uuid[];
begin
  if not exists (
    select from howdah_private.limited_calls as c
    where c.execution_id = end_calls_of_run.execution_id and c.ended_at is null
  ) then
    return; -- the usual case
  end if;
  with ended as (
    update howdah_private.limited_calls as c set ended_at = clock_timestamp()
    where c.execution_id = end_calls_of_run.execution_id and c.ended_at is null
    returning c.limit_id
  )
  select array_agg(e.limit_id) into v_limits from ended as e;
  perform howdah_private.enqueue_call_admissions(v_limits);
end $$;

-- Adds a job for each of the limits at which runs wait. It sees what has committed by then.
create or replace function howdah_private.enqueue_call_admissions(limits uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_admission(l.id, p.tenant_id)
  from (select distinct u.id from unnest(enqueue_call_admissions.limits) as u (id)) as l
  cross join lateral (
    select r.tenant_id from howdah_private.parked_runs as r where r.limit_id = l.id limit 1
  ) as p;
end $$;

-- Ends calls whose run does not run, and those of no run after five minutes, which no call takes.
-- Deletes calls that ended two minutes ago. Part of repair_queue, which may hold runs: it waits for
-- no row. The end of a run ends its calls, so usually no such call exists.
create or replace function howdah_private.delete_old_calls() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits uuid[];
begin
  if not exists (select from howdah_private.limited_calls) then
    return;
  end if;
  with ended as (
    update howdah_private.limited_calls as c set ended_at = clock_timestamp()
    from (
      select o.id from howdah_private.limited_calls as o
      where o.ended_at is null and not exists (
        select from howdah.executions as e where e.id = o.execution_id and e.status = 'running')
        and (o.execution_id is not null or o.began_at < clock_timestamp() - interval '5 minutes')
      for update of o skip locked
    ) as open
    where c.id = open.id
    returning c.limit_id
  )
  select array_agg(e.limit_id) into v_limits from ended as e;
  perform howdah_private.enqueue_call_admissions(v_limits);
  delete from howdah_private.limited_calls as c
  using (
    select o.id from howdah_private.limited_calls as o
    where o.ended_at < clock_timestamp() - interval '2 minutes' for update skip locked
  ) as old
  where c.id = old.id;
end $$;
