-- What is wrong with a schedule is said when it is written, not when its time has come. Its next time is counted from now
-- when it is made, switched on again, or told another cron or time zone; switched off it has none.
create or replace function howdah_private.tg_schedules__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.input is null or octet_length(new.input) > 1048576 then
    raise exception using errcode = 'HWINV',
      message = case when new.input is null then 'input is missing'
        else format('input has %s bytes, at most 1048576 are allowed', octet_length(new.input)) end,
      detail = jsonb_build_object('field', 'input')::text,
      hint = case when new.input is null then 'Give the text for the agent in input, such as: What is new?'
        else 'Give a large text to the agent by a tool that reads it piece by piece.' end;
  end if;
  if not exists (
    select from howdah.agents as a
    where a.id = new.agent_id and a.tenant_id = new.tenant_id and a.deleted_at is null
  ) then
    raise exception using errcode = case when new.agent_id is null then 'HWINV' else 'HWNTF' end,
      message = case when new.agent_id is null then 'agent_id is missing'
        else format('there is no agent %s', new.agent_id) end,
      detail = jsonb_build_object('field', 'agent_id', 'agent_id', new.agent_id)::text,
      hint = 'Name it by howdah.agent(name). Those there are stand in howdah.agents.';
  end if;
  perform howdah_private.refuse_plain_keys('metadata', new.metadata);
  perform howdah_private.parse_cron(new.cron);
  perform howdah_private.refuse_timezone(new.timezone);
  return new;
end $$;

create or replace function howdah_private.tg_schedules__plan() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not new.is_active then
    new.next_at := null;
    return new;
  elsif tg_op = 'INSERT' and new.next_at is not null
    or tg_op = 'UPDATE' and (old.cron, old.timezone, old.is_active) = (new.cron, new.timezone, true) then
    return new;
  end if;
  select t.at into new.next_at
  from howdah_private.cron_times(new.cron, new.timezone, clock_timestamp(), 'infinity', 1) as t (at);
  if new.next_at is null then
    perform howdah_private.refuse_cron(format('%L names a day that never comes', new.cron), 'day-of-month', new.cron);
  end if;
  return new;
end $$;

create or replace function howdah_private.tg_schedules__own() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.user_id := coalesce(new.user_id, howdah.current_user_id());
  return new;
end $$;

create or replace trigger _100_stamp before update on howdah.schedules
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_own before insert on howdah.schedules
  for each row execute function howdah_private.tg_schedules__own();
create or replace trigger _300_check before insert or update of cron, timezone, agent_id, input, metadata on howdah.schedules
  for each row execute function howdah_private.tg_schedules__check();
create or replace trigger _400_plan before insert or update of cron, timezone, is_active on howdah.schedules
  for each row execute function howdah_private.tg_schedules__plan();
