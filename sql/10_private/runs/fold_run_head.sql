-- The head of a run at work: its row in howdah_private.run_heads.
--
-- Life. A claim inserts the head (claim_due_runs). A commit that only adds steps advances the head
-- and leaves the row in howdah.executions as it is. Whatever else changes the row of a run at work
-- updates both: the trigger _150_fold_run_head first adds what the head has counted to the new row,
-- then copies the new row to the head. When the owner or the fence changes, it deletes the head. So
-- every statement on executions may go on adding to counters, and RETURNING and later triggers see
-- exact values. A stray head, of another fence or of a run that is not at work, counts nothing:
-- violations report it as run_head, and the next claim replaces it.
--
-- Lag. While a run is at work, step_count, message_count, model_count, tokens_in, tokens_out, cost,
-- trust and updated_at of its row may be old. Readers take them from the head: sets of runs by
--   left join howdah_private.run_heads as h on h.execution_id = e.id … coalesce(h.cost, e.cost)
-- and single runs by with_head(e), in the statement that reads the row: one snapshot holds both.
-- crashes_without_progress and at_risk of the row count only while the head is not ahead, because
-- each commit resets them. Conditions and assignments other than additions need with_head, or
-- fold_run_heads before them.
--
-- Locks. Rows of executions first, then heads in the order of ids. Who updates several runs that
-- may be at work calls lock_heads after it has locked their rows.

-- Returns a run with the counters of its head. Must be called in the statement that reads the row.
create or replace function howdah_private.with_head(e howdah.executions) returns howdah.executions
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_head howdah_private.run_heads;
begin
  if e.owner_worker is null then
    return e;
  end if;
  select h.* into v_head from howdah_private.run_heads as h
  where h.execution_id = e.id and h.fence = e.fence;
  if not found then
    return e;
  end if;
  if v_head.step_count > e.step_count then
    e.crashes_without_progress := 0;
    e.at_risk := false;
  end if;
  e.step_count := v_head.step_count;
  e.message_count := v_head.message_count;
  e.model_count := v_head.model_count;
  e.tokens_in := v_head.tokens_in;
  e.tokens_out := v_head.tokens_out;
  e.cost := v_head.cost;
  e.trust := v_head.trust;
  e.updated_at := v_head.updated_at;
  return e;
end $$;

-- Locks the heads of runs in the order of ids, which is the order of commits. A statement on
-- several runs would lock them in the order of its plan. The caller has locked the runs.
create or replace function howdah_private.lock_heads(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
begin
  perform from howdah_private.run_heads as h
  where h.execution_id = any (lock_heads.ids)
  order by h.execution_id
  for no key update;
end $$;

-- Brings the rows of runs up to their heads. The caller has locked the runs.
create or replace function howdah_private.fold_run_heads(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
begin
  perform howdah_private.lock_heads(fold_run_heads.ids);
  update howdah.executions as e set step_count = e.step_count
  from howdah_private.run_heads as h
  where e.id = any (fold_run_heads.ids) and h.execution_id = e.id
    and h.step_count > e.step_count;
end $$;

-- Updates the row of a run at work together with its head. The row may lag, so the difference that
-- the statement makes is added to the head. A stray head counts nothing.
create or replace function howdah_private.tg_executions__fold_run_head() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_head howdah_private.run_heads;
  v_stays constant boolean := new.owner_worker = old.owner_worker and new.fence = old.fence;
begin
  if v_stays then
    select h.* into v_head from howdah_private.run_heads as h
    where h.execution_id = old.id for no key update;
  else
    delete from howdah_private.run_heads as h where h.execution_id = old.id
    returning h.* into v_head;
  end if;
  if (v_head.fence = old.fence) is not true then
    return new;
  end if;
  if v_head.step_count > old.step_count then -- a commit has reset them since
    new.crashes_without_progress := greatest(
      new.crashes_without_progress - old.crashes_without_progress, 0);
    new.at_risk := new.at_risk and not old.at_risk;
  end if;
  new.step_count := v_head.step_count + new.step_count - old.step_count;
  new.message_count := v_head.message_count + new.message_count - old.message_count;
  new.model_count := v_head.model_count + new.model_count - old.model_count;
  new.tokens_in := v_head.tokens_in + new.tokens_in - old.tokens_in;
  new.tokens_out := v_head.tokens_out + new.tokens_out - old.tokens_out;
  new.cost := v_head.cost + new.cost - old.cost;
  new.trust := greatest(new.trust, v_head.trust);
  new.updated_at := case when new.updated_at <> old.updated_at then new.updated_at
    else v_head.updated_at end;
  if v_stays then
    update howdah_private.run_heads as h
    set step_count = new.step_count, message_count = new.message_count,
      model_count = new.model_count, tokens_in = new.tokens_in, tokens_out = new.tokens_out,
      cost = new.cost, trust = new.trust, updated_at = new.updated_at, has_inbox = new.has_inbox,
      is_pause_requested = new.is_pause_requested, max_steps = new.max_steps,
      max_tokens = new.max_tokens, max_cost = new.max_cost, max_seconds = new.max_seconds,
      children_tokens = new.children_tokens_in + new.children_tokens_out,
      children_cost = new.children_cost, active_ms = new.active_ms,
      active_since = new.active_since, session_id = new.session_id, agent_id = new.agent_id,
      workflow_id = new.workflow_id
    where h.execution_id = new.id;
  end if;
  return new;
end $$;
