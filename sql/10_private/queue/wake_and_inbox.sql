-- Whether what comes for a run ends its waiting: a person or a child is waited for, or mail; a pause between two attempts
-- is kept.
create or replace function howdah_private.wait_is_over(e howdah.executions) returns boolean
  language sql stable
  return e.waiting_for in ('question', 'child') or (e.waiting_for = 'timer' and exists (
    select from howdah_private.receivers as r where r.execution_id = e.id));

-- Something came for runs that the caller has locked and that live: it is in their inbox, or in the mailbox of their agent.
-- The waiting go on, also those that wait for mail until a time; a paused one finds it when it is resumed, the owner of a
-- running one at its next commit.
create or replace function howdah_private.wake_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_woken uuid[];
begin
  with told as (
    update howdah.executions as e
    set has_inbox = true,
      status = case when howdah_private.wait_is_over(e) then 'queued' else e.status end,
      waiting_for = case when howdah_private.wait_is_over(e) then null else e.waiting_for end,
      wake_at = case when howdah_private.wait_is_over(e) then null else e.wake_at end,
      updated_at = now()
    where e.id = any (wake_runs.ids) and e.completed_at is null
    returning e.id::uuid as id, e.status
  )
  select array_agg(t.id) into v_woken from told as t where t.status = 'queued';
  perform howdah_private.enqueue_advance(v_woken);
  perform howdah_private.announce_watched(wake_runs.ids);
end $$;

-- Moves what came for runs into their logs: a step each, and a message for what a person says. The caller has
-- locked the runs, so nothing else is being written to them.
create or replace function howdah_private.drain_inbox(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with taken as (
    delete from howdah_private.inbox as i where i.execution_id = any (drain_inbox.ids) returning i.*
  ),
  placed as (
    select t.*, row_number() over w as position, count(t.content) over w as said,
      count(*) over (partition by t.execution_id) as steps,
      count(t.content) over (partition by t.execution_id) as messages, max(t.trust) over (partition by t.execution_id) as read
    from taken as t window w as (partition by t.execution_id order by t.id)
  ),
  moved as (
    update howdah.executions as e
    set has_inbox = false, step_count = e.step_count + coalesce(p.steps, 0),
      message_count = e.message_count + coalesce(p.messages, 0), trust = greatest(e.trust, p.read), updated_at = now()
    from unnest(drain_inbox.ids) as i (id)
    left join (select distinct d.execution_id, d.steps, d.messages, d.read from placed as d) as p
      on p.execution_id = i.id
    where e.id = i.id and e.id = any (drain_inbox.ids) -- by which only their partitions are opened
    returning e.id, e.tenant_id, e.session_id, e.step_count - coalesce(p.steps, 0) as steps_before,
      e.message_count - coalesce(p.messages, 0) as messages_before
  ),
  logged as (
    insert into howdah.steps (execution_id, seq, tenant_id, kind, name, call_id, input, output, started_at)
    select m.id, m.steps_before + p.position, m.tenant_id, p.kind, p.name, p.call_id,
      case when p.content is not null then jsonb_build_object('content', p.content) end, p.output, p.created_at
    from moved as m join placed as p on p.execution_id = m.id
  )
  insert into howdah.messages (execution_id, seq, tenant_id, session_id, step_seq, role, content, parts, trust)
  select m.id, m.messages_before + p.said, m.tenant_id, m.session_id, m.steps_before + p.position, 'user',
    p.content, p.parts, greatest('user', p.trust)
  from moved as m join placed as p on p.execution_id = m.id
  where p.content is not null
$$;

-- The owner of a run takes what came for it; gives what its log has more now, or nothing when the run is not its own.
create or replace function howdah_private.take_inbox(worker uuid, id uuid, fence int, after int)
  returns table (step_count int, steps jsonb, messages jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.executions as e
  where e.id = take_inbox.id and e.owner_worker = take_inbox.worker and e.fence = take_inbox.fence
    and e.step_count >= take_inbox.after
  for no key update;
  if not found then
    return;
  end if;
  perform howdah_private.drain_inbox(array[take_inbox.id]);
  return query
  select e.step_count,
    coalesce((select jsonb_agg(howdah_private.step_note(s) order by s.seq) from howdah.steps as s
      where s.execution_id = e.id and s.seq > take_inbox.after), '[]'),
    coalesce((select jsonb_agg(howdah_private.message_json(m) order by m.seq) from howdah.messages as m
      where m.execution_id = e.id and m.step_seq > take_inbox.after), '[]')
  from howdah.executions as e where e.id = take_inbox.id;
end $$;
