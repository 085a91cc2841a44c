-- Retention: what a tenant's policy no longer keeps, oldest first, so many root runs of each kind at a time; called again
-- until it gives 0. A policy remembers how far it has come by the time runs ended: the past is not read each night.
create or replace function howdah_private.retain(batch int default 200) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy howdah.retention_policies;
  v_done int := 0;
begin
  perform howdah_private.lock_usage_counting(); -- before all that is counted below
  delete from howdah_private.receivers as r where r.ends_at < clock_timestamp() - interval '1 hour'; -- of runs that were ended
  for v_policy in select p.* from howdah.retention_policies as p order by p.id for update skip locked loop
    v_done := v_done + howdah_private.retain_mail(v_policy, retain.batch);
    if v_policy.keep_runs_days is not null and not v_policy.is_by_month then -- those go with their month (drop_months.sql)
      v_done := v_done + howdah_private.retain_of(v_policy, v_policy.runs_reached_at,
        now() - make_interval(days => v_policy.keep_runs_days), retain.batch, true);
    end if;
    if v_policy.keep_contents_days = 0 then
      v_done := v_done + howdah_private.enqueue_missed_erasures(v_policy, retain.batch);
    elsif v_policy.keep_contents_days is not null then
      v_done := v_done + howdah_private.retain_of(v_policy, v_policy.contents_reached_at,
        now() - make_interval(days => v_policy.keep_contents_days), retain.batch, false);
    end if;
  end loop;
  return v_done;
end $$;

-- One part of one policy. A run waits for the whole of its tree; a session goes when none of its runs is left.
create or replace function howdah_private.retain_of(
  p howdah.retention_policies, reached_at timestamptz, until timestamptz, batch int, is_delete boolean
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
    where e.tenant_id = p.tenant_id and e.completed_at >= coalesce(retain_of.reached_at, '-infinity')
      and e.completed_at < retain_of.until and e.parent_execution_id is null
      and (retain_of.is_delete or e.contents_erased_at is null)
    order by e.completed_at limit retain_of.batch
    for update skip locked
  ) as e;
  v_runs := v_roots || array(
    select c.id::uuid from howdah.executions as c
    where c.root_execution_id = any (v_roots) and c.parent_execution_id is not null
  );
  v_sessions := array(
    select distinct s.id from howdah.executions as e
    join howdah.sessions as s on s.tenant_id = e.tenant_id and s.id = e.session_id
    where e.id = any (v_roots) and s.last_activity_at < retain_of.until
  );
  if v_roots is not null then
    if retain_of.is_delete then
      perform howdah_private.delete_runs(v_runs);
    else
      perform howdah_private.erase_runs(v_runs);
    end if;
    perform howdah_private.erase_sessions(v_sessions, retain_of.is_delete);
  end if;
  if coalesce(cardinality(v_roots), 0) < retain_of.batch then
    v_reached_at := greatest(retain_of.until, retain_of.reached_at); -- there is nothing more before it
  end if;
  update howdah.retention_policies as x
  set runs_reached_at = case when retain_of.is_delete then v_reached_at else x.runs_reached_at end,
    contents_reached_at = case when retain_of.is_delete then x.contents_reached_at else v_reached_at end
  where x.id = p.id;
  return coalesce(cardinality(v_roots), 0);
end $$;

-- Contents that are not kept at all are erased as runs end (erase_ended). What that did not see is noted for it: what ended
-- before the policy was there, and what long transactions ended, which is why the last day is looked at again.
create or replace function howdah_private.enqueue_missed_erasures(p howdah.retention_policies, batch int) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_noted record;
begin
  select * into v_noted
  from howdah_private.enqueue_erasures(p.contents_reached_at, now() - interval '1 minute', enqueue_missed_erasures.batch, p.tenant_id);
  update howdah.retention_policies as x
  set contents_reached_at = case when v_noted.runs = enqueue_missed_erasures.batch then v_noted.last_at
    else greatest(x.contents_reached_at, now() - interval '1 day') end
  where x.id = p.id;
  return v_noted.runs;
end $$;

-- Messages go with the run that sent them. Those that people wrote, and those that waited for others than that run's tree, go
-- when contents are not kept any longer after they were received, and unread ones as runs do.
create or replace function howdah_private.retain_mail(p howdah.retention_policies, batch int) returns int
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
