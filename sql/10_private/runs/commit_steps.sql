-- Commits the steps of many runs in one transaction: the heart of the runtime. A run at work has a
-- narrow row of counters, its head, in howdah_private.run_heads (fold_run_head.sql). Plain steps
-- update the head, and neither lock nor write the row of the run in howdah.executions.
--
-- Order of work. (1) Lock the rows of runs that change status. With `effects`, also lock the
-- ancestors of these runs, and the heads of all. (2) before_commit, for commits that concern other
-- rows. (3) One statement advances the heads, which is the fence, and writes steps and messages.
-- (4) Change the status of runs. (5) Count spending, where it is limited. (6) after_commit. A batch
-- of plain steps does (3) and (5) alone. (2) and (6) check the fence themselves.
--
-- Arguments. Arrays, one element per run, per step, or per message. An array is null when all of
-- its elements are null. The runs are sorted by id, which is the order of their locks.
--   ids, fences, log_ends        the runs, and the number of steps that their logs have before this
--   step_counts, message_counts  how many are added to each run
--   moves                        a JSON array with one element per run, null where it stays:
--                                {status, stop_reason, finish_reason, output, output_data, error,
--                                metrics, waiting_for, delay_ms}
--   effects                      the commits that concern other rows, as a JSON array: {id, fence,
--                                after, to, steps: [{kind, model_id, tokens_in, tokens_out,
--                                usage, question, child}]} (commit_side_effects.sql)
--   step_runs, step_positions    the run of each step, as an index into `ids`, and 1, 2, 3 …
--   trusts                       the trust of what a run reads by the step (taint.sql)
--   message_steps, message_positions   the step of each message, and its position in the commit of
--                                its run
--   contents                     the texts of messages. A message of a tool that has neither a text
--                                nor parts has the output of its step as its text
-- The other arrays are columns of howdah.steps and howdah.messages.
--
-- Fence. Steps are written only if the head still has this worker, this `fence` and `log_end`
-- steps. Otherwise the row of that run says `stale`, and the other runs of the batch are not
-- affected.
--
-- Idempotency. If the answer to a call was lost, the same call returns `committed` again and writes
-- nothing, until the next claim. A fence has one writer, so a log that already ends where this
-- commit ends was written by that writer.
--
-- Inbox. A run is not completed while its inbox holds an entry: the row says `inbox`, and nothing
-- is written. A run with an inbox does not wait for a question or a child either. A run with a
-- pause request pauses instead of waiting.
--
-- Result: `over_quota` forbids further model calls; the run parks with `waiting_for` = `quota`
-- (spending_limits.sql). While `rules_stamp` is unchanged, so are the rules for the calls of the
-- run (call_rules.sql). With `are_calls_limited`, the worker must claim the next calls before it
-- makes them (call_admission.sql). `exhausted` and `active_ms_left` say what is left of the limits
-- of the run. `watched` asks for live events of the run.
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
-- Plan. The plan is the same for every batch and must not depend on the statistics of young tables.
-- Joins of (3) are hash joins, which are linear in the size of a batch. What a commit calls looks
-- runs up by their keys, in nested loops. The smaller side of a hash join is hashed, and PostgreSQL
-- expects 10 rows of `any (ids)` and 1,000 of generate_subscripts. So heads are updated, and
-- locked, in the order of `changes`.
--
-- Cost. Most of a small commit is the start of its statements. One statement starts faster than
-- several do, and a subscript faster than unnest, which fills a tuplestore for each array. PL/pgSQL
-- keeps arrays expanded, so a subscript takes constant time.
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
  set enable_seqscan = off set enable_nestloop = on set jit = off
  set lock_timeout = '2s'
as $$
#variable_conflict use_column
declare
  -- assigned before the limits are read, so that recount_limit waits for this transaction
  v_xact_id xid8 := pg_current_xact_id();
  v_now timestamptz := clock_timestamp();
  v_moving uuid[] := '{}';
  v_nestloop text;
  v_results howdah_private.commit_result[];
  v_written uuid[]; -- runs to which steps were added, with their use of tokens and cost
  v_tokens bigint[];
  v_costs numeric[];
  v_over_quota uuid[] := '{}';
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
  v_nestloop := set_config('enable_nestloop', 'off', true);
  with new_steps as materialized (
    select s.i, commit_steps.step_runs[s.i] as run, commit_steps.kinds[s.i] as kind,
      coalesce(commit_steps.tokens_in[s.i], 0) as tokens_in,
      coalesce(commit_steps.tokens_out[s.i], 0) as tokens_out,
      coalesce((
        select howdah_private.price(commit_steps.tokens_in[s.i], commit_steps.tokens_out[s.i], m,
          commit_steps.outputs[s.i] -> 'usage')
        from howdah.models as m where m.id = commit_steps.model_ids[s.i]
      ), 0) as cost,
      commit_steps.trusts[s.i] as trust
    from generate_subscripts(commit_steps.step_runs, 1) as s (i)
  ),
  usage as (
    select s.run, count(*) filter (where s.kind = 'model')::int as model_count,
      sum(s.tokens_in) as tokens_in, sum(s.tokens_out) as tokens_out, sum(s.cost) as cost,
      max(case s.kind when 'tool' then coalesce(s.trust, 'external') else s.trust end) as trust
    from new_steps as s group by s.run
  ),
  changes as materialized ( -- in the order in which the heads are locked
    select r.run, commit_steps.ids[r.run] as id, commit_steps.fences[r.run] as fence,
      commit_steps.log_ends[r.run] as log_end, coalesce(u.model_count, 0) as model_count,
      coalesce(u.tokens_in, 0) as tokens_in, coalesce(u.tokens_out, 0) as tokens_out,
      coalesce(u.cost, 0) as cost, u.trust
    from generate_subscripts(commit_steps.ids, 1) as r (run)
    left join usage as u on u.run = r.run
    order by r.run
  ),
  advanced_heads as (
    update howdah_private.run_heads as h
    set step_count = h.step_count + commit_steps.step_counts[c.run],
      message_count = h.message_count + commit_steps.message_counts[c.run],
      model_count = h.model_count + c.model_count, tokens_in = h.tokens_in + c.tokens_in,
      tokens_out = h.tokens_out + c.tokens_out, cost = h.cost + c.cost,
      trust = greatest(h.trust, c.trust), updated_at = now()
    from changes as c
    where h.execution_id = any (commit_steps.ids) and h.execution_id = c.id
      and h.owner_worker = commit_steps.worker and h.fence = c.fence and h.step_count = c.log_end
      and not (h.has_inbox and coalesce(
        commit_steps.moves -> (c.run - 1) ->> 'status' = 'completed', false))
    returning c.run, c.log_end, c.tokens_in + c.tokens_out as tokens, c.cost,
      h.message_count - commit_steps.message_counts[c.run] as message_end,
      h.execution_id, h.tenant_id, h.session_id, h.agent_id, h.step_count, h.has_inbox,
      h.is_pause_requested, howdah_private.exhausted_head_limit(h) as exhausted,
      howdah_private.head_ms_left(h) as active_ms_left
  ),
  logged_steps as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output,
      error, model_id, tokens_in, tokens_out, cost, started_at, worker, annotations
    )
    select a.execution_id, a.log_end + commit_steps.step_positions[s.i], a.tenant_id, s.kind,
      commit_steps.names[s.i], commit_steps.call_ids[s.i], commit_steps.tool_effects[s.i],
      commit_steps.idempotency_keys[s.i], commit_steps.inputs[s.i],
      case s.kind
        when 'handoff'
          then howdah_private.handoff_record(a.execution_id, commit_steps.outputs[s.i])
        else commit_steps.outputs[s.i] end,
      commit_steps.errors[s.i], commit_steps.model_ids[s.i], s.tokens_in, s.tokens_out, s.cost,
      coalesce(commit_steps.started_at[s.i], v_now), commit_steps.worker,
      commit_steps.annotations[s.i]
    from new_steps as s join advanced_heads as a on a.run = s.run
  ),
  logged_messages as (
    insert into howdah_private.message_log (
      execution_id, seq, tenant_id, session_id, step_seq, role, content, parts, tool_calls,
      tool_call_id, parent_seq, covers_from_seq, covers_to_seq, agent_id, trust, tokens_in,
      tokens_out, content_is_output
    )
    select a.execution_id, a.message_end + m.position, a.tenant_id, a.session_id,
      a.log_end + commit_steps.step_positions[m.step], m.role,
      case when not m.is_output then commit_steps.contents[m.i] end,
      commit_steps.parts[m.i], commit_steps.tool_calls[m.i], commit_steps.tool_call_ids[m.i],
      coalesce(commit_steps.parent_seqs[m.i], a.message_end + m.position - 1),
      commit_steps.covers_from_seqs[m.i], commit_steps.covers_to_seqs[m.i], a.agent_id,
      case
        when commit_steps.kinds[m.step] in ('guard', 'handoff') then 'system'
        when m.role = 'system' then 'system'
        when m.role = 'user' and commit_steps.covers_to_seqs[m.i] is null then 'user'
        when m.role = 'tool' then coalesce(commit_steps.trusts[m.step], 'external')
        else coalesce(commit_steps.trusts[m.step], 'internal') end,
      case m.role when 'assistant' then coalesce(commit_steps.tokens_in[m.step], 0) else 0 end,
      case m.role when 'assistant' then coalesce(commit_steps.tokens_out[m.step], 0) else 0 end,
      case when m.is_output then true end
    from (
      select i.i, commit_steps.roles[i.i] as role, commit_steps.message_steps[i.i] as step,
        commit_steps.message_positions[i.i] as position,
        -- a result that the message repeats exactly is stored once, in the step
        coalesce(commit_steps.kinds[commit_steps.message_steps[i.i]] = 'tool'
          and commit_steps.roles[i.i] = 'tool'
          and case when commit_steps.contents[i.i] is null then commit_steps.parts[i.i] is null
              and jsonb_typeof(commit_steps.outputs[commit_steps.message_steps[i.i]]) = 'string'
            else commit_steps.contents[i.i] -- older workers send the text twice
              = commit_steps.outputs[commit_steps.message_steps[i.i]] #>> '{}'
          end, false) as is_output
      from generate_subscripts(commit_steps.roles, 1) as i (i)
      offset 0 -- evaluates each of these once
    ) as m
    join advanced_heads as a on a.run = commit_steps.step_runs[m.step]
  )
  select array_agg(row(a.execution_id, a.tenant_id, 'committed', 'running', a.step_count,
    a.exhausted, a.active_ms_left, a.has_inbox, a.is_pause_requested
    )::howdah_private.commit_result),
    array_agg(a.execution_id), array_agg(a.tokens), array_agg(a.cost)
  into v_results, v_written, v_tokens, v_costs from advanced_heads as a;
  v_nestloop := set_config('enable_nestloop', 'on', true);
  if commit_steps.moves is not null then
    v_results := howdah_private.change_statuses(
      v_results, v_moving, commit_steps.ids, commit_steps.moves);
  end if;
  if exists (
    select from howdah.limits as l where l.metric in ('tokens', 'cost') and l.scope <> 'model'
  ) then
    v_over_quota := howdah_private.count_spending(commit_steps.ids, v_written, v_tokens, v_costs);
  end if;
  if commit_steps.effects is not null then
    perform howdah_private.after_commit(commit_steps.worker, commit_steps.effects);
  end if;
  if coalesce(cardinality(v_results), 0) < cardinality(commit_steps.ids) then
    v_results := v_results || howdah_private.unchanged_results(
      v_results, commit_steps.worker, commit_steps.ids, commit_steps.fences,
      commit_steps.log_ends, commit_steps.step_counts);
  end if;
  return query
  select r.execution_id, r.outcome, r.status, r.step_count,
    coalesce(r.exhausted, case
      when commit_steps.effects is not null and r.outcome = 'committed'
        then howdah_private.exhausted_limit_above(r.execution_id) end),
    r.active_ms_left,
    exists (select from howdah_private.watchers) -- no lookup while no run is watched
      and (
        select true from howdah_private.watchers as w where w.execution_id = r.execution_id limit 1
      ) is not null,
    r.has_inbox, r.is_pause_requested,
    r.execution_id = any (v_over_quota),
    (select a.seq from howdah_private.audit_heads as a where a.tenant_id = r.tenant_id),
    exists (
      select from howdah.limits as l
      where l.scope in ('model', 'tool') and l.metric <> 'running_runs'
    ) and howdah_private.are_calls_limited(r.tenant_id)
  from unnest(v_results) as r;
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

-- Applies `moves`. The trigger on executions adds the counters of the heads to the rows, and
-- deletes the heads of runs that leave their worker (fold_run_head.sql). The end of a run starts
-- the next run of its session. So the sessions of several runs are locked after the heads, in one
-- order. Returns the results, with those of the runs that were changed.
create or replace function howdah_private.change_statuses(
  results howdah_private.commit_result[], moving uuid[], ids uuid[], moves jsonb
) returns howdah_private.commit_result[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_moved howdah_private.commit_result[];
begin
  perform howdah_private.lock_sessions_of(array_agg(i.id))
  from unnest(change_statuses.ids) with ordinality as i (id, run)
  where change_statuses.moves -> (i.run::int - 1) ->> 'status' in ('completed', 'failed')
  having count(*) > 1;
  with wanted as materialized (
    select c.execution_id, m.move, (m.move ->> 'status')::howdah.execution_status as status,
      (m.move ->> 'waiting_for')::howdah.waiting_reason as waits_for
    from unnest(change_statuses.results) as c
    join unnest(change_statuses.ids) with ordinality as i (id, run) on i.id = c.execution_id
    cross join lateral (
      values (nullif(change_statuses.moves -> (i.run::int - 1), 'null'))
    ) as m (move)
    where m.move is not null
  ),
  moved as (
    update howdah.executions as e
    set crashes_without_progress = 0, at_risk = false, updated_at = now(),
      (status, waiting_for, paused_from, is_pause_requested, owner_worker, active_since,
        active_ms) = (
        select n.status, case n.status when 'waiting' then w.waits_for end,
          case n.status when 'paused' then w.waits_for end,
          e.is_pause_requested and n.status = 'running',
          case n.status when 'running' then e.owner_worker end,
          case n.status when 'running' then e.active_since end,
          case n.status when 'running' then e.active_ms
            else e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e) end
        from (
          select howdah_private.next_status(w.status, w.waits_for, e) as status
          offset 0 -- once for each run
        ) as n
      ),
      stop_reason = (w.move ->> 'stop_reason')::howdah.stop_reason,
      finish_reason = case when w.status in ('completed', 'failed') then coalesce(
        (w.move ->> 'finish_reason')::howdah.finish_reason,
        howdah_private.last_finish_reason(e.id)) end,
      output = w.move ->> 'output', output_data = nullif(w.move -> 'output_data', 'null'),
      error = nullif(w.move -> 'error', 'null'),
      metrics = e.metrics || coalesce(w.move -> 'metrics', '{}'),
      wake_at = clock_timestamp() + (w.move ->> 'delay_ms')::bigint * interval '1 millisecond',
      completed_at = case when w.status in ('completed', 'failed') then clock_timestamp() end
    from wanted as w
    where e.id = w.execution_id and e.id = any (change_statuses.moving)
      and e.id between change_statuses.moving[1]
        and change_statuses.moving[cardinality(change_statuses.moving)]
    returning row(e.id, e.tenant_id, 'committed', e.status, e.step_count,
      howdah_private.exhausted_limit(e), howdah_private.active_ms_left(e), e.has_inbox,
      e.is_pause_requested)::howdah_private.commit_result as result
  )
  select array_agg(m.result) into v_moved from moved as m;
  perform howdah_private.record_citations(change_statuses.moving);
  return array(
    select r from unnest(change_statuses.results) as r
    where r.execution_id <> all (change_statuses.moving)
  ) || v_moved;
end $$;

-- Answers for the runs of which nothing was written. A run is read by a volatile function, which
-- takes a new snapshot: an earlier attempt at the same commit may have been in progress. A move
-- without steps was not made if this worker still owns the run, although the log has the length.
create or replace function howdah_private.unchanged_results(
  results howdah_private.commit_result[], worker uuid, ids uuid[], fences int[], log_ends int[],
  step_counts int[]
) returns howdah_private.commit_result[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(i.id, (n.run).tenant_id,
      case when (n.run).has_inbox and (n.run).owner_worker = unchanged_results.worker
          and (n.run).step_count = i.log_end then 'inbox'
        when i.step_count = 0 and (n.run).owner_worker = unchanged_results.worker then 'stale'
        when (n.run).step_count = i.log_end + i.step_count then 'committed' else 'stale' end,
      (n.run).status, (n.run).step_count, (n.run).exhausted, (n.run).active_ms_left,
      (n.run).has_inbox, (n.run).is_pause_requested)::howdah_private.commit_result
    from unnest(unchanged_results.ids, unchanged_results.fences, unchanged_results.log_ends,
        unchanged_results.step_counts) as i (id, fence, log_end, step_count)
    cross join lateral (select howdah_private.execution_at_fence(i.id, i.fence) as run) as n
    where not exists (
      select from unnest(unchanged_results.results) as r where r.execution_id = i.id)
  );
end $$;
