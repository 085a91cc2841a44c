-- Erases and deletes what the retention policies of the tenants no longer keep. Each call handles
-- one tenant and one batch of one kind of rows: runs, sessions or messages. The caller gives each
-- call a transaction of its own (src/db/retention/apply-retention.ts). So locks are held for one
-- batch only, and an error of one tenant does not undo or stop the work of others.
--
-- No mark says how far a policy has come. A mark would pass runs that another transaction holds,
-- runs that are imported with an earlier end, and runs that an earlier policy kept. Two partial
-- indexes list the ended root runs of a tenant: those with contents and those without. An erased or
-- deleted run leaves its index, so a pass reads only what is left to do. So does a session.

-- Returns the tenants that have a retention policy, or had one that encrypted contents.
create or replace function howdah_private.tenants_with_retention() returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select p.tenant_id from howdah.retention_policies as p
  union
  select k.tenant_id from howdah_private.data_keys as k where k.has_contents
  order by 1
$$;

-- Handles one batch of a tenant. Returns the number of runs, sessions or messages. The caller
-- repeats it until it returns 0. Also returns 0 while another session handles the tenant, and while
-- the job is paused.
create or replace function howdah_private.retain_tenant(tenant_id uuid, batch int default 200)
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy howdah.retention_policies;
  v_done int := 0;
begin
  if howdah_private.is_batch_job_paused('apply_retention') then
    return 0;
  end if;
  select p.* into v_policy from howdah.retention_policies as p
  where p.tenant_id = retain_tenant.tenant_id for update skip locked;
  if not found then
    return 0;
  end if;
  if v_policy.is_by_month then
    -- runs are deleted with their month (drop_months.sql), which may leave sessions without runs
    v_done := howdah_private.retain_sessions(v_policy.tenant_id,
      now() - make_interval(days => v_policy.keep_runs_days), retain_tenant.batch, true);
  elsif v_policy.keep_runs_days is not null then
    v_done := howdah_private.retain_history(v_policy.tenant_id,
      now() - make_interval(days => v_policy.keep_runs_days), retain_tenant.batch, true);
  end if;
  if v_done = 0 and v_policy.keep_contents_days > 0 then
    v_done := howdah_private.retain_history(v_policy.tenant_id,
      now() - make_interval(days => v_policy.keep_contents_days), retain_tenant.batch, false);
  elsif v_done = 0 and v_policy.keep_contents_days = 0 then
    v_done := howdah_private.enqueue_missed_erasures(v_policy.tenant_id, retain_tenant.batch);
    if v_done = 0 then
      v_done := howdah_private.retain_sessions(v_policy.tenant_id,
        now() - make_interval(mins => v_policy.keep_sessions_minutes), retain_tenant.batch, false);
    end if;
  end if;
  if v_done = 0 then
    v_done := howdah_private.retain_mail(v_policy, retain_tenant.batch);
  end if;
  if v_done = 0 then
    v_done := howdah_private.retain_deliveries(
      v_policy.tenant_id, v_policy.keep_runs_days, retain_tenant.batch);
  end if;
  return v_done;
end $$;

-- Deletes or erases one batch of runs of a tenant. If no such run is left, one batch of sessions.
create or replace function howdah_private.retain_history(
  tenant_id uuid, until timestamptz, batch int, is_delete boolean
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_done int := howdah_private.apply_run_retention(
    retain_history.tenant_id, retain_history.until, retain_history.batch,
    retain_history.is_delete);
begin
  return case when v_done > 0 then v_done
    else howdah_private.retain_sessions(
      retain_history.tenant_id, retain_history.until, retain_history.batch,
      retain_history.is_delete) end;
end $$;

-- Deletes the receivers of runs that have ended. Returns their number.
create or replace function howdah_private.delete_old_receivers() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah_private.receivers as r where r.ends_at < clock_timestamp() - interval '1 hour';
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Deletes or erases one batch of the runs of a tenant that ended before a time. Skips runs that
-- another transaction holds: the next pass finds them again.
create or replace function howdah_private.apply_run_retention(
  tenant_id uuid, until timestamptz, batch int, is_delete boolean
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_roots uuid[] := '{}';
  v_runs uuid[];
begin
  if apply_run_retention.is_delete then
    v_roots := array(
      select e.id::uuid from howdah.executions as e
      where e.tenant_id = apply_run_retention.tenant_id
        and e.completed_at < apply_run_retention.until
        and e.parent_execution_id is null and e.contents_erased_at is not null
      order by e.completed_at limit apply_run_retention.batch
      for update skip locked
    );
  end if;
  v_roots := v_roots || array(
    select e.id::uuid from howdah.executions as e
    where e.tenant_id = apply_run_retention.tenant_id and e.completed_at < apply_run_retention.until
      and e.parent_execution_id is null and e.contents_erased_at is null
    order by e.completed_at limit apply_run_retention.batch - cardinality(v_roots)
    for update skip locked
  );
  if v_roots = '{}' then
    return 0;
  end if;
  v_runs := v_roots || array(
    select c.id::uuid from howdah.executions as c
    where c.root_execution_id = any (v_roots) and c.parent_execution_id is not null
  );
  if apply_run_retention.is_delete then
    perform howdah_private.delete_runs(v_runs);
  else
    perform howdah_private.erase_runs(v_runs);
  end if;
  return cardinality(v_roots);
end $$;

-- Deletes or erases one batch of the sessions of a tenant without activity since a time, with runs
-- or without. A session is deleted when none of its runs is left, and erased when none of its runs
-- has contents left. A todo or file that is newer than the time keeps its session. Skips sessions
-- that another transaction has locked. `offset 0`: each session looks up its own runs by index.
create or replace function howdah_private.retain_sessions(
  tenant_id uuid, until timestamptz, batch int, is_delete boolean
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_sessions uuid[] := array(
    select s.id from howdah.sessions as s
    where s.tenant_id = retain_sessions.tenant_id
      and s.last_active_on <= (retain_sessions.until at time zone 'UTC')::date
      and s.last_activity_at < retain_sessions.until and s.live_execution_id is null
      and (retain_sessions.is_delete or s.contents_erased_at is null)
      and not exists (
        select from howdah.executions as e
        where e.tenant_id = s.tenant_id and e.session_id = s.id
          and (retain_sessions.is_delete or e.contents_erased_at is null) offset 0
      )
      and not exists (
        select from howdah.todos as t
        where t.tenant_id = s.tenant_id and t.session_id = s.id
          and t.updated_at >= retain_sessions.until
          and (t.title <> '[erased]' or t.note is not null) offset 0
      )
      and not exists (
        select from howdah.resources as r
        where r.tenant_id = s.tenant_id and r.session_id = s.id and r.execution_id is null
          and r.created_at >= retain_sessions.until offset 0
      )
    order by s.last_active_on limit retain_sessions.batch for update skip locked
  );
begin
  perform howdah_private.erase_sessions(v_sessions, retain_sessions.is_delete)
  where cardinality(v_sessions) > 0;
  return cardinality(v_sessions);
end $$;

-- Records activity in those of the sessions that were erased, so that retention visits them again.
create or replace function howdah_private.reopen_erased_sessions(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.sessions as s
  where s.id = any (reopen_erased_sessions.ids) and s.contents_erased_at is not null
  order by s.id for no key update;
  update howdah.sessions as s
  set last_activity_at = greatest(s.last_activity_at, now()), contents_erased_at = null
  where s.id = any (reopen_erased_sessions.ids) and s.contents_erased_at is not null;
end $$;

-- Enqueues erasures that erase_ended missed, for a tenant that keeps no contents: runs that ended
-- before the policy existed, and runs that ended in long transactions.
create or replace function howdah_private.enqueue_missed_erasures(tenant_id uuid, batch int)
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  insert into howdah_private.due_work (kind, id, tenant_id)
  select 'erase_run', e.id, e.tenant_id from howdah.executions as e
  where e.tenant_id = enqueue_missed_erasures.tenant_id
    and e.completed_at < now() - interval '1 minute'
    and e.parent_execution_id is null and e.contents_erased_at is null
    and not exists (
      select from howdah_private.due_work as d where d.kind = 'erase_run' and d.id = e.id)
  order by e.completed_at limit enqueue_missed_erasures.batch
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Deletes a batch of messages to agents, from agents and people, and returns their number. Deletes
-- messages that were received longer ago than the contents period, and messages that were sent
-- longer ago than the period of runs, received or not. A message may be deleted earlier, with the
-- run that sent it (delete_side_rows).
create or replace function howdah_private.retain_mail(p howdah.retention_policies, batch int)
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah.mail as m
  where m.id in (
    select o.id from howdah.mail as o
    where o.tenant_id = p.tenant_id and (
      o.received_at < now() - make_interval(days => p.keep_contents_days)
      or o.created_at < now() - make_interval(days => p.keep_runs_days)
    )
    order by o.created_at limit retain_mail.batch
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end $$;
