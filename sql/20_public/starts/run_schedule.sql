-- Runs a schedule out of turn, as the caller: with everything that the schedule gives, but none of
-- its times. The run is not the schedule's last run, so neither the overlap policy nor the next
-- time depends on it.
create or replace function howdah.run_schedule(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.schedules as x where x.id = run_schedule.id)
    else howdah.current_tenant() end;
  v_schedule howdah.schedules;
  v_id uuid := howdah.uuid_v7();
begin
  select s.* into v_schedule from howdah.schedules as s
  where s.id = run_schedule.id and s.tenant_id = v_tenant_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no schedule %s', coalesce(run_schedule.id::text, 'null')),
      detail = jsonb_build_object('schedule_id', run_schedule.id)::text,
      hint = 'See howdah.schedules for the schedules that exist.';
  end if;
  perform howdah_private.permit('executions', 'run');
  perform howdah_private.check_agent_right(v_schedule.agent_id, 'run');
  perform howdah_private.check_agent_right(v_schedule.workflow_id, 'run', 'workflow');
  perform howdah_private.check_session_right(v_schedule.session_id)
    where v_schedule.session_id is not null;
  v_schedule.user_id := howdah_private.author(v_schedule.user_id);
  v_schedule.written_by := null; -- the caller starts the run
  perform howdah_private.insert_scheduled(v_schedule, v_id, null,
    jsonb_build_object('schedule', v_schedule.name));
  return howdah_private.execution_row(v_id);
end $$;
comment on function howdah.run_schedule(uuid) is
  'Runs a schedule now, paused or not, in addition to its times, and returns the run.';
