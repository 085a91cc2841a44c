-- Turns of a session, as steps of the triggers of executions (executions.sql, status_changes.sql).
-- One root run of a session is live; a message that comes meanwhile does what the policy of the
-- session says: it waits (queue), is refused (reject), or ends the live run (interrupt).
--
-- A row trigger cannot know which sessions the rest of the statement names. If each row locked its
-- session, two inserts that name sessions in opposite order would wait for each other. So a row
-- only proposes its turn and locks nothing. assign_turns decides when all rows are there: it locks
-- the live runs to interrupt and the sessions of the statement, each in the common order. Then it
-- corrects the rows whose session has changed meanwhile. What `returning` gives of such a row is
-- the proposal.

-- Proposes the turn of a new run. A row that exists (on conflict do nothing) takes no turn.
--
-- Under `interrupt`, later rows of a statement never propose to wait: the end of the live run would
-- pass the turn to them before they have taken theirs.
create or replace function howdah_private.propose_turn(run howdah.executions)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_session record;
  v_has_to_wait boolean;
begin
  if exists (select from howdah.executions as e where e.id = run.id) then
    return run;
  end if;
  select s.turns, s.live_execution_id, s.policy, (
    select max(e.turn) from howdah.executions as e -- of earlier rows of this statement
    where e.tenant_id = s.tenant_id and e.session_id = s.id and e.turn > s.turns
  ) as proposed into v_session
  from howdah.sessions as s where s.id = run.session_id and s.tenant_id = run.tenant_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no session %s', run.session_id),
      detail = jsonb_build_object('session_id', run.session_id)::text,
      hint = 'Start one with howdah.start_session(agent), or see howdah.sessions.';
  end if;
  run.turn := coalesce(v_session.proposed, v_session.turns) + 1;
  v_has_to_wait := case when v_session.policy = 'interrupt'
    then v_session.proposed is null and v_session.live_execution_id is not null
      and not howdah_private.can_interrupt(v_session.live_execution_id, run)
    else num_nonnulls(v_session.live_execution_id, v_session.proposed) > 0 end;
  if v_has_to_wait then
    if v_session.policy = 'reject' then
      perform howdah_private.raise_live_turn(run.session_id, v_session.live_execution_id);
    end if;
    run.status := 'waiting';
    run.waiting_for := 'turn';
  end if;
  return run;
end $$;

-- Refuses a message to a session that has a live run and the policy reject.
create or replace function howdah_private.raise_live_turn(session_id uuid, live_execution_id uuid)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('session %s has a live run, and its policy is reject',
      raise_live_turn.session_id),
    detail = jsonb_build_object('session_id', raise_live_turn.session_id,
      'execution_id', raise_live_turn.live_execution_id)::text,
    hint = 'Wait for the end of the run, cancel it, or set the policy of the session to queue.';
end $$;

-- Gives the turns of their sessions to new runs, in the order of the turns they proposed. Returns
-- those of the runs that are not queued: they wait, or a later run of the statement has interrupted
-- them.
create or replace function howdah_private.assign_turns(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_locked uuid[] := howdah_private.lock_runs_to_interrupt(assign_turns.ids);
  v_run howdah.executions;
  v_session howdah.sessions;
  v_interrupts boolean;
  v_has_to_wait boolean;
  v_no_wake_up uuid[]; -- runs that proposed to wait
  v_promoted uuid[] := '{}';
begin
  perform howdah_private.lock_turns(assign_turns.ids, v_locked);
  v_no_wake_up := howdah_private.undo_proposed_waits(assign_turns.ids, v_locked);
  for v_run in
    select e.* from howdah.executions as e where e.id = any (assign_turns.ids)
    order by e.session_id, e.turn, e.id
  loop
    if v_session.id is distinct from v_run.session_id then
      select s.* into v_session from howdah.sessions as s where s.id = v_run.session_id;
      -- a run that became live after the locks were taken is waited for
      v_interrupts := v_session.policy = 'interrupt'
        and coalesce(v_session.live_execution_id = any (v_locked), true);
    end if;
    if v_interrupts then
      perform howdah_private.interrupt_session(v_run);
    end if;
    select s.* into v_session from howdah.sessions as s where s.id = v_run.session_id;
    v_has_to_wait := v_session.live_execution_id is not null;
    if v_has_to_wait and v_session.policy = 'reject' then
      perform howdah_private.raise_live_turn(v_session.id, v_session.live_execution_id);
    end if;
    update howdah.sessions as s
    set turns = s.turns + 1, live_execution_id = coalesce(s.live_execution_id, v_run.id),
      last_activity_at = now()
    where s.id = v_session.id;
    if v_session.turns + 1 <> v_run.turn or v_has_to_wait <> (v_run.status = 'waiting') then
      update howdah.executions as e
      set turn = v_session.turns + 1,
        status = case when v_has_to_wait then 'waiting' else 'queued' end::howdah.execution_status,
        waiting_for = case when v_has_to_wait then 'turn' end::howdah.waiting_reason
      where e.id = v_run.id;
    end if;
    if not v_has_to_wait and (v_run.status = 'waiting' or v_run.id = any (v_no_wake_up)) then
      v_promoted := v_promoted || v_run.id::uuid;
    end if;
  end loop;
  perform howdah_private.enqueue_advance(array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (v_promoted) and e.status = 'queued' order by e.id));
  perform howdah_private.announce_watched(array(
    select distinct e.session_id from howdah.executions as e where e.id = any (assign_turns.ids)));
  return array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (assign_turns.ids) and e.status <> 'queued');
end $$;

-- Lets new runs of interrupted sessions propose to be queued instead of to wait. The policy may
-- have changed to interrupt since a row was proposed. The end of the live run would pass the turn
-- to a row that waits, and the row would interrupt itself. Returns the runs that proposed to wait.
create or replace function howdah_private.undo_proposed_waits(ids uuid[], interrupted uuid[])
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_changed uuid[] := '{}';
begin
  if cardinality(undo_proposed_waits.interrupted) > 0 then
    with changed as (
      update howdah.executions as e set status = 'queued', waiting_for = null
      where e.id = any (undo_proposed_waits.ids) and e.status = 'waiting' and e.session_id in (
        select s.id from howdah.sessions as s
        where s.live_execution_id = any (undo_proposed_waits.interrupted))
      returning e.id::uuid
    )
    select coalesce(array_agg(c.id), '{}') into v_changed from changed as c;
  end if;
  return v_changed;
end $$;

-- Locks the sessions of new runs, and then the runs that wait in the interrupted sessions, both in
-- the order of ids. Such a session passes its turn to each run that waits, and that one is
-- interrupted, too.
create or replace function howdah_private.lock_turns(ids uuid[], interrupted uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  perform from howdah.sessions as s
  where s.id in (select e.session_id from howdah.executions as e where e.id = any (lock_turns.ids))
  order by s.id for no key update;
  if cardinality(lock_turns.interrupted) > 0 then
    perform from howdah.executions as e
    join howdah.sessions as s on s.id = e.session_id and s.tenant_id = e.tenant_id
    where s.live_execution_id = any (lock_turns.interrupted) and e.id <> all (lock_turns.ids)
      and e.status = 'waiting' and e.waiting_for = 'turn'
    order by e.id for no key update of e;
  end if;
end $$;

-- Returns whether a new run may end the live run of its session. A sender ends runs of that sender
-- or of nobody. Admins, owners and the operator also end runs of others; any other message waits.
-- A worker inserts the run of a schedule, so only the user of the schedule counts there.
create or replace function howdah_private.can_interrupt(
  live_execution_id uuid, new_run howdah.executions
) returns boolean
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select not exists (
    select from howdah.executions as e
    where e.id = can_interrupt.live_execution_id and e.user_id is not null
      and e.user_id is distinct from new_run.user_id
  ) or (
    coalesce(not starts_with(new_run.idempotency_key, 'schedule:'), true)
    and (howdah_private.is_trusted() or coalesce(howdah.current_user_role() <= 'admin', false))
  )
$$;

-- Returns the live runs of sessions that new runs may interrupt.
create or replace function howdah_private.runs_to_interrupt(ids uuid[], sessions uuid[])
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select s.live_execution_id from howdah.sessions as s
    where s.id = any (runs_to_interrupt.sessions) and exists (
      select from howdah.executions as e
      where e.id = any (runs_to_interrupt.ids) and e.session_id = s.id
        and howdah_private.can_interrupt(s.live_execution_id, e)
    ) and s.live_execution_id is not null
  );
end $$;

-- Locks the live runs that new runs interrupt, with the runs below them, and returns the live runs.
-- Runs are locked before their sessions, so another run may be live when all are locked. Then the
-- rollback of the inner block releases the locks, and they are taken again in the common order.
-- Callers who interrupt one session come one after the other.
create or replace function howdah_private.lock_runs_to_interrupt(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_sessions uuid[] := array(
    select distinct s.id
    from howdah.executions as e join howdah.sessions as s on s.id = e.session_id
    where e.id = any (lock_runs_to_interrupt.ids) and s.policy = 'interrupt' order by s.id
  );
  v_live uuid[];
begin
  perform howdah_private.lock_senders(s.id)
  from unnest(v_sessions) with ordinality as s (id, place) order by s.place;
  loop
    v_live := howdah_private.runs_to_interrupt(lock_runs_to_interrupt.ids, v_sessions);
    exit when cardinality(v_live) = 0;
    begin
      perform howdah_private.lock_subtree(v_live);
      exit when
        howdah_private.runs_to_interrupt(lock_runs_to_interrupt.ids, v_sessions) <@ v_live;
      raise exception using errcode = 'triggered_action_exception';
    exception when triggered_action_exception then null; -- another run is live by now
    end;
  end loop;
  return v_live;
end $$;

-- Ends the live run of a session for a new run that may do so, then the one that gets the turn, and
-- so on. The caller has locked the session and its live run; a run that gets the turn is locked by
-- that.
create or replace function howdah_private.interrupt_session(new_run howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid;
begin
  loop
    select s.live_execution_id into v_live
    from howdah.sessions as s where s.id = new_run.session_id;
    exit when v_live is null or not howdah_private.can_interrupt(v_live, new_run);
    perform howdah_private.terminate_runs(
      howdah_private.lock_subtree(array[v_live]), 'cancelled', null);
  end loop;
end $$;

-- Locks the sessions whose turns pass when these runs end, and then the runs whose turns are next,
-- both in the order of ids. The statement that ends several runs would lock them in the order of
-- its rows. The caller has locked the runs. The session of a run that waits for its turn is not
-- locked: sessions are locked before next runs.
--
-- A next run may end while this call waits for its lock, and then another run is next. The rollback
-- of the inner block releases the locks of next runs, and they are taken again in order.
create or replace function howdah_private.lock_sessions_of(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(select i.id from unnest(lock_sessions_of.ids) as i (id) order by i.id);
  v_first uuid := v_ids[1];
  v_last uuid := v_ids[cardinality(v_ids)];
  v_sessions uuid[];
  v_next uuid[];
begin
  v_sessions := array(
    select s.id from howdah.sessions as s
    where s.id in (
      select e.session_id from howdah.executions as e
      where e.id = any (v_ids) and e.id between v_first and v_last
        and e.parent_execution_id is null
        and coalesce(e.waiting_for, e.paused_from) is distinct from 'turn'
    )
    order by s.id for no key update
  );
  while cardinality(v_sessions) > 1 loop
    v_next := howdah_private.next_turns(v_sessions, v_ids);
    exit when cardinality(v_next) < 2;
    begin
      perform from howdah.executions as e where e.id = any (v_next) order by e.id for no key update;
      exit when howdah_private.next_turns(v_sessions, v_ids) <@ v_next;
      raise exception using errcode = 'triggered_action_exception';
    exception when triggered_action_exception then null; -- another run is next by now
    end;
  end loop;
end $$;

-- Returns the run whose turn is next in each of these sessions, but for runs that end now.
create or replace function howdah_private.next_turns(sessions uuid[], except_ids uuid[])
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select n.id from howdah.sessions as s
    cross join lateral (
      select e.id::uuid as id from howdah.executions as e
      where e.tenant_id = s.tenant_id and e.session_id = s.id
        and e.status = 'waiting' and e.waiting_for = 'turn'
        and e.id <> all (next_turns.except_ids)
      order by e.turn limit 1
    ) as n
    where s.id = any (next_turns.sessions)
  );
end $$;

-- Passes the turn of a session to the next run that waits for it. The next run is locked while it
-- is chosen, so a run that is just being cancelled is passed over. Who ends several runs has locked
-- the next ones (lock_sessions_of). A run that only waited for its turn, also while paused, holds
-- none and does not come here. That keeps the order of locks: live run, session, next run.
create or replace function howdah_private.start_next_turn(run howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_next uuid;
begin
  perform from howdah.sessions as s where s.id = run.session_id for no key update;
  select e.id into v_next from howdah.executions as e
  where e.tenant_id = run.tenant_id and e.session_id = run.session_id
    and e.status = 'waiting' and e.waiting_for = 'turn'
  order by e.turn limit 1
  for no key update;
  update howdah.sessions as s set live_execution_id = v_next, last_activity_at = now()
  where s.id = run.session_id and s.live_execution_id = run.id;
  if found and v_next is not null then
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    where e.id = v_next;
    perform howdah_private.enqueue_advance(array[v_next]);
  end if;
end $$;
