-- Debounce: inserts of one caller with one key, for one agent or workflow, make one run until the
-- run begins.
--
--   lock      A row of debounced_runs per key serializes inserts. The second insert waits for the
--             first to commit, and then sees its run.
--   replace   If that run has not begun, its row is deleted, and the new row takes its id. So
--             `returning id` names the run that exists, and other triggers treat the new row like
--             every new row. A worker that has claimed the run first wins: the insert waits for the
--             claim and makes a new run.
--   window    The start of the run moves to the end of the window of the newest insert.
--
-- The caller is part of the key: an insert must not replace a run that acts as another user. For
-- watched tables the watch is the caller. The new run then acts for the author of the newest row,
-- with the input of that row.

-- Returns the caller of a new run. Names of API keys are not unique, so a key counts by its id.
create or replace function howdah_private.debounce_caller(e howdah.executions) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce('watch ' || e.table_trigger_id, e.user_id::text,
    (select 'API key ' || a.api_key_id from howdah_private.audit_actor() as a), e.created_by)
$$;

-- Refuses malformed keys, and a debounce key where it cannot have an effect. A run in a session is
-- a message of a conversation, and none may be lost.
create or replace function howdah_private.check_run_keys(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault record;
begin
  -- before the lists of faults, which a statement with thousands of rows would notice
  if (e.concurrency_key is null
      or length(e.concurrency_key) <= 500 and howdah_private.line_fault(e.concurrency_key) is null)
    and (num_nonnulls(e.debounce_key, e.debounce_ms) = 0
      or e.debounce_ms > 0 and length(e.debounce_key) <= 500
        and howdah_private.line_fault(e.debounce_key) is null
        and num_nonnulls(e.idempotency_key, e.session_id, e.parent_execution_id) = 0) then
    return;
  end if;
  select f.* into v_fault
  from (values
    ('concurrency_key', e.concurrency_key), ('debounce_key', e.debounce_key)
  ) as k (field, value)
  cross join lateral (
    select k.field, length(k.value) as size, howdah_private.line_fault(k.value) as text
  ) as f
  where f.size > 500 or f.text is not null
  limit 1;
  if v_fault.text is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s %s', v_fault.field, v_fault.text),
      detail = jsonb_build_object('field', v_fault.field)::text,
      hint = format('Use one line of visible text for %1$s, such as customer-42, or omit %1$s.',
        v_fault.field);
  elsif v_fault.size > 500 then
    perform howdah_private.raise_large(v_fault.field, v_fault.size, 500, 'characters');
  end if;
  select * into v_fault
  from (values
    ('debounce_ms', e.debounce_ms <= 0,
      format('debounce_ms must be a positive number of milliseconds, not %s', e.debounce_ms),
      'Set debounce_ms to the length of the window, such as 5000.'),
    ('debounce_key', e.debounce_key is null and e.debounce_ms is not null,
      'debounce_ms needs a debounce_key',
      'Set debounce_key to what the inserts have in common, such as customer-42, or omit '
        'debounce_ms.'),
    ('debounce_ms', e.debounce_key is not null and e.debounce_ms is null,
      'debounce_key needs debounce_ms',
      'Set debounce_ms to the length of the window in milliseconds, such as 5000.'),
    ('idempotency_key', e.debounce_key is not null and e.idempotency_key is not null,
      'a run has an idempotency_key or a debounce_key, not both',
      'Omit idempotency_key: a repeated insert with the debounce_key makes no second run.'),
    ('session_id', e.debounce_key is not null and e.session_id is not null,
      'a run in a session cannot be debounced',
      'Omit session_id or debounce_key: every message of a conversation has a run.'),
    ('parent_execution_id', e.debounce_key is not null and e.parent_execution_id is not null,
      'a child run cannot be debounced', 'Omit debounce_key and debounce_ms.')
  ) as f (field, is_fault, message, hint)
  where f.is_fault
  limit 1;
  if found then
    raise exception using errcode = 'HWINV', message = v_fault.message,
      detail = jsonb_build_object('field', v_fault.field)::text, hint = v_fault.hint;
  end if;
end $$;

-- Returns the new row of a debounced run: with the id of the run of its key, if that has not begun.
-- A run of another month is in another partition, and a row cannot change its partition here. Such
-- a run is cancelled instead.
--
-- A statement may insert thousands of rows of one key. Each version of a row makes the next look-up
-- of that row slower, so the row of the key is locked and not updated. `plan_cache_mode`: a plan
-- that is made anew for each row takes longer than the rest.
create or replace function howdah_private.debounce(e howdah.executions, partition oid)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_target constant uuid := coalesce(e.agent_id, e.workflow_id);
  v_caller constant text := howdah_private.debounce_caller(e);
  v_last constant uuid := howdah_private.lock_debounce_key(e, v_target, v_caller);
  v_other_month uuid;
  v_run record;
begin
  e.run_at := greatest(
    e.run_at, clock_timestamp() + e.debounce_ms * interval '1 millisecond');
  if v_last = e.id then
    return e;
  end if;
  v_run := howdah_private.delete_replaced_run(e, v_last, debounce.partition);
  if v_run.status is not null then
    perform howdah_private.move_copies(e.id, v_last) where e.contents_encrypted_at is not null;
    e.id := v_last;
    e.root_execution_id := v_last;
    e.created_at := v_run.created_at;
    e.moves := v_run.moves;
    e.status := case when v_run.status = 'paused' then 'paused' else e.status end;
    e.debounced_at := clock_timestamp();
    return e;
  end if;
  select r.id::uuid into v_other_month from howdah.executions as r
  where r.id = v_last and howdah_private.is_replaced_by(r, e) and r.tableoid <> debounce.partition
  for update;
  if found then
    e.debounced_at := clock_timestamp();
    perform howdah_private.terminate_runs(array[v_other_month], 'cancelled', null);
  end if;
  update howdah_private.debounced_runs as d set execution_id = e.id
  where d.tenant_id = e.tenant_id and d.target_id = v_target and d.caller = v_caller
    and d.key = e.debounce_key;
  return e;
end $$;

-- Locks the debounce key of a new run, and returns the last run of the key: the new one, if the key
-- is new. The row of a key is deleted some time after its run has begun, so it may vanish between
-- two statements.
create or replace function howdah_private.lock_debounce_key(
  e howdah.executions, target_id uuid, caller text
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_last uuid;
begin
  loop
    select d.execution_id into v_last from howdah_private.debounced_runs as d
    where d.tenant_id = e.tenant_id and d.target_id = lock_debounce_key.target_id
      and d.caller = lock_debounce_key.caller and d.key = e.debounce_key
    for update;
    exit when found;
    insert into howdah_private.debounced_runs as d (tenant_id, target_id, caller, key, execution_id)
    values (e.tenant_id, lock_debounce_key.target_id, lock_debounce_key.caller, e.debounce_key,
      e.id)
    on conflict do nothing
    returning d.execution_id into v_last;
    exit when found;
  end loop;
  return v_last;
end $$;

-- Returns whether no worker has claimed the run, and nothing is in its log.
create or replace function howdah_private.was_never_claimed(e howdah.executions) returns boolean
  language sql immutable
  return e.fence = 0 and e.step_count = 0 and e.status in ('queued', 'waiting', 'paused');

-- Returns whether a new row replaces a run: one of its key that has not begun.
create or replace function howdah_private.is_replaced_by(
  run howdah.executions, new_run howdah.executions
) returns boolean
  language sql immutable
  return run.tenant_id = new_run.tenant_id and run.debounce_key = new_run.debounce_key
    and coalesce(run.agent_id, run.workflow_id) = coalesce(new_run.agent_id, new_run.workflow_id)
    and howdah_private.was_never_claimed(run);

-- Deletes the row of a run that a new row replaces, with what others have written for its input.
-- Returns nulls if the run has begun or is in another partition. A run that has not begun has no
-- log to delete.
create or replace function howdah_private.delete_replaced_run(
  new_run howdah.executions, id uuid, partition oid,
  out status howdah.execution_status, out created_at timestamptz, out moves int
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_metadata jsonb;
begin
  delete from howdah.executions as r
  where r.id = delete_replaced_run.id and howdah_private.is_replaced_by(r, new_run)
    and r.tableoid = delete_replaced_run.partition
  returning r.status, r.created_at, r.moves, r.metadata into status, created_at, moves, v_metadata;
  if found then
    perform howdah_private.delete_replaced_input(delete_replaced_run.id);
    perform howdah_private.delete_tags(new_run.tenant_id, delete_replaced_run.id, v_metadata)
    where v_metadata <> '{}';
  end if;
end $$;

-- Deletes what others have written for the input of a run that a new row replaces.
create or replace function howdah_private.delete_replaced_input(id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah_private.inbox as i where i.execution_id = delete_replaced_input.id;
  delete from howdah_private.run_callbacks as c where c.execution_id = delete_replaced_input.id;
  delete from howdah_private.parked_runs as p where p.execution_id = delete_replaced_input.id;
  delete from howdah.watched_rows as w where w.execution_id = delete_replaced_input.id;
  perform howdah_private.finish_due('encrypt_run', array[delete_replaced_input.id]);
end $$;

-- Deletes up to a thousand keys whose runs have begun. Part of repair_queue, which may hold runs:
-- it waits for no row. The run that a row names is compared under the lock of the row, and a run
-- that has begun stays begun, so no insert is missed.
create or replace function howdah_private.delete_old_debounces() returns void
  language plpgsql volatile security definer -- keeps its plan, which names every partition
  set search_path = pg_catalog, pg_temp
as $$
begin
  with started_runs as (
    select d.tenant_id, d.target_id, d.caller, d.key from howdah_private.debounced_runs as d
    where exists (
      select from howdah.executions as e
      where e.id = d.execution_id
        and (e.fence > 0 or e.step_count > 0 or e.completed_at is not null)
    )
    limit 1000
    for update of d skip locked
  )
  delete from howdah_private.debounced_runs as d using started_runs as s
  where (d.tenant_id, d.target_id, d.caller, d.key) = (s.tenant_id, s.target_id, s.caller, s.key);
end $$;
