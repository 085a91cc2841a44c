-- Commits the steps of many runs at once: the heart of the runtime. One element per run:
--
--   {id, fence, after, steps: [{kind, name, call_id, effect, idempotency_key, input, output, error,
--     model_id, tokens_in, tokens_out, started_at, annotations, question, child, trust,
--     messages: [{role, content, parts, tool_calls, tool_call_id, parent_seq, covers_from_seq,
--       covers_to_seq}]}],
--    to: {status, stop_reason, output, output_data, error, waiting_for, delay_ms}, more}
--
-- Fence. A run is committed only while this worker owns it under `fence` and its log ends at
-- `after`. Otherwise the row of that run says `stale`, and the other runs of the batch are not
-- affected.
--
-- Idempotency. If the answer to a call was lost, the same call returns `committed` again and writes
-- nothing. A fence has one writer, so a log that already ends at after + steps was written by that
-- writer. The first call may still be in progress when the second call arrives, and the second call
-- then waits for its lock. So the current row is read by a volatile function, which takes a new
-- snapshot.
--
-- Inbox. A run is not completed while its inbox holds an entry: the row says `inbox`, and nothing
-- is written. `inbox` is tested before `committed`, since a commit without steps leaves the end of
-- the log where it was. A run with an inbox does not wait for a question or a child either. A run
-- with a pause request pauses instead of waiting.
--
-- `more`: the commit concerns other rows as well (a child's ancestors, a question, a new child, a
-- wake-up). before_commit and after_commit write these rows. Other batches do not pay for them.
--
-- `trust`: the trust of what the run reads by the step. A tool result without a value is external.
-- The trust of a run is the lowest of all its steps (taint.sql): the greatest value of the enum,
-- which begins with the most trusted.
--
-- Result: `over_quota` forbids further model calls; the run parks with `waiting_for` = `quota`
-- (spending_limits.sql). While `rules_stamp` is unchanged, so are the rules for the calls of the
-- run (call_rules.sql). With `are_calls_limited`, the worker must claim the next calls before it
-- makes them (call_admission.sql).
--
-- `protocol`: the version of this interface that the worker speaks, 1. A later release serves older
-- workers by it.
--
-- `lock_timeout`: if another session holds the row of a run, the batch fails soon and the run is
-- committed alone. So the runs of others do not wait for that row, and a caller who cancels a run
-- does not wait for a commit that itself waits for long.
--
-- NOTIFY takes a cluster-wide lock. So none is sent for a batch without `more`, except for runs
-- that park until a time.
--
-- Plan. The plan is the same for every batch and must not depend on the statistics of a young
-- table. Each run is looked up by its key, in the partitions between the first and the last id of
-- the batch. Other partitions are not opened.
create or replace function howdah_private.commit_steps(worker uuid, commits jsonb, protocol int)
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
  v_ids uuid[]; v_first uuid; v_last uuid;
  v_counts_spending boolean; v_limit_is_reached boolean := false;
  v_more boolean := jsonb_path_exists(
    commit_steps.commits, '$[*] ? (exists (@.more) || exists (@.to.delay_ms))');
begin
  select array(
      select c.id from jsonb_to_recordset(commit_steps.commits) as c (id uuid) order by c.id
    ),
    exists (
      select from howdah.limits as l where l.metric in ('tokens', 'cost') and l.scope <> 'model'
    )
  into v_ids, v_counts_spending;
  v_first := v_ids[1]; v_last := v_ids[cardinality(v_ids)];
  v_counts_spending := v_counts_spending and howdah_private.is_spending_limited(v_ids);
  if v_more then
    perform howdah_private.before_commit(commit_steps.worker, commit_steps.commits);
  end if;
  if cardinality(v_ids) > 1 or v_counts_spending then
    -- Lock in the common order. The rows are read after all locks are held.
    perform from howdah.executions as e
    where e.id = any (v_ids) and e.id between v_first and v_last
      and e.owner_worker is not distinct from commit_steps.worker
    order by e.id for no key update;
    perform howdah_private.lock_sessions_of(array_agg(c.id))
    from jsonb_to_recordset(commit_steps.commits) as c (id uuid, "to" jsonb)
    where c."to" ->> 'status' in ('completed', 'failed')
    having count(*) > 1;
  end if;
  if v_counts_spending then
    v_limit_is_reached := howdah_private.count_spending(
      commit_steps.worker, v_ids, commit_steps.commits);
  end if;
  return query
  with input as materialized (
    select c.id, c.fence, c.after, c.steps, c."to" as move,
      (c."to" ->> 'status')::howdah.execution_status as wanted,
      (c."to" ->> 'waiting_for')::howdah.waiting_reason as waits_for, s.*
    from jsonb_to_recordset(commit_steps.commits)
      as c (id uuid, fence int, after int, steps jsonb, "to" jsonb)
    cross join lateral (
      select count(*)::int as steps_added, count(*) filter (where r.kind = 'model')::int as answers,
        coalesce(sum(jsonb_array_length(r.messages)), 0)::int as messages_added,
        max(case r.kind when 'tool' then coalesce(r.trust, 'external') else r.trust end) as read,
        coalesce(sum(r.tokens_in), 0) as tokens_in, coalesce(sum(r.tokens_out), 0) as tokens_out,
        coalesce(sum((
          select howdah_private.price(r.tokens_in, r.tokens_out, m) from howdah.models as m
          where m.id = r.model_id
        )), 0) as cost
      from jsonb_to_recordset(c.steps)
        as r (kind howdah.step_kind, model_id uuid, tokens_in int, tokens_out int,
          trust howdah.trust, messages jsonb)
    ) as s
  ),
  updated_runs as (
    update howdah.executions as e
    set step_count = e.step_count + i.steps_added,
      model_count = e.model_count + i.answers,
      message_count = e.message_count + i.messages_added,
      tokens_in = e.tokens_in + i.tokens_in, tokens_out = e.tokens_out + i.tokens_out,
      cost = e.cost + i.cost,
      trust = greatest(e.trust, i.read),
      crashes_without_progress = 0, at_risk = false,
      updated_at = now(),
      status = howdah_private.next_status(i.wanted, i.waits_for, e),
      stop_reason = (i.move ->> 'stop_reason')::howdah.stop_reason,
      output = i.move ->> 'output',
      output_data = nullif(i.move -> 'output_data', 'null'),
      error = nullif(i.move -> 'error', 'null'),
      metrics = e.metrics || coalesce(i.move -> 'metrics', '{}'),
      waiting_for = case howdah_private.next_status(i.wanted, i.waits_for, e)
        when 'waiting' then i.waits_for end,
      paused_from = case howdah_private.next_status(i.wanted, i.waits_for, e)
        when 'paused' then i.waits_for end,
      is_pause_requested = e.is_pause_requested
        and howdah_private.next_status(i.wanted, i.waits_for, e) = 'running',
      wake_at = clock_timestamp() + (i.move ->> 'delay_ms')::bigint * interval '1 millisecond',
      owner_worker = case howdah_private.next_status(i.wanted, i.waits_for, e)
        when 'running' then e.owner_worker end,
      active_since = case howdah_private.next_status(i.wanted, i.waits_for, e)
        when 'running' then e.active_since end,
      active_ms = case howdah_private.next_status(i.wanted, i.waits_for, e)
        when 'running' then e.active_ms
        else e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e) end,
      completed_at = case when i.wanted in ('completed', 'failed') then clock_timestamp() end
    from input as i
    where e.id = i.id and e.id = any (v_ids) and e.id between v_first and v_last
      and e.owner_worker is not distinct from commit_steps.worker
      and e.fence = i.fence and e.step_count = i.after
      and (not e.has_inbox or i.wanted is distinct from 'completed')
    returning e.id, e.tenant_id, e.session_id, e.agent_id, e.status, e.step_count, e.has_inbox,
      e.is_pause_requested, i.after, i.steps,
      e.message_count - i.messages_added as messages_before,
      howdah_private.exhausted_limit(e) as exhausted,
      howdah_private.active_ms_left(e) as active_ms_left
  ),
  logged as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output,
      error, model_id, tokens_in, tokens_out, cost, started_at, finished_at, worker, annotations
    )
    select m.id, m.after + r.position, m.tenant_id, r.kind, r.name, r.call_id, r.effect,
      r.idempotency_key, r.input,
      case r.kind when 'handoff' then howdah_private.handoff_record(m.id, r.output)
        else r.output end,
      r.error, r.model_id, coalesce(r.tokens_in, 0), coalesce(r.tokens_out, 0),
      coalesce((
        select howdah_private.price(r.tokens_in, r.tokens_out, p) from howdah.models as p
        where p.id = r.model_id
      ), 0),
      coalesce(r.started_at, clock_timestamp()), clock_timestamp(), commit_steps.worker,
      r.annotations
    from updated_runs as m
    cross join lateral rows from (
      jsonb_to_recordset(m.steps) as (
        kind howdah.step_kind, name text, call_id text, effect howdah.tool_effect,
        idempotency_key text, input jsonb, output jsonb, error jsonb, model_id uuid,
        tokens_in int, tokens_out int, started_at timestamptz, annotations jsonb
      )
    ) with ordinality as r (
      kind, name, call_id, effect, idempotency_key, input, output, error, model_id,
      tokens_in, tokens_out, started_at, annotations, position
    )
  ),
  new_messages as (
    insert into howdah.messages (
      execution_id, seq, tenant_id, session_id, step_seq, role, content, parts, tool_calls,
      tool_call_id, parent_seq, covers_from_seq, covers_to_seq, agent_id, trust,
      tokens_in, tokens_out
    )
    select m.id, x.seq, m.tenant_id, m.session_id, m.after + x.step, x.role, x.content, x.parts,
      x.tool_calls, x.tool_call_id, coalesce(x.parent_seq, x.seq - 1), x.covers_from_seq,
      x.covers_to_seq, m.agent_id,
      case when x.kind in ('guard', 'handoff') then 'system'
        when x.covers_to_seq is not null then 'internal'
        when x.role in ('user', 'system') then x.role::text::howdah.trust
        else coalesce(
          x.trust, case x.role when 'tool' then 'external' else 'internal' end::howdah.trust
        ) end,
      case x.role when 'assistant' then coalesce(x.tokens_in, 0) else 0 end,
      case x.role when 'assistant' then coalesce(x.tokens_out, 0) else 0 end
    from updated_runs as m
    cross join lateral (
      select s.kind, s.position as step, s.tokens_in, s.tokens_out, s.trust, t.role, t.content,
        t.parts, t.tool_calls, t.tool_call_id, t.parent_seq, t.covers_from_seq, t.covers_to_seq,
        m.messages_before + t.position
          + case when s.position > 1
            then howdah_private.messages_in_steps(m.steps, s.position - 1) else 0 end as seq
      from rows from (
        jsonb_to_recordset(m.steps) as (
          kind howdah.step_kind, tokens_in int, tokens_out int, trust howdah.trust, messages jsonb
        )
      ) with ordinality as s (kind, tokens_in, tokens_out, trust, messages, position)
      cross join lateral rows from (
        jsonb_to_recordset(s.messages) as (
          role howdah.message_role, content text, parts jsonb, tool_calls jsonb, tool_call_id text,
          parent_seq int, covers_from_seq int, covers_to_seq int
        )
      ) with ordinality as t (
        role, content, parts, tool_calls, tool_call_id, parent_seq, covers_from_seq,
        covers_to_seq, position
      )
    ) as x
  )
  select i.id,
    case when m.id is not null then 'committed'
      when (n.run).has_inbox and (n.run).owner_worker = commit_steps.worker
        and (n.run).step_count = i.after then 'inbox'
      when (n.run).step_count = i.after + i.steps_added then 'committed' else 'stale' end,
    coalesce(m.status, (n.run).status), coalesce(m.step_count, (n.run).step_count),
    case when m.id is null then (n.run).exhausted else m.exhausted end,
    case when m.id is null then (n.run).active_ms_left else m.active_ms_left end,
    exists (select from howdah_private.watchers) -- no lookup while no run is watched
      and (
        select true from howdah_private.watchers as w where w.execution_id = i.id limit 1
      ) is not null,
    coalesce(m.has_inbox, (n.run).has_inbox),
    coalesce(m.is_pause_requested, (n.run).is_pause_requested),
    v_limit_is_reached and (howdah_private.reached_limit(i.id)).limit_id is not null,
    (select h.seq from howdah_private.audit_heads as h
      where h.tenant_id = coalesce(m.tenant_id, (n.run).tenant_id)),
    exists (
      select from howdah.limits as l
      where l.scope in ('model', 'tool') and l.metric <> 'running_runs'
    ) and howdah_private.are_calls_limited(coalesce(m.tenant_id, (n.run).tenant_id))
  from input as i
  left join updated_runs as m on m.id = i.id
  cross join lateral (
    select howdah_private.execution_at_fence(
      case when m.id is null then i.id end, i.fence
    ) as run
  ) as n;

  if v_more then
    perform howdah_private.after_commit(commit_steps.worker, commit_steps.commits);
  end if;
end $$;

-- Counts the messages of the first `most` steps of a commit. Most commits have one step. So
-- counting the messages of earlier steps where they exist is cheaper than numbering all messages of
-- every run in a window.
create or replace function howdah_private.messages_in_steps(steps jsonb, last_position bigint)
  returns int
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(jsonb_array_length(s.messages)), 0)::int
  from rows from (jsonb_to_recordset(messages_in_steps.steps) as (messages jsonb))
    with ordinality as s (messages, position)
  where s.position <= messages_in_steps.last_position
$$;
