-- Tokens and cost: counted by commits, looked at before each model call. See quotas.sql.

-- Whether runs, in the order of their ids, are of somebody whose spending counts. commit_steps asks when there is such a
-- quota at all.
create or replace function howdah_private.is_spending_counted(ids uuid[]) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from howdah.quotas as q
    where q.metric in ('tokens', 'cost') and (q.scope = 'system' or q.tenant_id in (
      select e.tenant_id from howdah.executions as e where e.id = any (is_spending_counted.ids)
        and e.id between is_spending_counted.ids[1] and is_spending_counted.ids[cardinality(is_spending_counted.ids)]))
  );
end $$;

-- Part of commit_steps, before it writes: its runs are locked, so what is counted is what will be committed. Tells whether
-- any quota of theirs is used up, so that each of them is asked about (over_quota) only then.
create or replace function howdah_private.count_spending(worker uuid, ids uuid[], commits jsonb) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.count_uses(jsonb_agg(jsonb_build_object('metric', u.metric, 'amount', u.amount,
    'at', clock_timestamp(), 'tenant_id', s.tenant_id, 'user_id', s.user_id, 'agent_id', s.agent_id,
    'session_id', s.session_id)))
  from (
    select e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e) as session_id,
      sum(coalesce(r.tokens_in, 0) + coalesce(r.tokens_out, 0)) as tokens,
      sum(howdah_private.price(r.tokens_in, r.tokens_out, m)) as cost
    from jsonb_to_recordset(count_spending.commits)
      as c (id uuid, fence int, after int, steps jsonb, "to" jsonb)
    join howdah.executions as e on e.id = c.id
    cross join lateral jsonb_to_recordset(c.steps) as r (model_id uuid, tokens_in int, tokens_out int)
    left join howdah.models as m on m.id = r.model_id
    where e.owner_worker = count_spending.worker and e.fence = c.fence and e.step_count = c.after
      and (not e.has_inbox or coalesce(c."to" ->> 'status', '') <> 'completed')
      and coalesce(r.tokens_in, 0) + coalesce(r.tokens_out, 0) > 0
    group by 1, 2, 3, 4
  ) as s
  cross join lateral (values ('tokens', s.tokens), ('cost', s.cost)) as u (metric, amount)
  having count(*) > 0;
  return exists (
    select from unnest(count_spending.ids) as i (id) where (howdah_private.over_quota(i.id)).quota_id is not null);
end $$;

-- The quota that forbids a run another model call: of several the one that lasts longest. Null while there is room.
create or replace function howdah_private.over_quota(id uuid, out quota_id uuid, out subject_id uuid)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  select q.id, s.id into over_quota.quota_id, over_quota.subject_id from howdah.executions as e
  cross join lateral howdah_private.quotas_of(e.tenant_id, '{tokens,cost}') as q
  cross join lateral (values (howdah_private.quota_subject(
    q, e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e)))) as s (id)
  where e.id = over_quota.id and s.id is not null and howdah_private.is_used_up(q, s.id, v_now)
  order by q.period desc nulls first, q.id limit 1;
end $$;

-- Of the due runs those that have nothing to spend are parked; gives them back. Part of a claim.
create or replace function howdah_private.park_over_quota(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over uuid[];
  v_reached uuid[];
  v_subjects uuid[];
begin
  select array_agg(o.id), array_agg(o.quota_id), array_agg(o.subject_id) into v_over, v_reached, v_subjects
  from (
    select e.id::uuid as id, q.quota_id, q.subject_id
    from howdah.executions as e cross join lateral howdah_private.over_quota(e.id) as q
    where e.id = any (park_over_quota.ids)
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
  ) as o
  where o.quota_id is not null;
  if v_over is null then
    return '{}';
  end if;
  v_over := howdah_private.park_runs(v_over, v_reached, v_subjects);
  perform howdah_private.look_at_quotas(v_reached);
  return v_over;
end $$;

-- Runs that a commit has parked for want of quota find their place; those that have room again by now go on. Those that
-- wait to make a call have theirs since begin_call. Part of commit_steps, which holds their rows.
create or replace function howdah_private.follow_parked(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_free uuid[];
begin
  with waiting as materialized (
    select e.id::uuid as id, e.tenant_id, e.priority, e.run_at, q.quota_id, q.subject_id, p.call_limit_id
    from howdah.executions as e cross join lateral howdah_private.over_quota(e.id) as q
    left join howdah_private.parked_runs as p on p.execution_id = e.id
    where e.id = any (follow_parked.ids) and e.status = 'waiting' and e.waiting_for = 'quota'
  ),
  noted as (
    insert into howdah_private.parked_runs (execution_id, tenant_id, quota_id, quota_subject_id, priority, due_at)
    select w.id, w.tenant_id, w.quota_id, w.subject_id, w.priority, w.run_at
    from waiting as w where w.quota_id is not null
    on conflict (execution_id) do update set quota_id = excluded.quota_id,
      quota_subject_id = excluded.quota_subject_id, concurrency_limit_id = null, call_limit_id = null
  ),
  freed as (
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    from waiting as w
    where e.id = w.id and e.id = any (follow_parked.ids) and w.quota_id is null and w.call_limit_id is null
    returning e.id::uuid as id
  )
  select array_agg(f.id) into v_free from freed as f;
  perform howdah_private.enqueue_advance(v_free);
  perform howdah_private.look_at_quotas(array(
    select p.quota_id from howdah_private.parked_runs as p where p.execution_id = any (follow_parked.ids)));
  perform graphile_worker.add_job('admit', json_build_object('id', p.call_limit_id, 'tenant_id', p.tenant_id),
    run_at => clock_timestamp(), job_key => 'calls ' || p.call_limit_id || ' now', priority => -32768)
  from (
    select distinct on (r.call_limit_id) r.call_limit_id, r.tenant_id from howdah_private.parked_runs as r
    where r.execution_id = any (follow_parked.ids) and r.call_limit_id is not null
    order by r.call_limit_id
  ) as p;
end $$;

-- Who parks a run says so by a job, which looks when that has committed: a change of the quota that nobody here could see
-- yet is seen then. One job per quota stands for all.
create or replace function howdah_private.look_at_quotas(quotas uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform graphile_worker.add_job('admit', json_build_object('id', q.id, 'tenant_id', q.tenant_id),
    run_at => clock_timestamp(), job_key => 'quota ' || q.id, priority => -32768)
  from howdah.quotas as q where q.id = any (look_at_quotas.quotas)
  order by q.id;
end $$;

-- What a new quota has missed is counted; when somebody may still be there who has not seen it, again in a second.
create or replace function howdah_private.catch_up_quota(quota_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_quota howdah.quotas;
begin
  select q.* into v_quota from howdah.quotas as q where q.id = catch_up_quota.quota_id;
  if found and not howdah_private.recount(v_quota) then
    perform graphile_worker.add_job('admit', json_build_object('id', v_quota.id, 'tenant_id', v_quota.tenant_id),
      run_at => clock_timestamp() + interval '1 second', job_key => 'quota ' || v_quota.id || ' recount');
  end if;
end $$;

-- For whom runs are parked at a quota.
create or replace function howdah_private.parked_subjects(quota_id uuid) returns setof uuid
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive subjects as (
    (
      select p.quota_subject_id as id from howdah_private.parked_runs as p
      where p.quota_id = parked_subjects.quota_id order by p.quota_subject_id limit 1
    )
    union all
    select (
      select p.quota_subject_id from howdah_private.parked_runs as p
      where p.quota_id = parked_subjects.quota_id and p.quota_subject_id > s.id
      order by p.quota_subject_id limit 1
    ) from subjects as s where s.id is not null
  )
  select s.id from subjects as s where s.id is not null
$$;

-- Lets the runs parked at a quota go on, some hundred at a time, when it has room for their subjects or is gone; for the
-- others it is looked again when its period turns. They are queued: whether they may work is decided when they are claimed.
create or replace function howdah_private.admit_at_quota(quota_id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant int := 200;
  v_quota howdah.quotas;
  v_subjects uuid[] := array(select s.id from howdah_private.parked_subjects(admit_at_quota.quota_id) as s (id));
  v_served uuid[];
  v_parked uuid[];
  v_admitted uuid[];
begin
  select q.* into v_quota from howdah.quotas as q where q.id = admit_at_quota.quota_id;
  v_served := array(
    select s.id from unnest(v_subjects) as s (id)
    where v_quota.id is null or not howdah_private.is_used_up(v_quota, s.id, clock_timestamp())
  );
  if cardinality(v_served) < cardinality(v_subjects) and v_quota.period is not null then
    perform graphile_worker.add_job('admit', json_build_object('id', v_quota.id, 'tenant_id', v_quota.tenant_id),
      run_at => howdah_private.quota_ends(v_quota.period, clock_timestamp()),
      job_key => 'quota ' || v_quota.id || ' turns', priority => -32768);
  end if;
  v_parked := array(
    select p.execution_id from howdah_private.parked_runs as p
    where p.quota_id = admit_at_quota.quota_id and p.quota_subject_id = any (v_served)
    order by p.priority, p.due_at, p.execution_id limit v_most
  );
  with free as (
    select e.id from howdah.executions as e where e.id = any (v_parked) order by e.id for no key update skip locked
  ),
  woken as (
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    from free as f
    where e.id = f.id and e.id = any (v_parked) and e.status = 'waiting' and e.waiting_for = 'quota'
    returning e.id::uuid as id
  ),
  gone as (
    delete from howdah_private.parked_runs as p
    where p.execution_id = any (v_parked) and (
      p.execution_id in (select f.id from free as f)
      or not exists (select from howdah.executions as e where e.id = p.execution_id)
    )
  )
  select array_agg(w.id) into v_admitted from woken as w;
  perform howdah_private.enqueue_advance(v_admitted);
  perform howdah_private.announce_watched(v_admitted);
  -- one that somebody holds is passed over and looked at again
  perform graphile_worker.add_job('admit', json_build_object('id', admit_at_quota.quota_id, 'tenant_id', p.tenant_id),
    run_at => clock_timestamp() + (v_most - coalesce(cardinality(v_admitted), 0)) * interval '1 millisecond')
  from howdah_private.parked_runs as p
  where p.quota_id = admit_at_quota.quota_id and p.quota_subject_id = any (v_served) limit 1;
  return coalesce(cardinality(v_admitted), 0);
end $$;
