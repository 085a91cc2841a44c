-- Turns of a session. One root run of a session is live; a message that comes meanwhile does what
-- the policy of the session says: it waits (queue), is refused (reject), or ends the live run
-- (interrupt).
--
-- A row trigger cannot know which sessions the rest of the statement names. If each row locked its
-- session, two inserts that name sessions in opposite order would wait for each other. So a row
-- only proposes its turn and locks nothing. take_turns decides when all rows are there: it locks
-- the sessions of the statement in the order of their ids and corrects the rows whose session has
-- changed meanwhile. What `returning` gives of such a row is the proposal.
--
-- Under `interrupt` a row takes its turn at once, since the live run ends first, and the run of an
-- earlier row of the statement may be that one.

-- Proposes the turn of a new run. A row that exists (on conflict do nothing) takes no turn.
create or replace function howdah_private.tg_executions__propose_turn() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_session record;
begin
  if exists (select from howdah.executions as e where e.id = new.id) then
    return new;
  end if;
  select s.turns, s.live_execution_id, s.policy, (
    select max(e.turn) from howdah.executions as e -- of earlier rows of this statement
    where e.tenant_id = s.tenant_id and e.session_id = s.id and e.turn > s.turns
  ) as proposed into v_session
  from howdah.sessions as s where s.id = new.session_id and s.tenant_id = new.tenant_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no session %s', new.session_id),
      detail = jsonb_build_object('session_id', new.session_id)::text,
      hint = 'Start one with howdah.start_session(agent), or see howdah.sessions.';
  end if;
  if v_session.policy = 'interrupt' then
    perform howdah_private.interrupt_session(new.session_id, new.tenant_id, new.user_id,
      coalesce(starts_with(new.idempotency_key, 'schedule:'), false));
    update howdah.sessions as s
    set turns = s.turns + 1, live_execution_id = coalesce(s.live_execution_id, new.id),
      last_activity_at = now()
    where s.id = new.session_id
    returning s.turns, s.live_execution_id into new.turn, v_session.live_execution_id;
    perform howdah_private.announce_watched(array[new.session_id]);
  else
    new.turn := coalesce(v_session.proposed, v_session.turns) + 1;
  end if;
  if coalesce(v_session.live_execution_id, new.id) <> new.id
    or (v_session.proposed is not null and v_session.policy <> 'interrupt') then
    if v_session.policy = 'reject' then
      perform howdah_private.refuse_turn(new.session_id, v_session.live_execution_id);
    end if;
    new.status := 'waiting';
    new.waiting_for := 'turn';
  end if;
  return new;
end $$;

-- Refuses a message to a session that has a live run and the policy reject.
create or replace function howdah_private.refuse_turn(session_id uuid, live_execution_id uuid)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('session %s has a live run, and its policy is reject', refuse_turn.session_id),
    detail = jsonb_build_object('session_id', refuse_turn.session_id,
      'execution_id', refuse_turn.live_execution_id)::text,
    hint = 'Wait for the end of the run, cancel it, or set the policy of the session to queue.';
end $$;

-- Gives the turns of their sessions to new runs, in the order of the turns they proposed. Returns
-- the runs that proposed to be live and have to wait. A run took its turn before when its session
-- counts it and no other run has it (`interrupt`).
create or replace function howdah_private.take_turns(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_run record;
  v_has_to_wait boolean;
  v_demoted uuid[] := '{}';
  v_promoted uuid[] := '{}';
begin
  perform from howdah.sessions as s
  where s.id in (select e.session_id from howdah.executions as e where e.id = any (take_turns.ids))
  order by s.id for no key update;
  for v_run in
    select e.id::uuid as id, e.turn, e.status, e.tenant_id, e.session_id
    from howdah.executions as e where e.id = any (take_turns.ids)
    order by e.session_id, e.turn, e.id
  loop
    declare
      v_session howdah.sessions;
    begin
      select s.* into v_session from howdah.sessions as s where s.id = v_run.session_id;
      continue when v_session.turns >= v_run.turn and not exists (
        select from howdah.executions as e
        where e.tenant_id = v_run.tenant_id and e.session_id = v_run.session_id
          and e.turn = v_run.turn and e.id <> v_run.id);
      v_has_to_wait := v_session.live_execution_id is not null;
      if v_has_to_wait and v_session.policy = 'reject' then
        perform howdah_private.refuse_turn(v_session.id, v_session.live_execution_id);
      end if;
      update howdah.sessions as s
      set turns = s.turns + 1, live_execution_id = coalesce(s.live_execution_id, v_run.id),
        last_activity_at = now()
      where s.id = v_session.id;
      if v_session.turns + 1 <> v_run.turn or v_has_to_wait <> (v_run.status = 'waiting') then
        update howdah.executions as e
        set turn = v_session.turns + 1,
          status = case when v_has_to_wait then 'waiting'
            else 'queued' end::howdah.execution_status,
          waiting_for = case when v_has_to_wait then 'turn' end::howdah.waiting_reason
        where e.id = v_run.id;
        if v_has_to_wait then
          v_demoted := v_demoted || v_run.id;
        else
          v_promoted := v_promoted || v_run.id;
        end if;
      end if;
    end;
  end loop;
  perform howdah_private.enqueue_advance(v_promoted);
  perform howdah_private.announce_watched(array(
    select distinct e.session_id from howdah.executions as e where e.id = any (take_turns.ids)));
  return v_demoted;
end $$;

-- Ends the live run of a session, under the policy `interrupt`, when a new message arrives. A
-- sender ends runs of that sender or of nobody. Admins, owners and the operator also end runs of
-- others; any other message waits. A worker inserts the run of a schedule, so only the user of the
-- schedule counts there. Runs are locked before their session, so the live run is ended first.
-- Callers who interrupt one session come one after the other.
create or replace function howdah_private.interrupt_session(
  session_id uuid, tenant_id uuid, sender uuid, is_scheduled boolean
) returns void
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
    select s.live_execution_id into v_live
    from howdah.sessions as s where s.id = interrupt_session.session_id;
    exit when v_live is null or not v_may_end_all and exists (
      select from howdah.executions as e
      where e.id = v_live and e.user_id is not null
        and e.user_id is distinct from interrupt_session.sender);
    perform howdah_private.terminate_runs(
      howdah_private.lock_subtree(array[v_live]), 'cancelled', null);
  end loop;
end $$;

-- Passes the turn of a session to the next run that waits for it. The next run is locked while it
-- is chosen, so a run that is just being cancelled is passed over. A run that only waited for its
-- turn, also while paused, holds none and does not come here. That keeps the order of locks: live
-- run, session, next run.
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

create or replace trigger _400_propose_turn before insert on howdah.executions
  for each row when (
    new.session_id is not null and new.parent_execution_id is null and new.completed_at is null
  )
  execute function howdah_private.tg_executions__propose_turn();
create or replace trigger _800_pass_turn after update of status on howdah.executions
  for each row when (
    new.session_id is not null and new.parent_execution_id is null
    and new.completed_at is not null and old.completed_at is null
    and old.waiting_for is distinct from 'turn' and old.paused_from is distinct from 'turn'
  )
  execute function howdah_private.tg_executions__pass_turn();
