-- The ledger of effects, read from the log: one row for each call that is not pure, over all its
-- attempts. Calls that a fork shares with its original belong to the original. Filter by one run:
-- where execution_id = …
create or replace view howdah.effects with (security_invoker = true) as
  select c.tenant_id, c.execution_id, (c.last).seq, c.call_id, (c.last).name as tool, c.effect,
    c.idempotency_key, case
      when k.undone and k.error is null then 'compensated'
      when k.error is not null or k.status in ('failed', 'cancelled') then 'compensation_failed'
      when q.answer = 'give_up' then 'given_up'
      when q.answer = 'done' then 'done'
      when (c.last).kind = 'tool' and (c.last).error is null then 'done'
      when (c.last).kind = 'tool' and (
        (c.last).error ->> 'code' in ('timeout', 'overloaded')
        or ((c.last).error ->> 'code' = 'unreachable'
          and coalesce((c.last).error #>> '{cause,reason}',
            '') !~ '^(ENOTFOUND|ENODATA|EAI_|ECONNREFUSED)')
      ) then 'unknown'
      when (c.last).kind = 'tool' then 'failed'
      when q.status = 'open' then 'unknown'
      when c.completed_at is null then 'started'
      when (c.last).kind = 'retry' then 'failed'
      else 'unknown'
    end as state,
    (c.last).input as arguments,
    case when (c.last).kind = 'tool' then (c.last).output when q.answer = 'done'
      then q.answer_data end as result,
    (c.last).error, c.started_at,
    case when (c.last).kind = 'tool' then (c.last).finished_at
      when q.answer in ('done', 'give_up') then q.answered_at end as finished_at,
    k.id as compensation_execution_id
  from (
    select s.tenant_id, s.execution_id, s.call_id, e.completed_at, max(s.effect) as effect,
      max(s.idempotency_key) as idempotency_key, min(s.started_at) as started_at,
      (array_agg(s order by s.seq desc))[1] as last
    from howdah.steps as s
    join howdah.executions as e on e.id = s.execution_id and s.seq > coalesce(e.forked_from_seq, 0)
    where s.call_id is not null and s.kind in ('tool_started', 'retry', 'tool')
    group by s.tenant_id, s.execution_id, s.call_id, e.completed_at
    having bool_or(s.effect <> 'pure')
  ) as c
  left join lateral ( -- the last answer of a person about the call, unless it was repeated later
    select x.status, x.answer, x.answer_data, x.answered_at from howdah.questions as x
    where x.execution_id = c.execution_id and x.call_id = c.call_id and x.kind = 'effect'
      and ((c.last).kind = 'tool' or x.created_at >= (c.last).finished_at)
    order by x.created_at desc limit 1
  ) as q on true
  left join lateral ( -- the run that compensates the call, and its outcome
    select r.id, r.status, u.seq is not null as undone, u.error
    from howdah.executions as r
    join howdah_private.message_log as m on m.execution_id = r.id and m.seq = 2
      and m.tool_calls @> jsonb_build_array(jsonb_build_object('id', 'undo_' || (c.last).seq))
    left join howdah.steps as u on u.execution_id = r.id and u.kind = 'tool'
      and u.call_id = 'undo_' || (c.last).seq
    where r.compensates_execution_id = c.execution_id
    order by r.id desc limit 1
  ) as k on true;
comment on view howdah.effects is
  'The ledger of effects: one row per call that has an effect outside its run. A call that may be '
  'repeated has a row once an attempt is over. A fork has no rows for the steps that it copied.';
comment on column howdah.effects.seq is 'The last step of the call in the log.';
comment on column howdah.effects.idempotency_key is
  'The key that the tool received, the same for all attempts.';
comment on column howdah.effects.compensation_execution_id is 'The run that compensates the call.';
