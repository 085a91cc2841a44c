-- Rules for those who write limits, and the events that use limits or make room at them.

-- Marks a limit that an owner of the database writes. A tenant limits itself, but not all runs of
-- the tenant at once and not the whole installation. A tool that makes no calls of its own cannot
-- be limited.
create or replace function howdah_private.tg_limits__check_insert() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_refused text;
  v_tool record;
begin
  new.is_imposed := howdah_private.is_operator();
  if new.scope = 'tenant' and new.subject_id = new.tenant_id then
    new.subject_id := null;
  end if;
  v_refused := case when new.is_imposed then null
    when new.scope = 'system' then 'a limit of the whole installation'
    when new.key is not null and new.scope <> 'key' then 'a limit of calls over all tenants'
    when new.scope = 'tenant' and new.metric = 'running_runs'
      then 'a limit of running runs for a whole tenant' end;
  if v_refused is not null then
    raise exception using errcode = 'HWDEN',
      message = format('only an owner of the database may write %s', v_refused),
      detail = jsonb_build_object(
        'field', case when new.key is null then 'scope' else 'key' end)::text,
      hint = case when new.scope = 'tenant'
          then 'Take the scope agent or model with a subject_id'
        when new.key is not null then 'Set subject_id instead of key'
        else 'Take the scope tenant' end
        || ', or connect as the owner of the database: npx howdah db url.';
  end if;
  if new.scope = 'tool' then
    select t.name, t.kind into v_tool from howdah.tools as t
    where t.tenant_id = new.tenant_id and t.id = new.subject_id
      and (t.kind in ('agent', 'workflow') or t.kind = 'builtin' and t.name = 'ask_user');
    if found then
      raise exception using errcode = 'HWINV',
        message = format('the tool %s makes no calls that a limit could count: it %s', v_tool.name,
          case v_tool.kind when 'builtin' then 'asks a person' else 'begins a run' end),
        detail = jsonb_build_object('field', 'subject_id')::text,
        hint = case v_tool.kind when 'builtin' then 'Leave the limit out.'
          else 'Limit the runs of its agent: scope agent, metric running_runs or runs.' end;
    end if;
  end if;
  return new;
end $$;

-- Refuses a change of an imposed limit. An imposed limit is still deleted with its subject.
create or replace function howdah_private.tg_limits__refuse_imposed() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.is_operator() or (tg_op = 'DELETE' and not exists (
    select from howdah.tenants as t where t.id = old.tenant_id and (old.subject_id is null
      or exists (select from howdah.users as u where u.id = old.user_id)
      or exists (select from howdah.agents as a where a.id = old.agent_id)
      or exists (select from howdah.sessions as s where s.id = old.session_id)
      or exists (select from howdah.api_keys as k where k.id = old.api_key_id)
      or exists (select from howdah.models as m where m.id = old.model_id)
      or exists (select from howdah.tools as x where x.id = old.tool_id))
  )) then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWDEN',
    message = 'an owner of the database wrote this limit, and only an owner may change it',
    detail = jsonb_build_object('limit_id', old.id, 'field', 'is_imposed')::text,
    hint = 'Ask an operator of the installation.'
      || case when old.scope <> 'system' and old.key is null
        and (old.scope, old.metric) <> ('tenant', 'running_runs')
        then ' You may write a lower limit of your own beside it.' else '' end;
end $$;

-- Makes the lock of a limit, and counts what was used before the limit existed. Runs that wait at a
-- limit for each and have a limit of their own now may go on.
create or replace function howdah_private.tg_limits__initialize() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.create_limit_lock(new);
  if not howdah_private.is_usage_limit(new) then
    perform howdah_private.enqueue_admission(
      l.id, l.tenant_id, howdah_private.key_subject(new.key))
    from howdah.limits as l
    where new.scope = 'key' and new.key is not null and l.tenant_id = new.tenant_id
      and l.scope = 'key' and l.key is null;
    return null;
  end if;
  perform howdah_private.initialize_counters(new);
  perform howdah_private.enqueue_admission(l.id, l.tenant_id) from howdah.limits as l
  where l.metric = new.metric and l.metric in ('tokens', 'cost')
    and howdah_private.is_replaced(l, coalesce(new.subject_id, new.tenant_id));
  return null;
end $$;

-- Admits parked runs after a change of their limit.
create or replace function howdah_private.tg_limits__admit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_admission(old.id, old.tenant_id);
  return null;
end $$;

-- Counts the runs of one insert at the limits of runs: {tenant_id, user_id, agent_id, session_id,
-- at, amount} for each group. `enable_seqscan`: row-level security hides the statistics of
-- `metric`, so the planner would rather read all limits of other metrics.
create or replace function howdah_private.count_runs(groups jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_uses jsonb;
begin
  if not exists (select from howdah.limits as l where l.metric = 'runs') then
    return;
  end if;
  select to_jsonb(array_agg(r.value || '{"metric": "runs"}')) into v_uses
  from jsonb_array_elements(count_runs.groups) as r (value)
  where exists (
    select from howdah_private.usage_limits((r.value ->> 'tenant_id')::uuid, '{runs}'));
  if v_uses is not null then
    perform howdah_private.consume_limits(v_uses);
  end if;
end $$;

-- Admits runs at the limits of a run that has stopped running. One job for each limit or key stands
-- for all runs that a transaction stops. A setting of the transaction lists those that have one,
-- after its id, so that no value from elsewhere counts.
create or replace function howdah_private.admit_after_run(e howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_setting constant text := 'howdah.admissions';
  v_transaction constant text := pg_current_xact_id()::text || ' ';
  v_listed text := current_setting(v_setting, true);
  v_key_subject uuid := howdah_private.key_subject(e.concurrency_key);
  v_limit record;
begin
  if (v_listed ^@ v_transaction) is not true then
    v_listed := v_transaction;
  end if;
  for v_limit in
    select l.id, l.tenant_id, s.id as subject_id, n.name
    from howdah.limits as l
    cross join lateral (values (case when l.scope = 'key' then v_key_subject end)) as s (id)
    cross join lateral (values (concat_ws('/', l.id, s.id) || ' ')) as n (name)
    where l.metric = 'running_runs' and l.tenant_id = e.tenant_id
      and position(n.name in v_listed) = 0
      and howdah_private.is_limited_by(l, e.agent_id, e.agent_version_id,
        howdah_private.model_chosen(e.overrides, e.handoffs), e.concurrency_key)
  loop
    perform howdah_private.enqueue_admission(v_limit.id, v_limit.tenant_id, v_limit.subject_id);
    v_listed := v_listed || v_limit.name;
    perform set_config(v_setting, v_listed, true);
  end loop;
end $$;

-- Counts the bytes of files. Per row, since rows kept for a statement would be kept with their
-- content. Files of a deleted session still count for the tenant.
create or replace function howdah_private.tg_resources__count_storage() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row howdah.resources := case tg_op when 'DELETE' then old else new end;
begin
  perform pg_advisory_xact_lock_shared(howdah_private.usage_lock_key(v_row.tenant_id));
  if exists (select from howdah_private.usage_limits(v_row.tenant_id, '{storage}')) then
    perform howdah_private.consume_limits(jsonb_build_array(jsonb_build_object(
      'metric', 'storage', 'amount', case tg_op when 'DELETE' then -v_row.size else v_row.size end,
      'at', clock_timestamp(), 'tenant_id', v_row.tenant_id, 'session_id', v_row.session_id)));
  end if;
  return null;
end $$;

create or replace trigger _200_check_insert before insert on howdah.limits
  for each row execute function howdah_private.tg_limits__check_insert();
create or replace trigger _210_refuse_imposed before update or delete on howdah.limits
  for each row when (old.is_imposed) execute function howdah_private.tg_limits__refuse_imposed();
create or replace trigger _500_initialize after insert on howdah.limits
  for each row execute function howdah_private.tg_limits__initialize();
create or replace trigger _510_initialize_again
  after update of id, tenant_id, scope, subject_id, key, metric, period, is_per_tenant
  on howdah.limits
  for each row when (
    (old.id, old.tenant_id, old.scope, old.subject_id, old.key, old.metric, old.period,
      old.is_per_tenant) is distinct from
    (new.id, new.tenant_id, new.scope, new.subject_id, new.key, new.metric, new.period,
      new.is_per_tenant)
  )
  execute function howdah_private.tg_limits__initialize();
create or replace trigger _530_note_feature after insert on howdah.limits
  for each statement execute function howdah_private.tg__note_feature();
create or replace trigger _520_admit after update or delete on howdah.limits
  for each row execute function howdah_private.tg_limits__admit();
create or replace trigger _600_count_storage after insert or delete on howdah.resources
  for each row execute function howdah_private.tg_resources__count_storage();
