-- One root run of a session is live; a message that comes meanwhile does what the session's policy says. Decided under the
-- session's lock. A row that stands already (on conflict do nothing) is no new message and takes no turn.
create or replace function howdah_private.tg_executions__take_turn() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid;
  v_policy howdah.session_policy;
begin
  if exists (select from howdah.executions as e where e.id = new.id) then
    return new;
  end if;
  perform howdah_private.interrupt_session(new.session_id, new.tenant_id, new.user_id, coalesce(starts_with(new.idempotency_key, 'schedule:'), false));
  select s.turns + 1, coalesce(s.live_execution_id, new.id), s.policy into new.turn, v_live, v_policy
  from howdah.sessions as s where s.id = new.session_id and s.tenant_id = new.tenant_id
  for no key update;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no session %s', new.session_id),
      detail = jsonb_build_object('session_id', new.session_id)::text,
      hint = 'Begin one by howdah.start_session(agent); those there are stand in howdah.sessions.';
  end if;
  if v_live <> new.id and v_policy = 'reject' then
    raise exception using errcode = 'HWCNF',
      message = format('a run of session %s is live, and its policy is to reject', new.session_id),
      detail = jsonb_build_object('session_id', new.session_id, 'execution_id', v_live)::text,
      hint = 'Wait for its end, cancel it, or give the session the policy queue.';
  end if;
  update howdah.sessions as s
  set turns = new.turn, live_execution_id = v_live, last_activity_at = now()
  where s.id = new.session_id;
  if v_live <> new.id then
    new.status := 'waiting';
    new.waiting_for := 'turn';
  end if;
  perform howdah_private.announce_watched(array[new.session_id]);
  return new;
end $$;

-- Ends the live run of a session, under the policy `interrupt`, when a new message arrives. A
-- sender ends runs of that sender or of nobody. Admins, owners and the operator also end runs of
-- others; any other message waits. A worker inserts the run of a schedule, so only the user of the
-- schedule counts there. Runs are locked before their session, so the live run is ended first.
-- Callers who interrupt one session come one after the other.
create or replace function howdah_private.interrupt_session(session_id uuid, tenant_id uuid, sender uuid, is_scheduled boolean) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid;
  v_may_end_all boolean := not interrupt_session.is_scheduled
    and (howdah_private.is_trusted() or coalesce(howdah.current_user_role() <= 'admin', false));
begin
  if not exists (
    select from howdah.sessions as s where s.id = interrupt_session.session_id
      and s.tenant_id = interrupt_session.tenant_id and s.policy = 'interrupt'
  ) then
    return;
  end if;
  perform howdah_private.lock_senders(interrupt_session.session_id);
  loop
    select s.live_execution_id into v_live from howdah.sessions as s where s.id = interrupt_session.session_id;
    exit when v_live is null or not v_may_end_all and exists (
      select from howdah.executions as e
      where e.id = v_live and e.user_id is not null and e.user_id is distinct from interrupt_session.sender);
    perform howdah_private.terminate_runs(howdah_private.lock_subtree(array[v_live]), 'cancelled', null);
  end loop;
end $$;

-- Passes the turn of a session to the next run that waits for it. The next run is locked while it is
-- chosen, so a run that is just being cancelled is passed over. A run that only waited for its turn,
-- also while paused, holds none and does not come here. That keeps the order of locks: live run,
-- session, next run.
create or replace function howdah_private.tg_executions__pass_turn() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_next uuid;
begin
  perform from howdah.sessions as s where s.id = new.session_id for no key update;
  select e.id into v_next from howdah.executions as e
  where e.tenant_id = new.tenant_id and e.session_id = new.session_id
    and e.status = 'waiting' and e.waiting_for = 'turn'
  order by e.turn limit 1
  for no key update;
  update howdah.sessions as s set live_execution_id = v_next, last_activity_at = now()
  where s.id = new.session_id and s.live_execution_id = new.id;
  if found and v_next is not null then
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    where e.id = v_next;
    perform howdah_private.enqueue_advance(array[v_next]);
  end if;
  return null;
end $$;

create or replace trigger _400_take_turn before insert on howdah.executions
  for each row when (new.session_id is not null and new.parent_execution_id is null and new.completed_at is null)
  execute function howdah_private.tg_executions__take_turn();
create or replace trigger _800_pass_turn after update of status on howdah.executions
  for each row when (
    new.session_id is not null and new.parent_execution_id is null
    and new.completed_at is not null and old.completed_at is null
    and old.waiting_for is distinct from 'turn' and old.paused_from is distinct from 'turn'
  )
  execute function howdah_private.tg_executions__pass_turn();
