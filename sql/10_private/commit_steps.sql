-- Commits the steps of many runs at once: the heart of the runtime. One element per run:
--
--   {id, fence, after, steps: [{kind, name, call_id, effect, idempotency_key, input, output, error, model_id,
--     tokens_in, tokens_out, started_at, annotations, question, child,
--     messages: [{role, content, parts, tool_calls, tool_call_id, parent_seq, covers_from_seq, covers_to_seq}]}],
--    to: {status, stop_reason, output, output_data, error, waiting_for, delay_ms}, more}
--
-- `more` says that the commit concerns other rows as well (a child's ancestors, a question, a new child, a wake-up):
-- prepare_commit and follow_commit see to that, and nobody else pays for it. A run is not completed while something
-- waits in its inbox: it says `inbox` then and nothing is written. It does not wait either, and one that was asked to
-- pause pauses instead.
--
-- A run takes part when this worker still owns it under that fence and its log still ends at `after`;
-- otherwise its row is left out and says `stale`, and nobody else is hurt. When the answer to an earlier call
-- was lost, the same call gives `committed` again and writes nothing: a fence has one writer, so a log that
-- already ends at after + steps can only be that writer's own. The first call may still be on its way when the
-- second one comes and waits for it, so what stands now is read by a volatile function, in a snapshot of its own.
--
-- `protocol` says what the worker understands; see older_workers.sql.
--
-- NOTIFY never happens here (its lock is cluster-wide), but for runs that park until a time.
create or replace function howdah_private.commit_steps(worker uuid, commits jsonb, protocol int)
  returns table (
    execution_id uuid, outcome text, status howdah.execution_status, step_count int,
    exhausted howdah.stop_reason, active_ms_left bigint, watched boolean, has_inbox boolean,
    is_pause_requested boolean
  )
  language plpgsql volatile security definer
  set search_path = ''
as $$
#variable_conflict use_column
declare
  v_more boolean := jsonb_path_exists(
    commit_steps.commits, '$[*] ? (exists (@.more) || exists (@.to.delay_ms))');
begin
  if v_more then
    perform howdah_private.prepare_commit(commit_steps.worker, commit_steps.commits);
  end if;
  return query
  with input as materialized (
    select c.id, c.fence, c.after, c.steps, c."to" as move
    from jsonb_to_recordset(commit_steps.commits)
      as c (id uuid, fence int, after int, steps jsonb, "to" jsonb)
  ),
  records as materialized (
    select i.id, i.after + s.position::int as seq, s.position, r.kind, r.name, r.call_id, r.effect,
      r.idempotency_key, r.input, r.output, r.error, r.model_id,
      coalesce(r.tokens_in, 0) as tokens_in, coalesce(r.tokens_out, 0) as tokens_out,
      trim_scale(
        (coalesce(r.tokens_in * m.input_price, 0) + coalesce(r.tokens_out * m.output_price, 0)) / 1000000
      ) as cost,
      r.started_at, r.annotations, r.messages
    from input as i
    cross join lateral jsonb_array_elements(i.steps) with ordinality as s (step, position)
    cross join lateral jsonb_to_record(s.step) as r (
      kind howdah.step_kind, name text, call_id text, effect howdah.tool_effect, idempotency_key text,
      input jsonb, output jsonb, error jsonb, model_id uuid, tokens_in int, tokens_out int,
      started_at timestamptz, annotations jsonb, messages jsonb
    )
    left join howdah.models as m on m.id = r.model_id
  ),
  said as materialized (
    select r.id, r.kind, r.seq as step_seq, r.tokens_in, r.tokens_out, x.role, x.content, x.parts, x.tool_calls,
      x.tool_call_id, x.parent_seq, x.covers_from_seq, x.covers_to_seq,
      row_number() over (partition by r.id order by r.seq, w.position)::int as position
    from records as r
    cross join lateral jsonb_array_elements(r.messages) with ordinality as w (message, position)
    cross join lateral jsonb_to_record(w.message) as x (
      role howdah.message_role, content text, parts jsonb, tool_calls jsonb, tool_call_id text,
      parent_seq int, covers_from_seq int, covers_to_seq int
    )
  ),
  sums as (
    select r.id, count(*)::int as steps, sum(r.tokens_in) as tokens_in, sum(r.tokens_out) as tokens_out,
      sum(r.cost) as cost, count(*) filter (where r.kind = 'model')::int as answers
    from records as r group by r.id
  ),
  spoken as (
    select s.id, count(*)::int as messages from said as s group by s.id
  ),
  locked as (
    -- `next`: a run does not wait for a person or a child while something is in its inbox, which may be the very answer;
    -- one that was asked to pause pauses where it would have waited; and one that comes to pause when somebody has
    -- resumed it just goes on. What a row says here is read after its lock is had. Written out, since a function that
    -- pins its search_path is never inlined.
    select e.id, case i.move ->> 'status'
        when 'waiting' then case
          when e.is_pause_requested then 'paused'
          when e.has_inbox and i.move ->> 'waiting_for' in ('question', 'child') then 'queued'
          else 'waiting' end
        when 'paused' then case when e.is_pause_requested then 'paused' else e.status::text end
        else coalesce(i.move ->> 'status', e.status::text)
      end::howdah.execution_status as next
    from howdah.executions as e join input as i on i.id = e.id
    where e.owner_worker = commit_steps.worker and e.fence = i.fence and e.step_count = i.after
      and (not e.has_inbox or coalesce(i.move ->> 'status', '') <> 'completed')
    order by e.id
    for no key update of e
  ),
  moved as (
    update howdah.executions as e
    set step_count = e.step_count + coalesce(s.steps, 0),
      model_count = e.model_count + coalesce(s.answers, 0),
      message_count = e.message_count + coalesce(p.messages, 0),
      tokens_in = e.tokens_in + coalesce(s.tokens_in, 0),
      tokens_out = e.tokens_out + coalesce(s.tokens_out, 0),
      cost = e.cost + coalesce(s.cost, 0),
      crashes_without_progress = 0,
      at_risk = false,
      updated_at = now(),
      status = l.next,
      stop_reason = (i.move ->> 'stop_reason')::howdah.stop_reason,
      output = i.move ->> 'output',
      output_data = nullif(i.move -> 'output_data', 'null'),
      error = nullif(i.move -> 'error', 'null'),
      metrics = e.metrics || coalesce(i.move -> 'metrics', '{}'),
      waiting_for = case when l.next = 'waiting' then (i.move ->> 'waiting_for')::howdah.waiting_reason end,
      paused_from = case when l.next = 'paused' then (i.move ->> 'waiting_for')::howdah.waiting_reason end,
      is_pause_requested = e.is_pause_requested and l.next = 'running',
      wake_at = clock_timestamp() + (i.move ->> 'delay_ms')::bigint * interval '1 millisecond',
      owner_worker = case when l.next = 'running' then e.owner_worker end,
      active_since = case when l.next = 'running' then e.active_since end,
      active_ms = case when l.next = 'running' then e.active_ms
        else e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e) end,
      completed_at = case when l.next in ('completed', 'failed') then clock_timestamp() end
    from locked as l
    join input as i on i.id = l.id
    left join sums as s on s.id = l.id
    left join spoken as p on p.id = l.id
    where e.id = l.id
    returning e.id, e as run, e.message_count - coalesce(p.messages, 0) as messages_before
  ),
  logged as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output, error,
      model_id, tokens_in, tokens_out, cost, started_at, finished_at, worker, annotations
    )
    select r.id, r.seq, (m.run).tenant_id, r.kind, r.name, r.call_id, r.effect, r.idempotency_key, nullif(r.input, 'null'),
      nullif(r.output, 'null'), nullif(r.error, 'null'), r.model_id, r.tokens_in, r.tokens_out, r.cost,
      coalesce(r.started_at, clock_timestamp()), clock_timestamp(), commit_steps.worker, nullif(r.annotations, 'null')
    from moved as m join records as r on r.id = m.id
  ),
  told as (
    insert into howdah.messages (
      execution_id, seq, tenant_id, session_id, step_seq, role, content, parts, tool_calls, tool_call_id,
      parent_seq, covers_from_seq, covers_to_seq, agent_id, trust, tokens_in, tokens_out
    )
    select s.id, m.messages_before + s.position, (m.run).tenant_id, (m.run).session_id, s.step_seq, s.role,
      s.content, s.parts, s.tool_calls, s.tool_call_id,
      coalesce(s.parent_seq, m.messages_before + s.position - 1), s.covers_from_seq, s.covers_to_seq,
      (m.run).agent_id,
      case when s.kind = 'guard' then 'system' when s.covers_to_seq is not null then 'internal'
        when s.role = 'tool' then 'external' when s.role = 'user' then 'user' when s.role = 'system' then 'system'
        else 'internal' end::howdah.trust,
      case s.role when 'assistant' then s.tokens_in else 0 end,
      case s.role when 'assistant' then s.tokens_out else 0 end
    from moved as m join said as s on s.id = m.id
  )
  select i.id,
    case when m.id is not null or e.step_count = i.after + jsonb_array_length(i.steps) then 'committed'
      when e.has_inbox and e.owner_worker = commit_steps.worker and e.step_count = i.after then 'inbox'
      else 'stale' end,
    coalesce((m.run).status, e.status), coalesce((m.run).step_count, e.step_count),
    howdah_private.exhausted_limit(coalesce(m.run, e)), howdah_private.active_ms_left(coalesce(m.run, e)),
    exists (select from howdah_private.watchers as w where w.execution_id = i.id),
    coalesce((m.run).has_inbox, e.has_inbox), coalesce((m.run).is_pause_requested, e.is_pause_requested)
  from input as i
  left join moved as m on m.id = i.id
  left join lateral howdah_private.execution_now(case when m.id is null then i.id end) as e
    on e.fence = i.fence;

  if v_more then
    perform howdah_private.follow_commit(commit_steps.worker, commit_steps.commits);
  end if;
end $$;
