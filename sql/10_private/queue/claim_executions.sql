-- Claims due runs for a worker and returns all that the worker needs to go on, in one call.
--
-- A claim raises the fence, so the previous owner of the run can no longer commit. `skip locked`: a
-- run that another transaction is changing is woken again later.
--
-- Arguments
--   ids             runs whose wake-ups came. The worker has room for as many runs. For fair share,
--                   the run of another tenant may be claimed in place of one of them
--                   (swap_for_fair_share). The run that is not claimed gets its wake-up back.
--   room            how many more runs the worker takes whose wake-ups have not come
--                   (claim_backlog). A run that is claimed before its wake-up loses the wake-up.
--   after           the tenant that was served last
--   offered         those of `ids` that were offered to the worker (offer_runs.sql). Their wake-ups
--                   have not come: a claim completes them, and a run that is skipped keeps its own.
--   protocol        version of the calls that the worker speaks, as in commit_steps
-- A worker with a scope gets due runs of its scope only and wakes nobody: scoped_claims.sql.
-- A worker gets no runs whose custom tools or engine it lacks: ../tools/needed_code.sql.
-- A worker that was isolated for a suspect gets this run only: isolated_runs.sql.
--
-- Results
--   agent_version_id   for the run of a workflow: the pinned version of the workflow
--   is_suspect         two workers have died with this run since its last commit. The worker has
--                      no other run, and gives this one back after a commit.
--   alike              runs with the same value share what holds for their calls: call_rules.sql
--   trust              how far the run is trusted: taint.sql
--   is_filtered        output filters check what the run says: output_filters.sql
--   are_calls_limited  the worker asks before each call: call_admission.sql
--
-- Every statement looks rows up by their keys, so plans are made once and not for each call, and
-- only the partitions between the first and the last id are opened.
create or replace function howdah_private.claim_executions(
  worker uuid, ids uuid[], protocol int, after uuid, room int default 0,
  offered uuid[] default '{}'
) returns table (
    execution_id uuid, fence int, tenant_id uuid, agent_id uuid, agent_version_id uuid,
    session_id uuid, root_execution_id uuid, is_child boolean, is_compensation boolean,
    metadata jsonb, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean,
    is_suspect boolean, messages_at_retry int, refused jsonb,
    messages jsonb, history jsonb, attempts jsonb, is_new boolean, hooks jsonb, task jsonb,
    overrides jsonb, alike text, trust howdah.trust, is_filtered boolean, are_calls_limited boolean
  )
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
declare
  v_ids uuid[] := claim_executions.ids;
  v_worker howdah_private.workers;
  v_first uuid;
  v_last uuid;
  v_yielding uuid[] := '{}'; -- runs whose room went to those in v_replacements
  v_replacements uuid[] := '{}';
  v_more uuid[] := '{}';
  v_claimed uuid[] := '{}';
begin
  -- this row lock conflicts with the reaper's: a worker that is being removed claims nothing
  select w.* into v_worker from howdah_private.workers as w
  where w.id = claim_executions.worker for key share;
  if found then
    if v_worker.only_run is null and v_worker.only_tenants is not null then
      v_ids := '{}'; -- it claims runs of its scope only
      v_more := howdah_private.runs_in_scope(
        v_worker, claim_executions.after, claim_executions.room);
    elsif v_worker.only_run is null then
      select coalesce(array_agg(s.yielding_id), '{}'), coalesce(array_agg(s.replacement_id), '{}')
      into v_yielding, v_replacements
      from howdah_private.swap_for_fair_share(v_ids, claim_executions.after) as s;
      if claim_executions.room > 0 then
        v_more := howdah_private.claim_backlog(
          claim_executions.after, claim_executions.room, v_ids || v_replacements);
      end if;
    end if;
    if claim_executions.room > cardinality(v_more) and v_worker.only_run is null
      and exists (select from howdah_private.runs_without_worker)
    then
      v_more := v_more || howdah_private.deferred_runs(
        v_worker, claim_executions.room - cardinality(v_more));
    end if;
    perform howdah_private.lock_running_limits(v_ids || v_replacements || v_more);
    v_claimed := howdah_private.claim_due_runs(
      claim_executions.worker, v_replacements || v_more || array(
        select i.id from unnest(v_ids) as i (id) where i.id <> all (v_yielding)));
    if not v_claimed @> v_replacements then
      -- a run that could not be claimed gives the room back to the run that gave it away
      v_claimed := v_claimed || howdah_private.claim_due_runs(claim_executions.worker, array(
        select y.id from unnest(v_yielding, v_replacements) as y (id, replacement_id)
        where y.replacement_id <> all (v_claimed)));
    end if;
    if cardinality(v_replacements || v_more || claim_executions.offered) > 0 then
      perform howdah_private.complete_wake_ups(array(
        select m.id from unnest(v_replacements || v_more || claim_executions.offered) as m (id)
        where m.id = any (v_claimed)));
    end if;
    v_claimed := array(select c.id from unnest(v_claimed) as c (id) order by c.id);
    v_first := v_claimed[1];
    v_last := v_claimed[cardinality(v_claimed)];
    perform howdah_private.drain_inbox(array_agg(e.id::uuid)) from howdah.executions as e
    where e.id = any (v_claimed) and e.id between v_first and v_last and e.has_inbox
    having count(*) > 0;
  end if;
  -- runs that gave their room away get their wake-ups back
  v_yielding := array(
    select y.id from unnest(v_yielding, v_replacements) as y (id, replacement_id)
    where y.replacement_id = any (v_claimed));
  if not claim_executions.offered @> v_yielding then -- the wake-ups of offered runs have not come
    perform howdah_private.enqueue_advance(array(
      select y.id from unnest(v_yielding) as y (id) where y.id <> all (claim_executions.offered)));
  end if;
  if not ((v_claimed || v_yielding || claim_executions.offered) @> v_ids) then
    perform howdah_private.requeue_skipped(
      v_ids, v_claimed || v_yielding || claim_executions.offered);
  end if;

  return query
  select e.id::uuid, e.fence, e.tenant_id, e.agent_id,
    coalesce(e.agent_version_id, e.workflow_version_id), e.session_id, e.root_execution_id,
    e.depth > 0, e.compensates_execution_id is not null, e.metadata, e.step_count,
    howdah_private.exhausted_limit(e), howdah_private.active_ms_left(e),
    exists (select from howdah_private.watchers as w where w.execution_id = e.id),
    e.crashes_without_progress >= howdah_private.suspect_deaths(), e.messages_at_retry,
    case when e.step_count > 0 or e.turn > 1 then howdah_private.oversized_requests(e)
      else '{}' end,
    (
      select coalesce(to_jsonb(array_agg(howdah_private.message_json(m.seq, m.step_seq, m.role,
        case when m.content_is_output then ( -- as in howdah.messages, in few partitions
          select s.output #>> '{}' from howdah.steps as s
          where s.execution_id = m.execution_id and s.seq = m.step_seq
            and s.execution_id between v_first and v_last
        ) else m.content end,
        m.parts, m.tool_calls, m.tool_call_id, m.covers_from_seq, m.covers_to_seq,
        m.trust) order by m.seq)), '[]')
      from howdah_private.message_log as m
      where m.execution_id = e.id and m.execution_id between v_first and v_last
    ),
    case
      when e.turn > 1 then howdah_private.session_history(e.tenant_id, e.session_id, e.turn)
      when e.overrides -> 'ephemeral' = 'false' then howdah_private.sub_run_history(e.id)
      else '[]' end
      || case when e.history is null then '[]' else howdah_private.history_json(e.history) end,
    case when e.step_count = 0 then '[]'
      when e.workflow_id is not null then howdah_private.team_log(e.id)
      else howdah_private.attempts_since_last_answer(e.id) end,
    e.step_count = 0 or howdah_private.is_new_run(e),
    case when exists (select from howdah.hooks as h where h.tenant_id = e.tenant_id)
      then howdah_private.hooks_of(e.tenant_id, e.agent_id, e.workflow_id) end,
    case when e.workflow_id is not null
      then jsonb_build_object('input', e.input, 'data', e.input_data) end,
    case when exists (select from howdah_private.run_memories as r where r.execution_id = e.id)
      then coalesce(howdah_private.agent_overrides(e), '{}')
        || coalesce(howdah_private.pinned_overrides(e.id, e.handoffs), '{}')
      else howdah_private.agent_overrides(e) end,
    case when e.depth = 0 and e.compensates_execution_id is null and e.handoffs = 0
      then concat_ws(' ', e.agent_version_id, e.workflow_version_id, e.user_id) end,
    e.trust,
    exists (select from howdah.output_filters as f
      where f.tenant_id = e.tenant_id and f.is_active and not f.places::text[] <@ '{input}'),
    exists (
      select from howdah.limits as l
      where l.scope in ('model', 'tool') and l.metric <> 'running_runs'
    ) and howdah_private.are_calls_limited(e.tenant_id)
  from howdah.executions as e
  where e.id = any (v_claimed) and e.id between v_first and v_last;
end $$;

-- Returns the overrides of a run for the agent that has the run now. A model, its parameters and an
-- instruction that were chosen for the first agent do not apply to an agent that the run was handed
-- to.
create or replace function howdah_private.agent_overrides(e howdah.executions) returns jsonb
  language sql immutable
  return case
    when e.client_tools is null and (e.overrides is null or e.handoffs = 0) then e.overrides
    else nullif(
      coalesce(case when e.handoffs = 0 then e.overrides
        else e.overrides - '{model,request_params,mission_override}'::text[] end, '{}')
      || case when e.client_tools is null then '{}'
        else jsonb_build_object('client_tools', e.client_tools) end, '{}') end;

-- Locks those of the runs that are due and not locked, and returns those that the worker has the
-- code for. The others are deferred (../tools/needed_code.sql). A deferred run is due for a worker
-- that has its code, whatever its wake_at. A worker that was isolated for a suspect gets `only_run`
-- and nothing else.
create or replace function howdah_private.lock_due_runs(
  worker uuid, ids uuid[], only_run uuid
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due uuid[] := array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (lock_due_runs.ids)
      and e.id between lock_due_runs.ids[1] and lock_due_runs.ids[cardinality(lock_due_runs.ids)]
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and (greatest(e.run_at, e.wake_at) <= clock_timestamp() or (
        e.status = 'queued' and e.run_at <= clock_timestamp() and exists (
          select from howdah_private.runs_without_worker as r where r.execution_id = e.id)))
      and e.contents_encrypted_at is null -- retried or forked, and not decrypted yet
      and case when lock_due_runs.only_run is not null then e.id = lock_due_runs.only_run
        else e.crashes_without_progress < howdah_private.suspect_deaths() end
    order by e.id
    for no key update skip locked
  );
  v_deferred uuid[] := '{}';
begin
  if exists (select from howdah_private.needed_code) then
    v_deferred := howdah_private.defer_runs(w, v_due) from howdah_private.workers as w
    where w.id = lock_due_runs.worker;
  end if;
  return case v_deferred when '{}' then v_due
    else array(select d.id from unnest(v_due) as d (id) where d.id <> all (v_deferred)) end;
end $$;

-- Claims those of the runs that are due, not locked, and within their limits. The runs are locked
-- before their limits are checked. A run that another transaction has locked is neither counted nor
-- claimed, also when it becomes free during the call. A suspect is claimed only by a worker that
-- was isolated for it, and such a worker claims nothing else.
create or replace function howdah_private.claim_due_runs(worker uuid, ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(select i.id from unnest(claim_due_runs.ids) as i (id) order by i.id);
  v_first uuid := v_ids[1];
  v_last uuid := v_ids[cardinality(v_ids)];
  v_only_run uuid := (
    select w.only_run from howdah_private.workers as w where w.id = claim_due_runs.worker);
  v_parked uuid[] := '{}';
  v_has_memories boolean;
  v_due uuid[];
  v_taken uuid[];
begin
  v_due := howdah_private.lock_due_runs(claim_due_runs.worker, v_ids, v_only_run);
  if exists (
    select from howdah.limits as l where l.metric in ('tokens', 'cost') and l.scope <> 'model'
  ) then
    v_parked := howdah_private.park_over_spending_limit(v_due);
  end if;
  if exists (select from howdah.limits as l where l.metric = 'running_runs') then
    v_parked := v_parked || howdah_private.park_over_running_limit(v_due);
  end if;
  if exists (select from howdah.memories as m where m.is_pinned)
    or exists (select from howdah.agents as a where a.working_memory is not null) then
    perform howdah_private.store_run_memories(
      array(select d.id from unnest(v_due) as d (id) where d.id <> all (v_parked)), false);
  end if;
  v_has_memories := exists (select from howdah_private.run_memories);
  with claimed as (
    update howdah.executions as e
    set status = 'running', waiting_for = null, wake_at = null, is_pause_requested = false,
      owner_worker = claim_due_runs.worker, fence = e.fence + 1,
      at_risk = false,
      message_count = greatest(e.message_count, 1),
      trust = greatest(e.trust, e.input_trust, case
        when e.turn > 1 or e.overrides is not null or e.input_parts is not null
          or e.history is not null
        then howdah_private.inherited_trust(e) end,
        case when v_has_memories then howdah_private.trust_of_run_memories(e.id) end),
      active_since = clock_timestamp(), started_at = coalesce(e.started_at, clock_timestamp()),
      updated_at = now()
    where e.id = any (v_due) and e.id <> all (v_parked) and e.id between v_first and v_last
    returning e.id, e.tenant_id, e.session_id, e.input, e.input_data, e.input_parts,
      e.agent_version_id, e.input_trust, e.agent_id, e.workflow_id, e.owner_worker, e.fence,
      e.active_ms, e.active_since, e.updated_at, e.step_count, e.message_count, e.model_count,
      e.tokens_in, e.tokens_out, e.cost, e.trust, e.has_inbox, e.max_steps, e.max_seconds,
      e.max_tokens, e.max_cost, e.children_tokens_in + e.children_tokens_out as children_tokens,
      e.children_cost
  ),
  heads as (
    insert into howdah_private.run_heads (
      execution_id, tenant_id, owner_worker, active_ms, active_since, children_tokens, fence,
      max_steps, max_seconds, step_count, tokens_in, tokens_out, updated_at, message_count,
      model_count, trust, has_inbox, is_pause_requested, session_id, agent_id, workflow_id,
      max_tokens, children_cost, cost, max_cost
    )
    select c.id, c.tenant_id, c.owner_worker, c.active_ms, c.active_since, c.children_tokens,
      c.fence, c.max_steps, c.max_seconds, c.step_count, c.tokens_in, c.tokens_out, c.updated_at,
      c.message_count, c.model_count, c.trust, c.has_inbox, false, c.session_id, c.agent_id,
      c.workflow_id, c.max_tokens, c.children_cost, c.cost, c.max_cost
    from claimed as c
    on conflict (execution_id) do update -- a stray head, see fold_run_head.sql
    set (execution_id, tenant_id, owner_worker, active_ms, active_since, children_tokens, fence,
      max_steps, max_seconds, step_count, tokens_in, tokens_out, updated_at, message_count,
      model_count, trust, has_inbox, is_pause_requested, session_id, agent_id, workflow_id,
      max_tokens, children_cost, cost, max_cost) = row(excluded.*)
  ),
  opened as (
    -- message 1 is the input with its data as JSON below the text, written when the run starts
    insert into howdah_private.message_log (
      execution_id, seq, tenant_id, session_id, role, content, parts, trust
    )
    select c.id, 1, c.tenant_id, c.session_id, 'user',
      howdah_private.first_content(c.input, c.input_data, c.agent_version_id), c.input_parts,
      greatest('user', c.input_trust, case when c.input_parts is not null
        then howdah_private.parts_trust(c.tenant_id, c.input_parts) end)
    from claimed as c
    on conflict do nothing
  )
  select array_agg(c.id::uuid) into v_taken from claimed as c;
  if exists (select from howdah_private.runs_without_worker) then
    delete from howdah_private.runs_without_worker as r where r.execution_id = any (v_taken);
  end if;
  return coalesce(v_taken, '{}');
end $$;

-- Wakes runs again in 100 ms that are due and were not claimed: another transaction had them
-- locked, or the worker is dead. The transaction with the lock may be writing the wake-up of the
-- run, so the new wake-up has a key of its own. A suspect needs none: workers look for suspects.
create or replace function howdah_private.requeue_skipped(ids uuid[], except_ids uuid[])
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(
    select i.id from unnest(requeue_skipped.ids) as i (id)
    where i.id <> all (requeue_skipped.except_ids) order by i.id
  );
  v_first uuid := v_ids[1];
  v_last uuid := v_ids[cardinality(v_ids)];
begin
  perform graphile_worker.add_jobs(array_agg(
    row('advance', json_build_object('id', e.id), null,
      clock_timestamp() + interval '100 milliseconds', 25::smallint, e.id::text || ' again',
      e.priority, null)::graphile_worker.job_spec
    order by e.id
  ))
  from howdah.executions as e
  where e.id = any (v_ids) and e.id between v_first and v_last
    and howdah_private.is_in_queue(e.status, e.waiting_for)
    and greatest(e.run_at, e.wake_at) <= clock_timestamp()
    and e.crashes_without_progress < howdah_private.suspect_deaths()
  having count(*) > 0;
end $$;

-- Completes the wake-ups of runs that were claimed before the wake-ups came. A wake-up that a
-- worker has locked comes all the same, and finds nothing to do.
create or replace function howdah_private.complete_wake_ups(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform graphile_worker.complete_jobs(array(
    select j.id from howdah_private.queue_jobs as j
    where j.key = any (complete_wake_ups.ids::text[]) and j.locked_at is null
    for update skip locked
  ));
end $$;
