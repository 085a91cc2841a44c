-- A tenant limits itself; what an owner of the database writes it cannot change, nor the quotas of the system.
create or replace function howdah_private.tg_quotas__sign() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.is_imposed := howdah_private.is_operator();
  if new.scope = 'tenant' and new.subject_id = new.tenant_id then
    new.subject_id := null;
  end if;
  if new.scope = 'system' and not new.is_imposed then
    raise exception using errcode = 'HWDEN', message = 'only an owner may write a quota of the whole installation',
      detail = jsonb_build_object('field', 'scope')::text,
      hint = 'Give it the scope tenant, or connect as the database''s owner: npx howdah db url.';
  end if;
  return new;
end $$;

-- With its user, agent, session or key a quota goes, whoever wrote it.
create or replace function howdah_private.tg_quotas__refuse_imposed() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.is_operator() or (tg_op = 'DELETE' and not exists (
    select from howdah.tenants as t where t.id = old.tenant_id and (old.subject_id is null
      or exists (select from howdah.users as u where u.id = old.user_id)
      or exists (select from howdah.agents as a where a.id = old.agent_id)
      or exists (select from howdah.sessions as s where s.id = old.session_id)
      or exists (select from howdah.api_keys as k where k.id = old.api_key_id))
  )) then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWDEN', message = 'this quota was written by an owner of the database',
    detail = jsonb_build_object('quota_id', old.id, 'field', 'is_imposed')::text,
    hint = 'Ask who runs the installation. A lower one of your own is possible with another period.';
end $$;

-- Those that wait at a quota for each, and have one of their own now, may go on.
create or replace function howdah_private.tg_quotas__begin() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.begin_quota(new);
  perform howdah_private.enqueue_admission(q.id, q.tenant_id) from howdah.quotas as q
  where q.metric = new.metric and q.metric in ('tokens', 'cost')
    and howdah_private.is_replaced(q, coalesce(new.subject_id, new.tenant_id));
  return null;
end $$;

-- There may be room now, or none any more.
create or replace function howdah_private.tg_quotas__look() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_admission(old.id, old.tenant_id);
  return null;
end $$;

-- Runs without children and without those that take effects back: what somebody asked for. Rows of a history that is
-- written as it was are no runs to begin.
create or replace function howdah_private.tg_executions__count_runs() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_uses jsonb;
begin
  -- before it is asked whether there are quotas: see lock_out_users
  perform pg_advisory_xact_lock_shared(howdah_private.quotas_key(t.id))
  from (select distinct n.tenant_id as id from new_rows as n order by 1) as t;
  if exists (select from howdah.quotas as q where q.metric = 'runs') then
    select jsonb_agg(jsonb_build_object('metric', 'runs', 'amount', r.amount, 'at', r.at,
      'tenant_id', r.tenant_id, 'user_id', r.user_id, 'agent_id', r.agent_id, 'session_id', r.session_id)) into v_uses
    from (
      select n.tenant_id, n.user_id, n.agent_id, n.session_id, date_trunc('minute', n.created_at) as at,
        count(*) as amount
      from new_rows as n
      where n.parent_execution_id is null and n.compensates_execution_id is null and n.completed_at is null
      group by 1, 2, 3, 4, 5
    ) as r
    where exists (select from howdah_private.quotas_of(r.tenant_id, '{runs}'));
    if v_uses is not null then
      perform howdah_private.use_quotas(v_uses);
    end if;
  end if;
  return null;
end $$;

-- Per row, since rows kept for a statement would be kept with their content. Those of a session that was deleted count for
-- the tenant still.
create or replace function howdah_private.tg_resources__count_storage() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row howdah.resources := case tg_op when 'DELETE' then old else new end;
begin
  perform pg_advisory_xact_lock_shared(howdah_private.quotas_key(v_row.tenant_id));
  if exists (select from howdah_private.quotas_of(v_row.tenant_id, '{storage}')) then
    perform howdah_private.use_quotas(jsonb_build_array(jsonb_build_object('metric', 'storage',
      'amount', case tg_op when 'DELETE' then -v_row.size else v_row.size end, 'at', clock_timestamp(),
      'tenant_id', v_row.tenant_id, 'session_id', v_row.session_id)));
  end if;
  return null;
end $$;

create or replace trigger _100_stamp before update on howdah.quotas
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_sign before insert on howdah.quotas
  for each row execute function howdah_private.tg_quotas__sign();
create or replace trigger _210_refuse_imposed before update or delete on howdah.quotas
  for each row when (old.is_imposed) execute function howdah_private.tg_quotas__refuse_imposed();
create or replace trigger _500_begin after insert on howdah.quotas
  for each row execute function howdah_private.tg_quotas__begin();
create or replace trigger _510_begin_anew
  after update of tenant_id, scope, subject_id, metric, period, is_per_tenant on howdah.quotas
  for each row when (
    (old.tenant_id, old.scope, old.subject_id, old.metric, old.period, old.is_per_tenant)
    is distinct from (new.tenant_id, new.scope, new.subject_id, new.metric, new.period, new.is_per_tenant)
  )
  execute function howdah_private.tg_quotas__begin();
create or replace trigger _520_look after update or delete on howdah.quotas
  for each row execute function howdah_private.tg_quotas__look();
create or replace trigger _850_count_runs after insert on howdah.executions
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_executions__count_runs();
create or replace trigger _600_count_storage after insert or delete on howdah.resources
  for each row execute function howdah_private.tg_resources__count_storage();

-- What was kept of users and sessions for quotas goes with them.
create or replace function howdah_private.tg__forget_kept() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah_private.kept_subjects as k using gone as g
  where k.tenant_id = g.tenant_id and k.scope = tg_argv[0]::howdah.quota_scope and k.subject_id = g.id;
  return null;
end $$;
create or replace trigger _800_forget_kept after delete on howdah.users
  referencing old table as gone for each statement execute function howdah_private.tg__forget_kept('user');
create or replace trigger _800_forget_kept after delete on howdah.sessions
  referencing old table as gone for each statement execute function howdah_private.tg__forget_kept('session');
