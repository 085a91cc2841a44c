-- Reports whether incoming content ends the wait of a run: a wait for an answer, for a child, or
-- for mail. A back-off between two attempts is not ended.
create or replace function howdah_private.wait_is_over(e howdah.executions) returns boolean
  language sql stable
  return e.waiting_for in ('question', 'child') or (e.waiting_for = 'timer' and exists (
    select from howdah_private.receivers as r where r.execution_id = e.id));

-- Wakes live runs whose inbox, or whose agent's mailbox, has received something. The caller has
-- locked the runs. Waiting runs continue, including runs that wait for mail until a deadline. A
-- paused run reads its inbox when it is resumed, and a running run at its next commit.
create or replace function howdah_private.wake_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_woken uuid[];
begin
  perform howdah_private.lock_heads(wake_runs.ids) where cardinality(wake_runs.ids) > 1;
  with woken as (
    update howdah.executions as e
    set has_inbox = true,
      status = case when howdah_private.wait_is_over(e) then 'queued' else e.status end,
      waiting_for = case when howdah_private.wait_is_over(e) then null else e.waiting_for end,
      wake_at = case when howdah_private.wait_is_over(e) then null else e.wake_at end,
      updated_at = now()
    where e.id = any (wake_runs.ids) and e.completed_at is null
    returning e.id::uuid as id, e.status
  )
  select array_agg(w.id) into v_woken from woken as w where w.status = 'queued';
  perform howdah_private.enqueue_advance(v_woken);
  perform howdah_private.announce_watched(wake_runs.ids);
end $$;

-- Moves the inbox of runs into their logs: one step per entry, and one message per entry that has
-- content. The caller has locked the runs, so nothing else writes to their logs.
create or replace function howdah_private.drain_inbox(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with taken as (
    delete from howdah_private.inbox as i where i.execution_id = any (drain_inbox.ids) returning i.*
  ),
  placed as (
    select t.*, row_number() over w as position, count(t.content) over w as message_position,
      count(*) over (partition by t.execution_id) as steps,
      count(t.content) over (partition by t.execution_id) as messages,
      max(t.trust) over (partition by t.execution_id) as read
    from taken as t window w as (partition by t.execution_id order by t.id)
  ),
  updated_runs as (
    update howdah.executions as e
    set has_inbox = false, step_count = e.step_count + coalesce(p.steps, 0),
      message_count = e.message_count + coalesce(p.messages, 0),
      trust = greatest(e.trust, p.read), updated_at = now()
    from unnest(drain_inbox.ids) as i (id)
    left join (select distinct d.execution_id, d.steps, d.messages, d.read from placed as d) as p
      on p.execution_id = i.id
    where e.id = i.id and e.id = any (drain_inbox.ids) -- opens only the partitions of these ids
    returning e.id, e.tenant_id, e.session_id, e.step_count - coalesce(p.steps, 0) as steps_before,
      e.message_count - coalesce(p.messages, 0) as messages_before
  ),
  logged as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, input, output, started_at
    )
    select m.id, m.steps_before + p.position, m.tenant_id, p.kind, p.name, p.call_id,
      case when p.content is not null then jsonb_build_object('content', p.content) end,
      p.output, p.created_at
    from updated_runs as m join placed as p on p.execution_id = m.id
  )
  insert into howdah_private.message_log (
    execution_id, seq, tenant_id, session_id, step_seq, role, content, parts, trust
  )
  select m.id, m.messages_before + p.message_position, m.tenant_id, m.session_id,
    m.steps_before + p.position, 'user',
    p.content, p.parts, greatest('user', p.trust)
  from updated_runs as m join placed as p on p.execution_id = m.id
  where p.content is not null
$$;

-- Drains the inbox of a run for its owner. Returns the steps and messages that the log has gained
-- after step `after`. Returns no row if the worker no longer owns the run.
create or replace function howdah_private.take_inbox(worker uuid, id uuid, fence int, after int)
  returns table (step_count int, steps jsonb, messages jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.executions as e
  where e.id = take_inbox.id and e.owner_worker = take_inbox.worker and e.fence = take_inbox.fence
  for no key update;
  if not found or not exists (
    select from howdah.executions as e left join howdah_private.run_heads as h
      on h.execution_id = e.id
    where e.id = take_inbox.id and coalesce(h.step_count, e.step_count) >= take_inbox.after
  ) then
    return;
  end if;
  perform howdah_private.drain_inbox(array[take_inbox.id]);
  return query
  select e.step_count,
    coalesce((select to_jsonb(array_agg(
      howdah_private.step_note(s) order by s.seq)) from howdah.steps as s
      where s.execution_id = e.id and s.seq > take_inbox.after), '[]'),
    coalesce((
      select to_jsonb(array_agg(howdah_private.message_json(m.seq, m.step_seq, m.role, m.content,
        m.parts, m.tool_calls, m.tool_call_id, m.covers_from_seq, m.covers_to_seq, m.trust
        ) order by m.seq))
      from howdah.messages as m
      where m.execution_id = e.id and m.step_seq > take_inbox.after
    ), '[]')
  from howdah.executions as e where e.id = take_inbox.id;
end $$;
