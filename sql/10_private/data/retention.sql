-- Erases and deletes what the retention policies of the tenants no longer keep, oldest first, in
-- batches of root runs. Returns the number of runs and messages; the caller repeats it until it
-- returns 0. A policy stores how far it has come by the time at which runs ended, so the past is
-- not read again each night.
create or replace function howdah_private.retain(batch int default 200) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy howdah.retention_policies;
  v_done int := 0;
begin
  perform howdah_private.lock_usage_counting(); -- before all locks of the rows that are counted
  -- receivers of runs that have ended
  delete from howdah_private.receivers as r where r.ends_at < clock_timestamp() - interval '1 hour';
  for v_policy in
    select p.* from howdah.retention_policies as p order by p.id for update skip locked
  loop
    v_done := v_done + howdah_private.retain_mail(v_policy, retain.batch);
    -- runs of policies by month are dropped with their month (drop_months.sql)
    if v_policy.keep_runs_days is not null and not v_policy.is_by_month then
      v_done := v_done + howdah_private.retain_runs(v_policy, v_policy.runs_reached_at,
        now() - make_interval(days => v_policy.keep_runs_days), retain.batch, true);
    end if;
    if v_policy.keep_contents_days = 0 then
      v_done := v_done + howdah_private.enqueue_missed_erasures(v_policy, retain.batch);
    elsif v_policy.keep_contents_days is not null then
      v_done := v_done + howdah_private.retain_runs(v_policy, v_policy.contents_reached_at,
        now() - make_interval(days => v_policy.keep_contents_days), retain.batch, false);
    end if;
  end loop;
  return v_done;
end $$;

-- Deletes or erases one batch of runs of a policy. A session with a live run is left alone; one is
-- deleted when none of its runs is left.
create or replace function howdah_private.retain_runs(
  p howdah.retention_policies, reached_at timestamptz, until timestamptz, batch int,
  is_delete boolean
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_roots uuid[];
  v_reached_at timestamptz;
  v_runs uuid[];
  v_sessions uuid[];
begin
  select array_agg(e.id), max(e.completed_at) into v_roots, v_reached_at
  from (
    select e.id::uuid as id, e.completed_at from howdah.executions as e
    where e.tenant_id = p.tenant_id
      and e.completed_at >= coalesce(retain_runs.reached_at, '-infinity')
      and e.completed_at < retain_runs.until and e.parent_execution_id is null
      and (retain_runs.is_delete or e.contents_erased_at is null)
    order by e.completed_at limit retain_runs.batch
    for update skip locked
  ) as e;
  v_runs := v_roots || array(
    select c.id::uuid from howdah.executions as c
    where c.root_execution_id = any (v_roots) and c.parent_execution_id is not null
  );
  v_sessions := array(
    select distinct s.id from howdah.executions as e
    join howdah.sessions as s on s.tenant_id = e.tenant_id and s.id = e.session_id
    where e.id = any (v_roots) and s.last_activity_at < retain_runs.until
      and s.live_execution_id is null
  );
  if v_roots is not null then
    if retain_runs.is_delete then
      perform howdah_private.delete_runs(v_runs);
    else
      perform howdah_private.erase_runs(v_runs);
    end if;
    perform howdah_private.erase_sessions(v_sessions, retain_runs.is_delete);
  end if;
  if coalesce(cardinality(v_roots), 0) < retain_runs.batch then
    v_reached_at := greatest(retain_runs.until, retain_runs.reached_at); -- nothing earlier is left
  end if;
  update howdah.retention_policies as x
  set runs_reached_at = case when retain_runs.is_delete then v_reached_at
      else x.runs_reached_at end,
    contents_reached_at = case when retain_runs.is_delete then x.contents_reached_at
      else v_reached_at end
  where x.id = p.id;
  return coalesce(cardinality(v_roots), 0);
end $$;

-- Enqueues erasures that erase_ended missed, for tenants that keep no contents: runs that ended
-- before the policy existed, and runs that ended in long transactions. Because of the latter, the
-- last day is always searched again.
create or replace function howdah_private.enqueue_missed_erasures(
  p howdah.retention_policies, batch int
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_enqueued record;
begin
  select * into v_enqueued
  from howdah_private.enqueue_erasures(
    p.contents_reached_at, now() - interval '1 minute', enqueue_missed_erasures.batch, p.tenant_id);
  update howdah.retention_policies as x
  set contents_reached_at = case
    when v_enqueued.runs = enqueue_missed_erasures.batch then v_enqueued.last_at
    else greatest(x.contents_reached_at, now() - interval '1 day') end
  where x.id = p.id;
  return v_enqueued.runs;
end $$;

-- Deletes messages between agents. A message within a tree is deleted with the run that sent it.
-- Other messages, and messages of people, are deleted when the contents period after their receipt
-- is over; unread messages after the period of runs.
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
