-- Functions for callers that wait for a run and may not read the list of workers.

-- Returns whether a worker that takes every kind of run is alive. Workers with a scope (`--only`)
-- do not count.
create or replace function howdah_private.is_any_worker_alive() returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.workers as w
    where w.only_tenants is null and w.only_run is null
      and w.heartbeat_at > clock_timestamp() - interval '10 seconds'
  )
$$;

-- Returns whether a live worker has the run of this tenant, or takes runs like it.
create or replace function howdah_private.is_taken_by_any_worker(execution_id uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as e
    join howdah_private.workers as w on w.heartbeat_at > clock_timestamp() - interval '10 seconds'
    where e.id = is_taken_by_any_worker.execution_id and e.tenant_id = howdah.current_tenant()
      and (w.only_tenants is null or w.id = e.owner_worker
        or (e.tenant_id = any (w.only_tenants) and (w.only_members is null
          or e.agent_id = any (w.only_members) or e.workflow_id = any (w.only_members))))
      and not exists (
        select from howdah_private.needed_code as n
        where n.agent_version_id = e.agent_version_id and not howdah_private.has_code(w, n)
      )
  )
$$;

-- Warns once when no worker has taken the run for worker_warning_seconds, and throws HWCNF after
-- worker_wait_seconds. The caller passes the results of each call to the next one. absent_since is
-- null while a worker is alive that takes the run.
create or replace function howdah_private.await_worker(
  execution_id uuid, inout absent_since timestamptz, inout is_warned boolean
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_settings jsonb;
  v_seconds numeric;
  v_missing text;
begin
  if howdah_private.is_taken_by_any_worker(await_worker.execution_id) then
    await_worker.absent_since := null;
    return;
  end if;
  await_worker.absent_since := coalesce(await_worker.absent_since, clock_timestamp());
  v_seconds := extract(epoch from clock_timestamp() - await_worker.absent_since);
  v_settings := howdah_private.settings_of(howdah.current_tenant(),
    '{worker_warning_seconds,worker_wait_seconds}');
  v_missing := howdah_private.missing_code(e.agent_version_id) from howdah.executions as e
  where e.id = await_worker.execution_id and howdah_private.is_any_worker_alive();
  if v_seconds >= coalesce((v_settings ->> 'worker_wait_seconds')::numeric, 30) then
    raise exception using errcode = 'HWCNF',
      message = format('no worker has taken the run for %s seconds', round(v_seconds))
        || coalesce(': no running worker has ' || v_missing, ''),
      detail = jsonb_build_object('execution_id', await_worker.execution_id)::text,
      hint = format('The run stays in the queue. Start a worker: howdah worker. '
        'Then wait for the answer: call howdah.tail(''%s'')', await_worker.execution_id);
  elsif not await_worker.is_warned
    and v_seconds >= coalesce((v_settings ->> 'worker_warning_seconds')::numeric, 5)
  then
    raise warning using
      message = case when v_missing is null
        then 'no running worker can take this run; it stays queued'
        else format('no running worker has %s; the run stays queued', v_missing) end,
      hint = case when v_missing is null then 'Start one in another terminal: howdah worker'
        else 'Start a worker with the program or the folder that has it: '
          'howdah worker --tools FOLDER' end;
    await_worker.is_warned := true;
  end if;
end $$;
comment on function howdah_private.await_worker(uuid, timestamptz, boolean) is
  'Warns, and later throws, when no live worker takes the run that the caller waits for.';
