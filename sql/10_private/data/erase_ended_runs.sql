-- Erasure of contents that a tenant does not keep (keep_contents_days = 0). Half a minute after the
-- end of a root run, when a waiting client has the answer, the run is added to the queue
-- due_work, and is due at once. It is erased with its whole tree. The queue is needed because
-- some runs cannot be erased yet: an active session needs its messages, a person is still asked
-- about the outcome of an effect, or a hook, a webhook delivery or a write-back is still to come.

-- Enqueues runs that have ended and erases runs that are due. Returns the number of due runs that
-- it checked. Workers call it about once a second. If no tenant wants erasure, a call reads two
-- indexes without entries. Otherwise one worker at a time locks the erasure mark, which says for
-- all tenants how far the queue is filled. The mark is a row, since any role may take an advisory
-- lock. The nightly retention (retain_tenant) finds what this function misses: runs that ended in a
-- transaction longer than the grace, and runs that ended before the tenant set the policy.
create or replace function howdah_private.erase_ended(
  batch int default 100, grace interval default '30 seconds'
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_wanted boolean := exists (
    select from howdah.retention_policies as p where p.keep_contents_days = 0);
  v_until timestamptz := now() - erase_ended.grace;
  v_since timestamptz;
  v_enqueued record;
begin
  if not v_is_wanted and not exists (
    select from howdah_private.due_work as d where d.kind = 'erase_run') then
    return 0;
  end if;
  select greatest(t.reached_at, v_until - interval '1 hour') into v_since
  from howdah_private.background_tasks as t where t.name = 'erasures' for no key update skip locked;
  if not found then
    return 0;
  end if;
  if v_is_wanted then
    select * into v_enqueued from howdah_private.enqueue_erasures(v_since, v_until, 1000);
    update howdah_private.background_tasks as t
    set reached_at = case when v_enqueued.runs = 1000 then v_enqueued.last_at else v_until end
    where t.name = 'erasures'
      and (v_enqueued.runs > 0 or t.reached_at < v_until - interval '10 seconds');
  end if;
  return howdah_private.erase_due(erase_ended.batch);
end $$;

-- Enqueues root runs that ended in a period and are not in the queue yet, oldest first. Returns
-- their number, and when the last of them ended.
create or replace function howdah_private.enqueue_erasures(
  since timestamptz, until timestamptz, batch int, tenant_id uuid default null,
  out runs int, out last_at timestamptz
)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with ended as (
    select e.id::uuid as id, e.tenant_id, e.completed_at
    from howdah.executions as e
    join howdah.retention_policies as p on p.tenant_id = e.tenant_id and p.keep_contents_days = 0
    where e.completed_at >= coalesce(enqueue_erasures.since, '-infinity')
      and e.completed_at < enqueue_erasures.until
      and e.parent_execution_id is null and e.contents_erased_at is null
      and (enqueue_erasures.tenant_id is null or e.tenant_id = enqueue_erasures.tenant_id)
      and not exists (
        select from howdah_private.due_work as d where d.kind = 'erase_run' and d.id = e.id)
    order by e.completed_at limit enqueue_erasures.batch
  ),
  enqueued as (
    insert into howdah_private.due_work (kind, id, tenant_id)
    select 'erase_run', n.id, n.tenant_id from ended as n
    on conflict do nothing
  )
  select count(*)::int, max(n.completed_at) from ended as n
$$;

-- Erases due runs that may be erased, and postpones the others. Locks runs before their sessions,
-- as all functions do, and waits for no lock: a run that another transaction retries, forks or
-- writes to comes next time. A transaction that writes to a session during its erasure waits, and
-- then continues in an empty session.
create or replace function howdah_private.erase_due(batch int) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due uuid[] := array(
    select d.id from howdah_private.take_due('erase_run', erase_due.batch) as d
  );
  v_roots uuid[];
  v_sessions uuid[];
  v_ids uuid[];
begin
  v_roots := array(
    select e.id::uuid from howdah.executions as e where e.id = any (v_due)
    order by e.id for update skip locked
  );
  v_sessions := array(
    select s.id from howdah.sessions as s
    where s.id in (select e.session_id from howdah.executions as e where e.id = any (v_roots))
    order by s.id for update skip locked
  );
  -- runs that run again, are gone or erased, or whose contents are kept now are no longer due
  perform howdah_private.finish_due('erase_run', array(
    select d.id from unnest(v_due) as d (id) where not exists (
      select from howdah.executions as e
      join howdah.retention_policies as p on p.tenant_id = e.tenant_id and p.keep_contents_days = 0
      where e.id = d.id and e.completed_at is not null and e.contents_erased_at is null)));
  update howdah_private.due_work as d
  set due_at = coalesce(r.needed_until, now() + interval '1 second')
  from (
    select e.id, e.session_id, howdah_private.contents_needed_until(e) as needed_until
    from howdah.executions as e where e.id = any (v_due)
    offset 0 -- so that the function is called once for each run
  ) as r
  where d.kind = 'erase_run' and d.id = r.id and (
    r.needed_until is not null or r.id <> all (v_roots)
    or (r.session_id is not null and r.session_id <> all (v_sessions))
  );
  v_ids := array(
    select d.id from howdah_private.due_work as d
    where d.kind = 'erase_run' and d.id = any (v_due) and d.due_at <= now()
  );
  perform howdah_private.erase_due_runs(v_ids);
  -- in this transaction, since only one worker erases at a time
  perform howdah_private.record_batch('erase_run',
    cardinality(v_ids) - count(*)::int, min(d.last_error))
  from howdah_private.due_work as d
  where d.kind = 'erase_run' and d.id = any (v_ids);
  return cardinality(v_due);
end $$;

-- Erases runs that the caller has locked with their sessions: all at once, or one by one when an
-- error occurs, so that only the run with the error stays. That run is tried again later. A
-- statement that is cancelled or a deadlock stops all; the caller tries again.
create or replace function howdah_private.erase_due_runs(roots uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  perform howdah_private.erase_trees(erase_due_runs.roots)
  where cardinality(erase_due_runs.roots) > 0;
exception when others then
  if howdah_private.is_transient_error(sqlstate) then
    raise;
  end if;
  foreach v_id in array erase_due_runs.roots loop
    begin
      perform howdah_private.erase_trees(array[v_id]);
    exception when others then
      if howdah_private.is_transient_error(sqlstate) then
        raise;
      end if;
      perform howdah_private.fail_due('erase_run', v_id, sqlerrm);
    end;
  end loop;
end $$;

-- Erases trees of runs and the sessions of their roots, and takes them off the queue.
create or replace function howdah_private.erase_trees(roots uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.finish_due('erase_run', erase_trees.roots);
  perform howdah_private.erase_runs(erase_trees.roots || array(
    select c.id::uuid from howdah.executions as c
    where c.root_execution_id = any (erase_trees.roots) and c.parent_execution_id is not null
  ), keep_keys => true);
  perform howdah_private.erase_sessions(array(
    select distinct e.session_id from howdah.executions as e
    where e.id = any (erase_trees.roots) and e.session_id is not null
  ), false);
end $$;

-- Returns whether something still needs the contents of an ended tree: a question about an effect,
-- a hook, a delivery, a write-back, a grade, or a live run below. A hook, delivery, write-back or
-- grade that fails for an hour no longer counts. A grade that waits for a judge counts for a day.
create or replace function howdah_private.is_tree_in_use(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
      select from howdah.questions as q
      where q.tenant_id = e.tenant_id and q.root_execution_id = e.id and q.status = 'open'
        and q.kind = 'effect'
    ) or exists (
      select from howdah_private.ended_runs as r
      join howdah.executions as x on x.id = r.execution_id
      where r.tenant_id = e.tenant_id and x.root_execution_id = e.id
        and r.created_at > now() - interval '1 hour'
    ) or exists (
      select from howdah.webhook_deliveries as d
      where d.execution_id = e.id and d.tenant_id = e.tenant_id and d.status = 'pending'
        and e.completed_at > now() - interval '1 hour'
    ) or exists (
      select from howdah.watched_rows as w
      where w.execution_id = e.id and w.tenant_id = e.tenant_id and w.write_back = 'waiting'
        and e.completed_at > now() - interval '1 hour'
    ) or exists (
      select from howdah_private.due_grades as d
      where d.execution_id = e.id and (e.completed_at > now() - interval '1 hour' or exists (
        select from howdah_private.judgements as j
        where j.execution_id = e.id and j.created_at > now() - interval '1 day'))
    ) or exists (
      select from howdah.executions as c
      where c.root_execution_id = e.id and c.parent_execution_id is not null
        and c.completed_at is null
    )
$$;

-- Returns the time until which the contents of an ended root run are needed, or null if they are
-- not needed.
create or replace function howdah_private.contents_needed_until(e howdah.executions)
  returns timestamptz
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select greatest(
    (select case when s.live_execution_id is not null then now() + interval '1 minute'
        else nullif(
          greatest(s.last_activity_at + make_interval(mins => p.keep_sessions_minutes), now()),
          now()) end
      from howdah.sessions as s join howdah.retention_policies as p on p.tenant_id = s.tenant_id
      where s.id = e.session_id),
    case when howdah_private.is_tree_in_use(e) then now() + interval '1 minute' end
  )
$$;
