-- Fires schedules. Each scheduled time begins exactly one run, however many workers call at once.
-- Three rules ensure that: a worker fires only rows that it has locked, and skips locked rows;
-- next_at advances in the transaction that inserts the runs; and the idempotency key of a run
-- names the schedule and the time.

-- Formats a moment for keys and metadata: 2026-03-29T01:00:00Z.
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
    id, tenant_id, user_id, agent_id, workflow_id, session_id, input, input_data, priority,
    concurrency_key, idempotency_key, metadata, started_by_execution_id, created_by
  ) values (
    insert_scheduled.execution_id, (schedule).tenant_id, (schedule).user_id, (schedule).agent_id,
    (schedule).workflow_id, (schedule).session_id, (schedule).input, (schedule).input_data,
    (schedule).priority, (schedule).concurrency_key, insert_scheduled.key,
    (schedule).metadata || insert_scheduled.metadata, (schedule).written_by_execution_id,
    (schedule).written_by
  )
$$;

-- Returns the due times that the catch-up policy selects, oldest first. Candidates are next_at and
-- the newest times of cron after it, up to 101. next_at is a candidate even if cron has changed,
-- since it was published. The policy 'one' selects the newest candidate, 'all' the newest 100, and
-- 'skip' those of the last minute. A time that is tried again after a temporary fault stays on
-- time, if the last attempt is less than a minute ago. is_cut says that 'all' leaves some out.
create or replace function howdah_private.due_times(
  schedule howdah.schedules, until timestamptz, out moments timestamptz[], out is_cut boolean
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  moments := array(
    select t.at from howdah_private.cron_times(
      (schedule).cron, (schedule).timezone, (schedule).next_at, due_times.until, 101, true
    ) as t (at)
  ) || (schedule).next_at;
  is_cut := (schedule).catchup_policy = 'all' and cardinality(moments) > 100;
  moments := array(
    select m.at from unnest(moments) with ordinality as m (at, place)
    where case (schedule).catchup_policy when 'one' then m.place = 1 when 'all' then m.place <= 100
      -- a time less than a minute ago is on time
      else m.at > due_times.until - interval '1 minute' or (m.at = (schedule).next_at
        and (schedule).retry_at > due_times.until - interval '1 minute') end
    order by m.at
  );
end $$;

-- Recognizes errors after which the same call may succeed: deadlocks, full disks, lock time-outs, a
-- server shutdown.
create or replace function howdah_private.is_transient_error(code text) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select is_transient_error.code ~ '^(40|53|55|57|58)' $$;

-- Builds the value of schedules.last_error.
create or replace function howdah_private.schedule_error(
  code text, message text, detail text, hint text, at timestamptz
) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'code', schedule_error.code, 'message', schedule_error.message,
    'detail', nullif(schedule_error.detail, ''), 'hint', nullif(schedule_error.hint, ''),
    'scheduled_for', howdah_private.timestamp_key(schedule_error.at)))
$$;

-- Inserts the run of one time. Returns no id and no error when there is no run to insert: the last
-- run is live and the schedule skips, or the time has its run already. A schedule whose user
-- changed skips while a run of the previous user is live, and does not cancel that run: the user
-- who writes a schedule may not end a run of another user. A refusal (the agent is deleted, say) is
-- returned as an error. A temporary fault, such as a deadlock or a full disk, is raised to the
-- caller.
create or replace function howdah_private.fire_scheduled_time(
  schedule howdah.schedules, at timestamptz, out id uuid, out error jsonb
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah.uuid_v7();
  v_moment text := howdah_private.timestamp_key(fire_scheduled_time.at);
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
    perform howdah_private.lock_senders((schedule).session_id) -- before the run and the session
    where (schedule).session_id is not null;
    -- locks the run, so that it cannot end before it is cancelled
    perform from howdah.executions as e
    where e.id = (schedule).last_execution_id and e.completed_at is null
      and e.user_id is not distinct from (schedule).user_id
    for no key update;
    if found then -- not cancel_execution, which would record a user as the actor
      perform howdah_private.terminate_runs(
        howdah_private.lock_below(array[(schedule).last_execution_id]), 'cancelled', null);
    end if;
  end if;
  perform howdah_private.insert_scheduled(
    schedule, v_id, v_key,
    jsonb_build_object('schedule', (schedule).name, 'scheduled_for', v_moment));
  id := v_id;
exception when others then
  if howdah_private.is_transient_error(sqlstate) then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  error := howdah_private.schedule_error(
    sqlstate, sqlerrm, v_detail, v_hint, fire_scheduled_time.at);
end $$;

-- Fires a schedule that the caller has locked, and advances its next_at. A refused run blocks
-- nothing: the later times run, and the schedule continues with its next time. The newest refusal
-- is stored in last_error, with those before it as `earlier`.
create or replace function howdah_private.fire_schedule(
  schedule howdah.schedules, until timestamptz
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule howdah.schedules := fire_schedule.schedule;
  v_due record := howdah_private.due_times(v_schedule, fire_schedule.until);
  v_at timestamptz;
  v_run record;
  v_errors jsonb := '[]';
  v_fired int := 0;
begin
  if v_due.is_cut then
    v_errors := jsonb_build_array(howdah_private.schedule_error('catchup',
      'more than 100 times were due: only the 100 newest were run', null, null,
      v_schedule.next_at));
  end if;
  foreach v_at in array v_due.moments loop
    v_run := howdah_private.fire_scheduled_time(v_schedule, v_at);
    if v_run.error is not null then
      v_errors := v_errors || v_run.error;
    elsif v_run.id is not null then
      v_schedule.last_execution_id := v_run.id;
      v_schedule.last_at := v_at;
      v_fired := v_fired + 1;
    end if;
  end loop;
  update howdah.schedules as s
  set next_at = (select t.at from howdah_private.cron_times(
        s.cron, s.timezone, fire_schedule.until, 'infinity', 1) as t (at)),
    retry_at = null, last_at = v_schedule.last_at,
    last_execution_id = v_schedule.last_execution_id,
    last_error = (v_errors -> -1) || case when jsonb_array_length(v_errors) > 1
      then jsonb_build_object('earlier', v_errors - -1) else '{}' end
  where s.id = v_schedule.id;
  return v_fired;
end $$;

-- Fires a batch of the due schedules of all tenants. Returns the number of runs, and the number of
-- schedules that it tried. The caller repeats it until it tries none. Acts as the tenant of each
-- schedule, and restores the tenant and user of the session at the end.
--
-- A schedule that may wait for a lock is fired in a transaction of its own: one with a session, or
-- one that cancels its last run. So it waits without the locks of other schedules. After two
-- seconds it is tried again later (retry_at), and so is a schedule with another temporary fault. A
-- schedule whose time zone the server no longer knows cannot advance: next_at becomes null, and
-- last_error has the reason.
create or replace function howdah_private.fire_schedules(
  batch int default 20, out fired int, out tried int
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_tenant constant text := coalesce(current_setting('howdah.tenant_id', true), '');
  v_user constant text := coalesce(current_setting('howdah.user_id', true), '');
  v_schedule howdah.schedules;
  v_is_alone boolean;
begin
  fired := 0;
  tried := 0;
  while tried < fire_schedules.batch loop
    -- one at a time: a cursor would lock ten rows ahead
    select s.* into v_schedule from howdah.schedules as s
    where s.is_active and s.next_at <= v_now and coalesce(s.retry_at <= v_now, true)
    order by s.next_at
    limit 1
    for no key update skip locked;
    exit when not found;
    v_is_alone := v_schedule.session_id is not null or v_schedule.overlap_policy = 'cancel';
    exit when v_is_alone and tried > 0;
    tried := tried + 1;
    begin
      perform set_config('howdah.tenant_id', v_schedule.tenant_id::text, true),
        set_config('howdah.user_id', '', true);
      fired := fired + howdah_private.fire_schedule(v_schedule, v_now);
    exception when others then
      if howdah_private.is_transient_error(sqlstate) then
        raise warning 'schedule % will be retried: %', v_schedule.id, sqlerrm;
        update howdah.schedules as s set retry_at = clock_timestamp() + interval '5 seconds'
        where s.id = v_schedule.id;
        v_is_alone := true; -- waits for no second lock while it holds what others have fired
      else
        update howdah.schedules as s set next_at = null, retry_at = null,
          last_error = howdah_private.schedule_error(
            sqlstate, sqlerrm, null, null, v_schedule.next_at)
        where s.id = v_schedule.id;
      end if;
    end;
    exit when v_is_alone;
  end loop;
  perform set_config('howdah.tenant_id', v_tenant, true),
    set_config('howdah.user_id', v_user, true);
end $$;
