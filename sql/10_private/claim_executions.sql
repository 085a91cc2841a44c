-- Takes ownership of the runs that are due and gives the worker all it needs to go on, in one call.
--
-- A claim raises the fence, so whoever held the run before can no longer commit. `skip locked`: a run that
-- somebody is changing right now will be woken again. `is_suspect`: two workers have died with this run since its last
-- commit, so its worker must say so (begin_risk) before it does anything that may kill it.
create or replace function howdah_private.claim_executions(worker uuid, ids uuid[], protocol int)
  returns table (
    execution_id uuid, fence int, tenant_id uuid, agent_id uuid, agent_version_id uuid, session_id uuid,
    root_execution_id uuid, is_child boolean, is_compensation boolean, metadata jsonb, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean,
    is_suspect boolean, messages_at_retry int, refused jsonb,
    messages jsonb, history jsonb, attempts jsonb, is_new boolean, hooks jsonb
  )
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_claimed uuid[];
  v_is_alive boolean;
begin
  -- a worker that was declared dead claims nothing; the lock makes its reaper wait, or us
  perform from howdah_private.workers as w where w.id = claim_executions.worker for key share;
  v_is_alive := found;
  with due as (
    select e.id from howdah.executions as e
    where v_is_alive and e.id = any (claim_executions.ids)
      and (e.status = 'queued' or (e.status = 'waiting' and e.waiting_for = 'timer'))
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
      and (claim_executions.protocol >= 2 or howdah_private.is_known_to_protocol_1(e))
    order by e.id
    for no key update skip locked
  ),
  claimed as (
    update howdah.executions as e
    set status = 'running', waiting_for = null, wake_at = null, is_pause_requested = false,
      owner_worker = claim_executions.worker, fence = e.fence + 1,
      at_risk = false,
      message_count = greatest(e.message_count, 1),
      active_since = clock_timestamp(), started_at = coalesce(e.started_at, clock_timestamp()),
      updated_at = now()
    from due as d where e.id = d.id and e.id = any (claim_executions.ids)
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
  select array_agg(c.id) into v_claimed from claimed as c;
  perform howdah_private.drain_inbox(array_agg(e.id::uuid)) from howdah.executions as e
  where e.id = any (v_claimed) and e.has_inbox having count(*) > 0;

  -- What somebody holds was skipped, and who only looks at it wakes nobody; and the dead claim nothing: what is due
  -- and not claimed is woken again in a moment. Under a key of its own: whoever holds the run may be writing the other.
  perform graphile_worker.add_jobs(array_agg(
    row('advance', json_build_object('id', e.id), null, clock_timestamp() + interval '100 milliseconds',
      25::smallint, e.id::text || ' again', e.priority, null)::graphile_worker.job_spec
    order by e.id
  ))
  from howdah.executions as e
  where e.id = any (claim_executions.ids) and e.id <> all (coalesce(v_claimed, '{}'))
    and (e.status = 'queued' or (e.status = 'waiting' and e.waiting_for = 'timer'))
    and greatest(e.run_at, e.wake_at) <= clock_timestamp()
  having count(*) > 0;

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
