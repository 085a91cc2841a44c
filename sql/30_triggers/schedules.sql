-- Checks schedules at each write, so that errors do not wait for the next time of the schedule.
-- Sets next_at, counted from now, when a schedule is made or resumed or gets another cron or time
-- zone. A paused schedule has no next_at.

-- Checks the agent or workflow, the input, the cron expression and the time zone.
create or replace function howdah_private.tg_schedules__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.input is null then
    raise exception using errcode = 'HWINV', message = 'input is missing',
      detail = jsonb_build_object('field', 'input')::text,
      hint = 'Set input to the text for the agent, such as: What is new?';
  end if;
  perform howdah_private.check_target(new.tenant_id, new.agent_id, new.workflow_id);
  perform howdah_private.check_plain_secrets('metadata', new.metadata);
  perform howdah_private.parse_cron(new.cron);
  perform howdah_private.check_timezone(new.timezone);
  return new;
end $$;

-- Refuses input that is too large, as the insert of its runs would.
create or replace function howdah_private.tg_schedules__check_input() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_input_size(
    f.field, f.size, howdah_private.max_input_bytes(new.tenant_id))
  from (values
    ('input', octet_length(new.input)), ('input_data', octet_length(new.input_data::text))
  ) as f (field, size);
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
    or tg_op = 'UPDATE'
      and (old.cron, old.timezone, old.is_active) = (new.cron, new.timezone, true) then
    return new;
  end if;
  select t.at into new.next_at
  from howdah_private.cron_times(
    new.cron, new.timezone, clock_timestamp(), 'infinity', 1) as t (at);
  if new.next_at is null then
    perform howdah_private.raise_cron(
      format('%L names a day that never occurs', new.cron), 'day-of-month', new.cron);
  end if;
  return new;
end $$;

create or replace trigger _205_set_author before insert on howdah.schedules
  for each row execute function howdah_private.tg__set_author();
-- A schedule whose session is deleted goes on without it, and keeps its author: the foreign key
-- sets session_id to null in a trigger.
create or replace trigger _210_set_author
  before update of cron, timezone, agent_id, workflow_id, input, input_data, metadata, session_id,
    priority, concurrency_key, overlap_policy, catchup_policy
  on howdah.schedules
  for each row when (
    (new.cron, new.timezone, new.agent_id, new.workflow_id, new.input, new.input_data, new.metadata,
      case when pg_trigger_depth() = 0 then new.session_id
        else coalesce(new.session_id, old.session_id) end,
      new.priority, new.concurrency_key, new.overlap_policy, new.catchup_policy)
    is distinct from
    (old.cron, old.timezone, old.agent_id, old.workflow_id, old.input, old.input_data, old.metadata,
      old.session_id, old.priority, old.concurrency_key, old.overlap_policy, old.catchup_policy))
  execute function howdah_private.tg__set_author();
create or replace trigger _220_set_run
  before insert or update of agent_id, workflow_id, input, input_data, metadata, session_id
  on howdah.schedules
  for each row execute function howdah_private.tg__set_run();
create or replace trigger _300_check
  before insert or update of cron, timezone, agent_id, workflow_id, input, metadata
  on howdah.schedules
  for each row execute function howdah_private.tg_schedules__check();
create or replace trigger _310_check_input
  before insert or update of input, input_data on howdah.schedules
  for each row when (octet_length(new.input) > 1024 or new.input_data is not null)
  execute function howdah_private.tg_schedules__check_input();
create or replace trigger _320_refuse_keys
  before insert or update of name, concurrency_key on howdah.schedules
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'concurrency_key');
create or replace trigger _400_plan
  before insert or update of cron, timezone, is_active on howdah.schedules
  for each row execute function howdah_private.tg_schedules__plan();
