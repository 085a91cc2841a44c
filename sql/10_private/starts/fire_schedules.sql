-- Schedules make runs here, each time of one exactly one run, however many workers call. Three things see to it: a row is
-- fired by whoever locks it, others pass it by; its next_at moves on in the transaction that inserts the runs; and
-- the idempotency key of a run names schedule and time.

-- A moment as it stands in keys and metadata: 2026-03-29T01:00:00Z.
create or replace function howdah_private.timestamp_key(at timestamptz) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select (to_jsonb(timestamp_key.at at time zone 'UTC') #>> '{}') || 'Z' $$;

create or replace function howdah_private.insert_scheduled(
  schedule howdah.schedules, execution_id uuid, key text, metadata jsonb
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.executions (
    id, tenant_id, user_id, agent_id, workflow_id, session_id, input, input_data, priority, idempotency_key, metadata
  ) values (
    insert_scheduled.execution_id, (schedule).tenant_id, (schedule).user_id, (schedule).agent_id, (schedule).workflow_id,
    (schedule).session_id, (schedule).input, (schedule).input_data, (schedule).priority, insert_scheduled.key,
    (schedule).metadata || insert_scheduled.metadata
  )
$$;

-- The times that are due, oldest first. next_at is one whatever cron says, since it was promised. Of every one at most
-- the 100 newest; asked for one more, to know that some are left out.
create or replace function howdah_private.due_times(
  schedule howdah.schedules, until timestamptz, out moments timestamptz[], out is_cut boolean
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  moments := array(
    select t.at from howdah_private.cron_times(
      (schedule).cron, (schedule).timezone, (schedule).next_at, due_times.until, 101, true) as t (at)
  ) || (schedule).next_at;
  is_cut := (schedule).catchup_policy = 'all' and cardinality(moments) > 100;
  moments := array(
    select m.at from unnest(moments) with ordinality as m (at, place)
    where case (schedule).catchup_policy when 'one' then m.place = 1 when 'all' then m.place <= 100
      -- less than a minute late is on time
      else m.at > due_times.until - interval '1 minute' end
    order by m.at
  );
end $$;

-- Deadlocks, full disks, locks that could not be had, a server that stops: the same call may succeed the next time.
create or replace function howdah_private.is_transient_error(code text) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select is_transient_error.code ~ '^(40|53|55|57|58)' $$;

-- What stands in last_error.
create or replace function howdah_private.schedule_error(
  code text, message text, detail text, hint text, at timestamptz
) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'code', schedule_error.code, 'message', schedule_error.message, 'detail', nullif(schedule_error.detail, ''),
    'hint', nullif(schedule_error.hint, ''), 'scheduled_for', howdah_private.timestamp_key(schedule_error.at)))
$$;

-- Inserts the run of one time. Returns no id and no error when there is no run to insert: the last
-- run is live and the schedule skips, or the time has its run already. A schedule whose user
-- changed skips while a run of the previous user is live, and does not cancel that run: whoever
-- writes a schedule may not end a run of another user. A refusal (the agent is deleted, say) is
-- returned as an error. A temporary fault, such as a deadlock or a full disk, is raised to the
-- caller.
create or replace function howdah_private.fire_moment(
  schedule howdah.schedules, at timestamptz, out id uuid, out error jsonb
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah.uuid_v7();
  v_moment text := howdah_private.timestamp_key(fire_moment.at);
  v_key text := format('schedule:%s:%s', (schedule).id, v_moment);
  v_detail text;
  v_hint text;
begin
  if (schedule).overlap_policy <> 'allow' and exists (
    select from howdah.executions as e
    where e.id = (schedule).last_execution_id and e.completed_at is null
      and ((schedule).overlap_policy = 'skip' or e.user_id is distinct from (schedule).user_id)
  ) then
    return;
  end if;
  if howdah_private.reserve_idempotency_key((schedule).tenant_id, v_key, v_id) <> v_id then
    return;
  end if;
  if (schedule).overlap_policy = 'cancel' then
    -- locked, so that it cannot end before it is cancelled
    perform from howdah.executions as e
    where e.id = (schedule).last_execution_id and e.completed_at is null and e.user_id is not distinct from (schedule).user_id
    for no key update;
    if found then -- the schedule does it, nobody in person: cancel_execution would note who
      perform howdah_private.terminate_runs(
        howdah_private.lock_below(array[(schedule).last_execution_id]), 'cancelled', null);
    end if;
  end if;
  perform howdah_private.insert_scheduled(
    schedule, v_id, v_key, jsonb_build_object('schedule', (schedule).name, 'scheduled_for', v_moment));
  id := v_id;
exception when others then
  if howdah_private.is_transient_error(sqlstate) then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  error := howdah_private.schedule_error(sqlstate, sqlerrm, v_detail, v_hint, fire_moment.at);
end $$;

-- Fires a schedule that its caller has locked, and moves it on. A refused run holds up nothing: it is said in last_error,
-- and the schedule goes on with its next time.
create or replace function howdah_private.fire_schedule(schedule howdah.schedules, until timestamptz) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule howdah.schedules := fire_schedule.schedule;
  v_due record := howdah_private.due_times(v_schedule, fire_schedule.until);
  v_at timestamptz;
  v_run record;
  v_fired int := 0;
begin
  v_schedule.last_error := case when v_due.is_cut then howdah_private.schedule_error('catchup',
    'more than 100 times were due: the 100 newest have run, the older ones will not', null, null,
    v_schedule.next_at) end;
  foreach v_at in array v_due.moments loop
    v_run := howdah_private.fire_moment(v_schedule, v_at);
    if v_run.error is not null then
      v_schedule.last_error := v_run.error;
      exit;
    elsif v_run.id is not null then
      v_schedule.last_execution_id := v_run.id;
      v_schedule.last_at := v_at;
      v_fired := v_fired + 1;
    end if;
  end loop;
  update howdah.schedules as s
  set next_at = (select t.at from howdah_private.cron_times(
        s.cron, s.timezone, fire_schedule.until, 'infinity', 1) as t (at)),
    last_at = v_schedule.last_at, last_execution_id = v_schedule.last_execution_id,
    last_error = v_schedule.last_error
  where s.id = v_schedule.id;
  return v_fired;
end $$;

-- Fires what is due, for all tenants. Each schedule is acted for as its tenant; whom this session acted for is put back. One
-- whose time zone the server no longer knows cannot be moved on: it loses its next time, and says why. One that has to wait for
-- somebody's lock is given up for now, since the others wait with it.
create or replace function howdah_private.fire_schedules() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_tenant constant text := coalesce(current_setting('howdah.tenant_id', true), '');
  v_user constant text := coalesce(current_setting('howdah.user_id', true), '');
  v_schedule howdah.schedules;
  v_fired int := 0;
begin
  for v_schedule in
    select s.* from howdah.schedules as s
    where s.is_active and s.next_at <= v_now
    order by s.next_at
    limit 1000
    for no key update skip locked
  loop
    begin
      perform set_config('howdah.tenant_id', v_schedule.tenant_id::text, true),
        set_config('howdah.user_id', '', true);
      v_fired := v_fired + howdah_private.fire_schedule(v_schedule, v_now);
    exception when others then
      if howdah_private.is_transient_error(sqlstate) then
        raise warning 'schedule % is tried again: %', v_schedule.id, sqlerrm;
      else
        update howdah.schedules as s set next_at = null,
          last_error = howdah_private.schedule_error(sqlstate, sqlerrm, null, null, v_schedule.next_at)
        where s.id = v_schedule.id;
      end if;
    end;
  end loop;
  perform set_config('howdah.tenant_id', v_tenant, true), set_config('howdah.user_id', v_user, true);
  return v_fired;
end $$;
