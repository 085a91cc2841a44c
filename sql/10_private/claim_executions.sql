-- Takes ownership of the runs that are due and gives the worker all it needs to go on, in one call.
--
-- A claim raises the fence, so whoever held the run before can no longer commit. `skip locked`: a run that
-- somebody is changing right now will be woken again. `is_suspect`: two workers have died with this run since its last
-- commit, so its worker must say so (begin_risk) before it does anything that may kill it.
--
-- From protocol 3 on `ids` are wake-ups that came, and room for as many runs: another tenant's run may be given in the
-- place of one that was named (fair_swaps), which then has its wake-up back. `after`: the tenant served last.
--
-- `plan_cache_mode` holds for all that is called here: a plan for given ids opens fewer partitions and looks cheaper, but
-- to make one each time costs more than the claim, and the generic one opens no more of them.
create or replace function howdah_private.claim_executions(worker uuid, ids uuid[], protocol int, after uuid)
  returns table (
    execution_id uuid, fence int, tenant_id uuid, agent_id uuid, agent_version_id uuid, session_id uuid,
    root_execution_id uuid, is_child boolean, is_compensation boolean, metadata jsonb, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean,
    is_suspect boolean, messages_at_retry int, refused jsonb,
    messages jsonb, history jsonb, attempts jsonb, is_new boolean, hooks jsonb
  )
  language plpgsql volatile security definer
  set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_named uuid[] := '{}'; -- gave their room to those in v_picks
  v_picks uuid[] := '{}';
  v_claimed uuid[] := '{}';
begin
  -- a worker that was declared dead claims nothing; the lock makes its reaper wait, or us
  perform from howdah_private.workers as w where w.id = claim_executions.worker for key share;
  if found then
    if claim_executions.protocol >= 3 then
      select coalesce(array_agg(s.named), '{}'), coalesce(array_agg(s.pick), '{}') into v_named, v_picks
      from howdah_private.fair_swaps(claim_executions.ids, claim_executions.after) as s;
    end if;
    perform howdah_private.lock_limits(claim_executions.ids || v_picks);
    v_claimed := howdah_private.take_runs(claim_executions.worker, claim_executions.protocol, v_picks || array(
      select i.id from unnest(claim_executions.ids) as i (id) where i.id <> all (v_named)));
    if not v_claimed @> v_picks then
      -- what could not be had leaves the room to whom it was taken from
      v_claimed := v_claimed || howdah_private.take_runs(claim_executions.worker, claim_executions.protocol, array(
        select n.id from unnest(v_named, v_picks) as n (id, pick) where n.pick <> all (v_claimed)));
    end if;
    perform howdah_private.drain_inbox(array_agg(e.id::uuid)) from howdah.executions as e
    where e.id = any (v_claimed) and e.has_inbox having count(*) > 0;
  end if;
  -- Whoever gave its room away has its place in the queue again.
  v_named := array(select n.id from unnest(v_named, v_picks) as n (id, pick) where n.pick = any (v_claimed));
  if cardinality(v_named) > 0 then
    perform howdah_private.enqueue_advance(v_named);
    perform howdah_private.drop_wake_ups(v_picks, v_claimed);
  end if;
  perform howdah_private.wake_skipped(claim_executions.ids, v_claimed || v_named);

  return query
  select e.id::uuid, e.fence, e.tenant_id, e.agent_id, e.agent_version_id, e.session_id,
    e.root_execution_id, e.depth > 0, e.compensates_execution_id is not null, e.metadata,
    e.step_count, howdah_private.exhausted_limit(e), howdah_private.active_ms_left(e),
    exists (select from howdah_private.watchers as w where w.execution_id = e.id),
    e.crashes_without_progress >= 2, e.messages_at_retry,
    case when e.step_count > 0 or e.turn > 1 then howdah_private.refused_requests(e) else '{}' end,
    howdah_private.execution_messages(e.id),
    case when e.turn > 1 then howdah_private.session_history(e.session_id, e.turn) else '[]' end,
    howdah_private.attempts_since_last_answer(e.id), howdah_private.is_new_run(e),
    case when exists (select from howdah.hooks as h where h.tenant_id = e.tenant_id)
      then howdah_private.hooks_of(e.tenant_id, e.agent_id) end
  from howdah.executions as e
  where e.id = any (v_claimed);
end $$;

-- Those of the runs that are due and free, and within their limits.
create or replace function howdah_private.take_runs(worker uuid, protocol int, ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_parked uuid[] := '{}';
  v_taken uuid[];
begin
  if exists (select from howdah.concurrency_limits) then
    v_parked := howdah_private.park_over_limit(take_runs.ids);
  end if;
  with due as (
    select e.id from howdah.executions as e
    where e.id = any (take_runs.ids) and e.id <> all (v_parked)
      and (e.status = 'queued' or (e.status = 'waiting' and e.waiting_for = 'timer'))
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
      and (take_runs.protocol >= 2 or howdah_private.is_known_to_protocol_1(e))
    order by e.id
    for no key update skip locked
  ),
  claimed as (
    update howdah.executions as e
    set status = 'running', waiting_for = null, wake_at = null, is_pause_requested = false,
      owner_worker = take_runs.worker, fence = e.fence + 1,
      at_risk = false,
      message_count = greatest(e.message_count, 1),
      active_since = clock_timestamp(), started_at = coalesce(e.started_at, clock_timestamp()),
      updated_at = now()
    from due as d where e.id = d.id and e.id = any (take_runs.ids) -- by which only their partitions are opened
    returning e.id, e.tenant_id, e.session_id, e.input, e.input_data, e.input_parts
  ),
  opened as (
    -- message 1 is the input, its data as JSON below the text; it is written when the run first begins
    insert into howdah.messages (execution_id, seq, tenant_id, session_id, role, content, parts, trust)
    select c.id, 1, c.tenant_id, c.session_id, 'user',
      howdah_private.first_content(c.input, c.input_data), c.input_parts, 'user'
    from claimed as c
    on conflict do nothing
  )
  select array_agg(c.id::uuid) into v_taken from claimed as c;
  if cardinality(v_parked) > 0 and cardinality(v_parked) + coalesce(cardinality(v_taken), 0) < cardinality(take_runs.ids) then
    perform howdah_private.ask_for_room(v_parked); -- for one that was counted and could not be had
  end if;
  return coalesce(v_taken, '{}');
end $$;

-- What somebody holds was skipped, and who only looks at it wakes nobody; and the dead claim nothing: what is due
-- and not claimed is woken again in a moment. Under a key of its own: whoever holds the run may be writing the other.
create or replace function howdah_private.wake_skipped(ids uuid[], except_ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform graphile_worker.add_jobs(array_agg(
    row('advance', json_build_object('id', e.id), null, clock_timestamp() + interval '100 milliseconds',
      25::smallint, e.id::text || ' again', e.priority, null)::graphile_worker.job_spec
    order by e.id
  ))
  from howdah.executions as e
  where e.id = any (wake_skipped.ids) and e.id <> all (wake_skipped.except_ids)
    and (e.status = 'queued' or (e.status = 'waiting' and e.waiting_for = 'timer'))
    and greatest(e.run_at, e.wake_at) <= clock_timestamp()
  having count(*) > 0;
end $$;

-- Wake-ups of runs that were claimed in the place of others have nothing to do any more. Those that somebody holds come and
-- find that out.
create or replace function howdah_private.drop_wake_ups(picks uuid[], claimed uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  delete from graphile_worker._private_jobs as j using (
    select x.id from graphile_worker._private_jobs as x
    where x.key = any (array(
        select p.id::text from unnest(drop_wake_ups.picks) as p (id) where p.id = any (drop_wake_ups.claimed)))
      and x.locked_at is null
    for update skip locked
  ) as d
  where j.id = d.id;
end $$;
