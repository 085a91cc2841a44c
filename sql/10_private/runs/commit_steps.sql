-- Commits the steps of many runs in one transaction: the heart of the runtime.
--
-- Order of work. (1) Rows of runs that change status are locked, and with `effects` all that these
-- concern. (2) before_commit, for commits that concern other rows. (3) Heads are advanced: this is
-- the fence. (4) Steps and messages are written. (5) Runs change status. (6) after_commit. A batch
-- of plain steps does (3) and (4) alone, and neither locks nor writes the rows of its runs in
-- howdah.executions (fold_run_head.sql).
--
-- Arguments. Arrays, one element per run, per step, or per message. An array is null when all of
-- its elements are null. The runs are sorted by id, which is the order of their locks.
--   ids, fences, log_ends        the runs, and the number of steps that their logs have before this
--   step_counts, message_counts  how many are added to each run
--   moves                        a JSON array with one element per run, null where it stays:
--                                {status, stop_reason, output, output_data, error, metrics,
--                                waiting_for, delay_ms}
--   effects                      the commits that concern other rows, as a JSON array: {id, fence,
--                                after, to, steps: [{kind, model_id, tokens_in, tokens_out,
--                                question, child}]} (commit_side_effects.sql)
--   step_runs, step_positions    the run of each step, as an index into `ids`, and 1, 2, 3 …
--   trusts                       the trust of what a run reads by the step (taint.sql)
--   message_steps, message_positions   the step of each message, and its position in the commit of
--                                its run
-- The other arrays are columns of howdah.steps and howdah.messages.
--
-- Fence. A run is committed only while this worker owns it under `fence` and its log ends at
-- `log_end`. Otherwise the row of that run says `stale`, and the other runs of the batch are not
-- affected.
--
-- Idempotency. If the answer to a call was lost, the same call returns `committed` again and writes
-- nothing. A fence has one writer, so a log that already ends where this commit ends was written by
-- that writer.
--
-- Inbox. A run is not completed while its inbox holds an entry: the row says `inbox`, and nothing
-- is written. A run with an inbox does not wait for a question or a child either. A run with a
-- pause request pauses instead of waiting.
--
-- Result: `over_quota` forbids further model calls; the run parks with `waiting_for` = `quota`
-- (spending_limits.sql). While `rules_stamp` is unchanged, so are the rules for the calls of the
-- run (call_rules.sql). With `are_calls_limited`, the worker must claim the next calls before it
-- makes them (call_admission.sql).
--
-- `protocol`: the version of this interface that the worker speaks, 1. A later release serves older
-- workers by it.
--
-- `lock_timeout`: if another session holds a run, the batch fails soon and its runs are committed
-- alone. So the runs of others do not wait for that one, and a caller who cancels a run does not
-- wait for a commit that itself waits for long.
--
-- NOTIFY takes a cluster-wide lock. So none is sent for a batch without `effects`.
--
-- Plan. The plans are the same for every batch and must not depend on the statistics of young
-- tables. Functions that join the arrays switch nested loops off: hash joins are linear in the size
-- of a batch. commit_steps itself does not, since what it calls looks runs up by their keys.
-- advance_heads has no bitmap scans, because an index scan locks heads in the order of ids.
create or replace function howdah_private.commit_steps(
  worker uuid, protocol int,
  ids uuid[], fences int[], log_ends int[], step_counts int[], message_counts int[], moves jsonb,
  effects jsonb,
  step_runs int[], step_positions int[], kinds howdah.step_kind[], names text[], call_ids text[],
  tool_effects howdah.tool_effect[], idempotency_keys text[], inputs jsonb[], outputs jsonb[],
  errors jsonb[], model_ids uuid[], tokens_in int[], tokens_out int[], trusts howdah.trust[],
  started_at timestamptz[], annotations jsonb[],
  message_steps int[], message_positions int[], roles howdah.message_role[], contents text[],
  parts jsonb[], tool_calls jsonb[], tool_call_ids text[], parent_seqs int[],
  covers_from_seqs int[], covers_to_seqs int[]
)
  returns table (
    execution_id uuid, outcome text, status howdah.execution_status, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean, has_inbox boolean,
    is_pause_requested boolean, over_quota boolean, rules_stamp bigint, are_calls_limited boolean
  )
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
  set lock_timeout = '2s'
as $$
#variable_conflict use_column
declare
  -- assigned before the limits are read, so that recount_limit waits for this transaction
  v_xact_id xid8 := pg_current_xact_id();
  v_moving uuid[] := '{}';
  v_costs numeric[];
  v_heads howdah_private.run_heads[];
  v_others howdah_private.commit_result[] := '{}';
  v_limit_is_reached boolean;
begin
  if commit_steps.moves is not null then
    v_moving := howdah_private.moving_runs(commit_steps.ids, commit_steps.moves);
  end if;
  if commit_steps.effects is not null then
    perform howdah_private.lock_effects(commit_steps.ids, v_moving, commit_steps.effects);
    perform howdah_private.before_commit(commit_steps.worker, commit_steps.effects);
  elsif commit_steps.moves is not null then
    perform howdah_private.lock_moving_runs(v_moving);
  end if;
  if commit_steps.model_ids is not null then
    v_costs := howdah_private.prices(
      commit_steps.model_ids, commit_steps.tokens_in, commit_steps.tokens_out);
  end if;
  v_heads := howdah_private.advance_heads(
    commit_steps.worker, commit_steps.ids, commit_steps.fences, commit_steps.log_ends,
    commit_steps.step_counts, commit_steps.message_counts, commit_steps.moves,
    commit_steps.step_runs, commit_steps.kinds, commit_steps.tokens_in, commit_steps.tokens_out,
    v_costs, commit_steps.trusts);
  v_limit_is_reached := howdah_private.count_spending(
    v_heads, commit_steps.ids, commit_steps.step_runs, commit_steps.tokens_in,
    commit_steps.tokens_out, v_costs)
  where exists (
    select from howdah.limits as l where l.metric in ('tokens', 'cost') and l.scope <> 'model'
  );
  perform howdah_private.log_steps(
    v_heads, commit_steps.ids, commit_steps.step_counts, commit_steps.worker,
    commit_steps.step_runs, commit_steps.step_positions, commit_steps.kinds, commit_steps.names,
    commit_steps.call_ids, commit_steps.tool_effects, commit_steps.idempotency_keys,
    commit_steps.inputs, commit_steps.outputs, commit_steps.errors, commit_steps.model_ids,
    commit_steps.tokens_in, commit_steps.tokens_out, v_costs, commit_steps.started_at,
    commit_steps.annotations);
  if commit_steps.roles is not null then
    perform howdah_private.log_messages(
      v_heads, commit_steps.ids, commit_steps.step_counts, commit_steps.message_counts,
      commit_steps.step_runs, commit_steps.step_positions, commit_steps.kinds,
      commit_steps.tokens_in, commit_steps.tokens_out, commit_steps.trusts,
      commit_steps.message_steps, commit_steps.message_positions, commit_steps.roles,
      commit_steps.contents, commit_steps.parts, commit_steps.tool_calls,
      commit_steps.tool_call_ids, commit_steps.parent_seqs, commit_steps.covers_from_seqs,
      commit_steps.covers_to_seqs);
  end if;
  if cardinality(v_moving) > 0 then
    v_others := howdah_private.move_runs(v_heads, commit_steps.ids, commit_steps.moves);
  end if;
  if commit_steps.effects is not null then
    perform howdah_private.after_commit(commit_steps.worker, commit_steps.effects);
  end if;
  if coalesce(cardinality(v_heads), 0) < cardinality(commit_steps.ids) then
    v_others := v_others || howdah_private.unwritten_commits(
      v_heads, commit_steps.worker, commit_steps.ids, commit_steps.fences, commit_steps.log_ends,
      commit_steps.step_counts);
  end if;
  return query
  select r.execution_id, r.outcome, r.status, r.step_count, r.exhausted, r.active_ms_left,
    exists (select from howdah_private.watchers) -- no lookup while no run is watched
      and (
        select true from howdah_private.watchers as w where w.execution_id = r.execution_id limit 1
      ) is not null,
    r.has_inbox, r.is_pause_requested,
    coalesce(v_limit_is_reached, false)
      and (howdah_private.reached_limit(r.execution_id)).limit_id is not null,
    (select a.seq from howdah_private.audit_heads as a where a.tenant_id = r.tenant_id),
    exists (
      select from howdah.limits as l
      where l.scope in ('model', 'tool') and l.metric <> 'running_runs'
    ) and howdah_private.are_calls_limited(r.tenant_id)
  from (
    select h.execution_id, h.tenant_id, 'committed' as outcome,
      'running'::howdah.execution_status as status, h.step_count,
      coalesce(howdah_private.exhausted_head_limit(h), case when commit_steps.effects is not null
        then howdah_private.exhausted_limit_above(h.execution_id) end) as exhausted,
      howdah_private.head_ms_left(h) as active_ms_left, h.has_inbox, h.is_pause_requested
    from unnest(v_heads) as h where h.execution_id <> all (v_moving)
    union all
    select o.execution_id, o.tenant_id, o.outcome, o.status, o.step_count, o.exhausted,
      o.active_ms_left, o.has_inbox, o.is_pause_requested
    from unnest(v_others) as o
  ) as r;
end $$;

-- Returns the runs that change status, in the order of ids.
create or replace function howdah_private.moving_runs(ids uuid[], moves jsonb) returns uuid[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select i.id from unnest(moving_runs.ids) with ordinality as i (id, run)
    where moving_runs.moves -> (i.run::int - 1) <> 'null'
    order by i.run
  )
$$;

-- Locks the rows of the runs that change status, before any head is locked.
create or replace function howdah_private.lock_moving_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.executions as e
  where e.id = any (lock_moving_runs.ids)
    and e.id between lock_moving_runs.ids[1]
      and lock_moving_runs.ids[cardinality(lock_moving_runs.ids)]
  order by e.id
  for no key update;
end $$;

-- Locks what a batch with effects writes: the rows of these runs, of their ancestors, and of the
-- runs that change status, then the heads. Usage is counted at ancestors before the batch advances
-- its own heads. So all heads are locked in one pass: another worker may have them in its batch.
create or replace function howdah_private.lock_effects(ids uuid[], moving uuid[], effects jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(
    select c.id from jsonb_to_recordset(lock_effects.effects) as c (id uuid)
    union select unnest(lock_effects.moving)
  );
  v_above uuid[];
begin
  perform howdah_private.lock_ancestors(v_ids);
  v_above := array(
    select a.id from howdah.executions as e cross join lateral unnest(e.ancestors) as a (id)
    where e.id = any (v_ids)
  );
  if cardinality(v_above) > 0 then
    perform howdah_private.lock_heads(v_above || lock_effects.ids);
  end if;
end $$;

-- Returns the cost of each step at current prices, null where no model was called.
create or replace function howdah_private.prices(
  model_ids uuid[], tokens_in int[], tokens_out int[]
) returns numeric[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select (
      select howdah_private.price(s.tokens_in, s.tokens_out, m) from howdah.models as m
      where m.id = s.model_id
    )
    from unnest(prices.model_ids, prices.tokens_in, prices.tokens_out)
      as s (model_id, tokens_in, tokens_out)
  );
end $$;

-- Adds what is committed to the heads of the runs, and returns those heads. A run whose head has
-- another owner, fence or end of its log is left out, and so is a run that may not be completed,
-- because its inbox holds an entry.
create or replace function howdah_private.advance_heads(
  worker uuid, ids uuid[], fences int[], log_ends int[], step_counts int[], message_counts int[],
  moves jsonb, step_runs int[], kinds howdah.step_kind[], tokens_in int[], tokens_out int[],
  costs numeric[], trusts howdah.trust[]
) returns howdah_private.run_heads[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_nestloop = off set enable_bitmapscan = off
as $$
declare
  v_heads howdah_private.run_heads[];
begin
  with usage as (
    select s.run, count(*) filter (where s.kind = 'model')::int as model_count,
      sum(s.tokens_in) as tokens_in, sum(s.tokens_out) as tokens_out, sum(s.cost) as cost,
      max(case s.kind when 'tool' then coalesce(s.trust, 'external') else s.trust end) as trust
    from unnest(advance_heads.step_runs, advance_heads.kinds, advance_heads.tokens_in,
        advance_heads.tokens_out, advance_heads.costs, advance_heads.trusts)
      as s (run, kind, tokens_in, tokens_out, cost, trust)
    group by s.run
  ),
  advanced as (
    update howdah_private.run_heads as h
    set step_count = h.step_count + r.step_count,
      message_count = h.message_count + r.message_count,
      model_count = h.model_count + coalesce(u.model_count, 0),
      tokens_in = h.tokens_in + coalesce(u.tokens_in, 0),
      tokens_out = h.tokens_out + coalesce(u.tokens_out, 0),
      cost = h.cost + coalesce(u.cost, 0), trust = greatest(h.trust, u.trust), updated_at = now()
    from unnest(advance_heads.ids, advance_heads.fences, advance_heads.log_ends,
        advance_heads.step_counts, advance_heads.message_counts) with ordinality
      as r (id, fence, log_end, step_count, message_count, run)
    left join usage as u on u.run = r.run
    where h.execution_id = any (advance_heads.ids) and h.execution_id = r.id
      and h.owner_worker = advance_heads.worker and h.fence = r.fence and h.step_count = r.log_end
      and not (h.has_inbox and coalesce(
        advance_heads.moves -> (r.run::int - 1) ->> 'status' = 'completed', false))
    returning h as head
  )
  select array_agg(a.head) into v_heads from advanced as a;
  return v_heads;
end $$;

-- Inserts the steps of the runs whose heads were advanced.
create or replace function howdah_private.log_steps(
  heads howdah_private.run_heads[], ids uuid[], step_counts int[], worker uuid,
  step_runs int[], step_positions int[], kinds howdah.step_kind[], names text[], call_ids text[],
  tool_effects howdah.tool_effect[], idempotency_keys text[], inputs jsonb[], outputs jsonb[],
  errors jsonb[], model_ids uuid[], tokens_in int[], tokens_out int[], costs numeric[],
  started_at timestamptz[], annotations jsonb[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_nestloop = off
as $$
begin
  insert into howdah.steps (
    execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output,
    error, model_id, tokens_in, tokens_out, cost, started_at, finished_at, worker, annotations
  )
  select h.execution_id, h.step_count - log_steps.step_counts[s.run] + s.position, h.tenant_id,
    s.kind, s.name, s.call_id, s.effect, s.idempotency_key, s.input,
    case s.kind when 'handoff' then howdah_private.handoff_record(h.execution_id, s.output)
      else s.output end,
    s.error, s.model_id, coalesce(s.tokens_in, 0), coalesce(s.tokens_out, 0), coalesce(s.cost, 0),
    coalesce(s.started_at, clock_timestamp()), clock_timestamp(), log_steps.worker, s.annotations
  from unnest(
      log_steps.step_runs, log_steps.step_positions, log_steps.kinds, log_steps.names,
      log_steps.call_ids, log_steps.tool_effects, log_steps.idempotency_keys, log_steps.inputs,
      log_steps.outputs, log_steps.errors, log_steps.model_ids, log_steps.tokens_in,
      log_steps.tokens_out, log_steps.costs, log_steps.started_at, log_steps.annotations
    ) as s (
      run, position, kind, name, call_id, effect, idempotency_key, input, output, error, model_id,
      tokens_in, tokens_out, cost, started_at, annotations
    )
  join unnest(log_steps.heads) as h on h.execution_id = log_steps.ids[s.run];
end $$;

-- Inserts the messages of the runs whose heads were advanced.
create or replace function howdah_private.log_messages(
  heads howdah_private.run_heads[], ids uuid[], step_counts int[], message_counts int[],
  step_runs int[], step_positions int[], kinds howdah.step_kind[], tokens_in int[],
  tokens_out int[], trusts howdah.trust[], message_steps int[], message_positions int[],
  roles howdah.message_role[], contents text[], parts jsonb[], tool_calls jsonb[],
  tool_call_ids text[], parent_seqs int[], covers_from_seqs int[], covers_to_seqs int[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_nestloop = off
as $$
begin
  insert into howdah.messages (
    execution_id, seq, tenant_id, session_id, step_seq, role, content, parts, tool_calls,
    tool_call_id, parent_seq, covers_from_seq, covers_to_seq, agent_id, trust, tokens_in,
    tokens_out
  )
  select m.execution_id, m.seq, m.tenant_id, m.session_id, m.step_seq, m.role, m.content, m.parts,
    m.tool_calls, m.tool_call_id, coalesce(m.parent_seq, m.seq - 1), m.covers_from_seq,
    m.covers_to_seq, m.agent_id,
    case when m.kind in ('guard', 'handoff') then 'system'
      when m.covers_to_seq is not null then 'internal'
      when m.role in ('user', 'system') then m.role::text::howdah.trust
      else coalesce(
        m.trust, case m.role when 'tool' then 'external' else 'internal' end::howdah.trust) end,
    case m.role when 'assistant' then m.tokens_in else 0 end,
    case m.role when 'assistant' then m.tokens_out else 0 end
  from (
    select h.execution_id, h.tenant_id, h.session_id, h.agent_id,
      h.message_count - log_messages.message_counts[r.run] + t.position as seq,
      h.step_count - log_messages.step_counts[r.run] + log_messages.step_positions[t.step]
        as step_seq,
      log_messages.kinds[t.step] as kind, log_messages.trusts[t.step] as trust,
      coalesce(log_messages.tokens_in[t.step], 0) as tokens_in,
      coalesce(log_messages.tokens_out[t.step], 0) as tokens_out,
      t.role, t.content, t.parts, t.tool_calls, t.tool_call_id, t.parent_seq, t.covers_from_seq,
      t.covers_to_seq
    from unnest(
        log_messages.message_steps, log_messages.message_positions, log_messages.roles,
        log_messages.contents, log_messages.parts, log_messages.tool_calls,
        log_messages.tool_call_ids, log_messages.parent_seqs, log_messages.covers_from_seqs,
        log_messages.covers_to_seqs
      ) as t (
        step, position, role, content, parts, tool_calls, tool_call_id, parent_seq,
        covers_from_seq, covers_to_seq
      )
    cross join lateral (values (log_messages.step_runs[t.step])) as r (run)
    join unnest(log_messages.heads) as h on h.execution_id = log_messages.ids[r.run]
  ) as m;
end $$;

-- Changes the status of runs as their commits want. The trigger on executions brings the rows up to
-- their heads, and deletes the heads of runs that their worker gives up (fold_run_head.sql).
-- Sessions are locked after the heads of the batch, in one order, because runs that end pass their
-- turn on.
create or replace function howdah_private.move_runs(
  heads howdah_private.run_heads[], ids uuid[], moves jsonb
) returns howdah_private.commit_result[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_moving uuid[] := array(
    select i.id from unnest(move_runs.ids) with ordinality as i (id, run)
    where move_runs.moves -> (i.run::int - 1) <> 'null'
  );
  v_results howdah_private.commit_result[];
begin
  perform howdah_private.lock_sessions_of(array_agg(i.id))
  from unnest(move_runs.ids) with ordinality as i (id, run)
  where move_runs.moves -> (i.run::int - 1) ->> 'status' in ('completed', 'failed')
  having count(*) > 1;
  with wanted as materialized (
    select h.execution_id, m.move, (m.move ->> 'status')::howdah.execution_status as status,
      (m.move ->> 'waiting_for')::howdah.waiting_reason as waits_for
    from unnest(move_runs.heads) as h
    join unnest(move_runs.ids) with ordinality as i (id, run) on i.id = h.execution_id
    cross join lateral (values (nullif(move_runs.moves -> (i.run::int - 1), 'null'))) as m (move)
    where m.move is not null
  ),
  moved as (
    update howdah.executions as e
    set crashes_without_progress = 0, at_risk = false, updated_at = now(),
      status = howdah_private.next_status(w.status, w.waits_for, e),
      stop_reason = (w.move ->> 'stop_reason')::howdah.stop_reason,
      output = w.move ->> 'output',
      output_data = nullif(w.move -> 'output_data', 'null'),
      error = nullif(w.move -> 'error', 'null'),
      metrics = e.metrics || coalesce(w.move -> 'metrics', '{}'),
      waiting_for = case howdah_private.next_status(w.status, w.waits_for, e)
        when 'waiting' then w.waits_for end,
      paused_from = case howdah_private.next_status(w.status, w.waits_for, e)
        when 'paused' then w.waits_for end,
      is_pause_requested = e.is_pause_requested
        and howdah_private.next_status(w.status, w.waits_for, e) = 'running',
      wake_at = clock_timestamp() + (w.move ->> 'delay_ms')::bigint * interval '1 millisecond',
      owner_worker = case howdah_private.next_status(w.status, w.waits_for, e)
        when 'running' then e.owner_worker end,
      active_since = case howdah_private.next_status(w.status, w.waits_for, e)
        when 'running' then e.active_since end,
      active_ms = case howdah_private.next_status(w.status, w.waits_for, e)
        when 'running' then e.active_ms
        else e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e) end,
      completed_at = case when w.status in ('completed', 'failed') then clock_timestamp() end
    from wanted as w
    where e.id = w.execution_id and e.id = any (v_moving)
      and e.id between v_moving[1] and v_moving[cardinality(v_moving)]
    returning row(e.id, e.tenant_id, 'committed', e.status, e.step_count,
      howdah_private.exhausted_limit(e), howdah_private.active_ms_left(e), e.has_inbox,
      e.is_pause_requested)::howdah_private.commit_result as result
  )
  select array_agg(m.result) into v_results from moved as m;
  return coalesce(v_results, '{}');
end $$;

-- Answers for the runs of which nothing was written. A run is read by a volatile function, which
-- takes a new snapshot: an earlier attempt at the same commit may have been in progress.
create or replace function howdah_private.unwritten_commits(
  heads howdah_private.run_heads[], worker uuid, ids uuid[], fences int[], log_ends int[],
  step_counts int[]
) returns howdah_private.commit_result[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(i.id, (n.run).tenant_id,
      case when (n.run).has_inbox and (n.run).owner_worker = unwritten_commits.worker
          and (n.run).step_count = i.log_end then 'inbox'
        when (n.run).step_count = i.log_end + i.step_count then 'committed' else 'stale' end,
      (n.run).status, (n.run).step_count, (n.run).exhausted, (n.run).active_ms_left,
      (n.run).has_inbox, (n.run).is_pause_requested)::howdah_private.commit_result
    from unnest(unwritten_commits.ids, unwritten_commits.fences, unwritten_commits.log_ends,
        unwritten_commits.step_counts) as i (id, fence, log_end, step_count)
    cross join lateral (select howdah_private.execution_at_fence(i.id, i.fence) as run) as n
    where not exists (
      select from unnest(unwritten_commits.heads) as h where h.execution_id = i.id)
  );
end $$;
