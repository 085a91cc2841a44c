-- Write-back: the answers of the runs of watched tables go into the rows that started the runs.
--
-- A run that ends puts its answer into due_answers. A worker claims up to 100 due answers of one
-- watch (claim_answers), which counts as an attempt for each and sets the time of the next one. It
-- then writes them in few transactions (src/db/worker/write-answers.ts), and records the outcomes
-- in the transaction of the write (prepare_answers, end_answers). So an answer is written once,
-- however many workers try, and a worker that dies delays its answers. Answers that were not tried
-- are due again at once (return_answers).
--
-- Workers look for due answers when they hear of one, after each batch, and once per second. The
-- notification is sent for the first due answer of a watch only: while others of the watch are due,
-- workers are looking.

-- Makes the answer of a run due, when the run ends. A worker writes the answer in a transaction of
-- its own, since the table belongs to the user and may be locked for long. The setting holds the
-- watch for which this transaction has last looked for due answers, since many runs of one watch
-- end together.
create or replace function howdah_private.enqueue_write_back(e howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.due_answers as d (execution_id, tenant_id, table_trigger_id)
  select w.execution_id, w.tenant_id, w.table_trigger_id from howdah.watched_rows as w
  where w.execution_id = e.id and w.tenant_id = e.tenant_id
    and w.write_back in ('waiting', 'failed')
  on conflict (execution_id) do update set due_at = excluded.due_at, attempts = 0;
  if not found or current_setting('howdah.watch_with_due_answers', true) = e.table_trigger_id::text
  then
    return;
  end if;
  perform set_config('howdah.watch_with_due_answers', e.table_trigger_id::text, true);
  if not exists (
    select from howdah_private.due_answers as d
    where d.tenant_id = e.tenant_id and d.table_trigger_id = e.table_trigger_id
      and d.due_at <= clock_timestamp() and d.execution_id <> e.id
  ) then
    perform pg_notify(howdah_private.channel('due_answers'), '');
  end if;
end $$;

-- Makes the answer of a job `write_back` due. Earlier releases left such jobs. A worker of such a
-- release calls this function too, and writes only if it returns true.
create or replace function howdah_private.begin_write_back(execution_id uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.due_answers (execution_id, tenant_id, table_trigger_id, attempts)
  select w.execution_id, w.tenant_id, w.table_trigger_id, w.attempts
  from howdah.watched_rows as w
  where w.execution_id = begin_write_back.execution_id and w.write_back in ('waiting', 'failed')
  on conflict on constraint due_answers_pkey do nothing;
  return false;
end $$;

-- Returns the watches that have due answers, at most 1,000, those of the oldest answers first, or
-- none in a pause. Skips from watch to watch in the index, since each may have many due answers.
create or replace function howdah_private.due_watches()
  returns table (tenant_id uuid, table_trigger_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  with recursive watches (tenant_id, id) as (
    (select d.tenant_id, d.table_trigger_id from howdah_private.due_answers as d
      order by d.tenant_id, d.table_trigger_id limit 1)
    union all
    select n.tenant_id, n.table_trigger_id from watches as w
    cross join lateral (
      select d.tenant_id, d.table_trigger_id from howdah_private.due_answers as d
      where (d.tenant_id, d.table_trigger_id) > (w.tenant_id, w.id)
      order by d.tenant_id, d.table_trigger_id limit 1
    ) as n
  )
  select w.tenant_id, w.id from watches as w
  cross join lateral (
    select d.due_at from howdah_private.due_answers as d
    where d.tenant_id = w.tenant_id and d.table_trigger_id = w.id
    order by d.due_at limit 1
  ) as f
  where f.due_at <= clock_timestamp()
    and not (select howdah_private.is_batch_job_paused('write_answer'))
  order by f.due_at limit 1000
$$;

-- Claims due answers of a watch, which begins an attempt for each. The delay until the next attempt
-- doubles, for about three days; after the last one the row is marked as failed. `claim` identifies
-- the attempt: it is no longer the same if the run was retried and has ended again.
create or replace function howdah_private.claim_answers(
  tenant_id uuid, table_trigger_id uuid, at_most int
) returns table (execution_id uuid, claim text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
begin
  with given_up as (
    delete from howdah_private.due_answers as d
    where d.tenant_id = claim_answers.tenant_id
      and d.table_trigger_id = claim_answers.table_trigger_id
      and d.due_at <= clock_timestamp() and d.attempts >= 14
    returning d.execution_id
  )
  update howdah.watched_rows as w set write_back = 'failed', attempts = 0,
    error = jsonb_build_object('code', '55P03', 'message',
      'the row was locked, or its table too slow, in all 14 attempts over about three days')
  from given_up as g where w.execution_id = g.execution_id and w.write_back = 'waiting';
  return query
  update howdah_private.due_answers as d
  set attempts = d.attempts + 1,
    due_at = clock_timestamp() + least(power(2, d.attempts + 1), 720) * interval '1 minute'
  where d.execution_id = any (array(
    select o.execution_id from howdah_private.due_answers as o
    where o.tenant_id = claim_answers.tenant_id
      and o.table_trigger_id = claim_answers.table_trigger_id and o.due_at <= clock_timestamp()
    order by o.due_at limit claim_answers.at_most
    for update skip locked
  ))
  returning d.execution_id, to_jsonb(d.due_at) #>> '{}';
end $$;

-- Returns claimed answers that were not tried, which are due at once, and records the attempts of
-- those that were tried. A watch of which three answers in a row could not be written, and none
-- could, pauses for a minute: its table is locked or slow.
create or replace function howdah_private.return_answers(
  table_trigger_id uuid, tried uuid[], untried uuid[], untried_claims text[], is_stuck boolean
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
begin
  update howdah_private.due_answers as d set due_at = clock_timestamp(), attempts = d.attempts - 1
  from unnest(return_answers.untried, return_answers.untried_claims) as u (id, claim)
  where d.execution_id = u.id and d.due_at = u.claim::timestamptz;
  update howdah.watched_rows as w set attempts = d.attempts
  from howdah_private.due_answers as d
  where d.execution_id = any (return_answers.tried) and w.execution_id = d.execution_id;
  if return_answers.is_stuck then
    update howdah_private.due_answers as d set due_at = clock_timestamp() + interval '1 minute'
    from howdah.table_triggers as t
    where t.id = return_answers.table_trigger_id and d.tenant_id = t.tenant_id
      and d.table_trigger_id = t.id and d.due_at <= clock_timestamp();
  end if;
end $$;

-- Returns those of these runs whose row has a later run. Compares created_at, because a debounced
-- run keeps its id when it gets a newer input. Updates of one row wait for each other, and
-- created_at is the time of the insert, so the runs have the order of the updates. Compares the
-- expression of watched_rows_row_key_idx and nothing else, so the planner takes this index also
-- while the table has no statistics.
create or replace function howdah_private.superseded_among(ids uuid[]) returns uuid[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
begin
  return array(
    select r.execution_id from howdah.watched_rows as r
    where r.execution_id = any (superseded_among.ids) and exists (
      select from howdah.watched_rows as w
      where md5(w.table_trigger_id::text || w.row_key::text)
          = md5(r.table_trigger_id::text || r.row_key::text)
        and w.created_at > r.created_at
    )
  );
end $$;

-- Refuses to commit answers if the row of one of them got a later run during the write. Runs after
-- the write, which has waited for everybody who changed the row and keeps its lock. The next
-- attempt finds that the answer is superseded.
create or replace function howdah_private.check_answers_are_newest(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_superseded uuid[] := howdah_private.superseded_among(check_answers_are_newest.ids);
begin
  if cardinality(v_superseded) > 0 then
    raise exception using errcode = 'serialization_failure',
      message = format('the row of execution %s has changed during the write of its answer',
        v_superseded[1]),
      detail = jsonb_build_object('execution_id', v_superseded[1])::text;
  end if;
end $$;

-- Returns what to do with each of these answers of a watch: the statement and the parts of its
-- argument with which the sandbox writes the answer, or an outcome without a write. Returns no row
-- for an answer that is already written, and for a run that was retried and is live. Locks the rows
-- of watched_rows, so that only one worker writes. An answer to an earlier state of a row does not
-- overwrite the answer to a later state: if the row has a later run, the answer is superseded.
-- `watches` is the chain of watches that led to the run: code of the table that the write calls
-- continues it, so only answers of equal chains are written by one statement.
--
-- JSON is returned as text, since a client could not represent each number.
create or replace function howdah_private.prepare_answers(table_trigger_id uuid, ids uuid[])
  returns table (
    execution_id uuid, outcome howdah.write_back_status, error text, watched text, statement text,
    key text, before text, output text, output_data text, watches uuid[]
  )
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off set lock_timeout = '1s'
as $$
#variable_conflict use_column
declare
  v_ids uuid[] := array(select i.id from unnest(prepare_answers.ids) as i (id) order by i.id);
  v_watched regclass := howdah_private.watched_table(prepare_answers.table_trigger_id);
  v_watch howdah.table_triggers;
  v_keys text[];
  v_superseded uuid[];
  v_statement text;
  v_reason text;
  v_is_intact boolean; -- every row with all key columns can be written
begin
  perform from howdah.watched_rows as w where w.execution_id = any (v_ids)
  order by w.execution_id for no key update;
  v_superseded := howdah_private.superseded_among(v_ids);
  select t.* into v_watch from howdah.table_triggers as t
  where t.id = prepare_answers.table_trigger_id;
  v_keys := v_watch.key_columns;
  if v_watched is not null then
    v_reason := howdah_private.tenant_code_fault(v_watched);
    v_is_intact := howdah_private.write_back_fault(
      v_watched, v_watch, jsonb_object(v_keys, v_keys)) is null;
    v_statement := howdah_private.write_statement(v_watched, v_watch);
  end if;
  return query
  with judged as (
    select r.execution_id, r.row_key, r.value_sha256, r.watches, e.output, e.output_data,
      case
        when e.status <> 'completed' then jsonb_build_object('code', e.stop_reason,
          'message', coalesce(e.error ->> 'message', 'the run was ' || e.status))
        when n.outcome is not null then null
        when not v_is_intact or not r.row_key ?& v_keys then jsonb_build_object('code', 'HWCNF',
          'message', howdah_private.write_back_fault(v_watched, v_watch, r.row_key))
        when v_reason is not null then jsonb_build_object('code', 'HWDEN', 'message',
          format('cannot write an answer into %s: %s', v_watched, v_reason)) end as error,
      n.outcome
    from unnest(v_ids) as i (id)
    join howdah.watched_rows as r on r.execution_id = i.id and r.write_back in ('waiting', 'failed')
    cross join lateral ( -- looks each run up by its key in its own partition
      select x.* from howdah.executions as x where x.id = i.id offset 0
    ) as e
    cross join lateral (
      select case when v_watched is null then 'gone'
        when i.id = any (v_superseded) then 'superseded' end as outcome
    ) as n
    where e.completed_at is not null
  )
  select j.execution_id,
    case when j.error is not null then 'failed' else j.outcome end::howdah.write_back_status,
    j.error::text, v_watched::oid::text, v_statement, j.row_key::text,
    encode(j.value_sha256, 'hex'), j.output, j.output_data::text, j.watches
  from judged as j
  order by j.execution_id;
end $$;

-- Records the outcomes of claimed answers, in the transaction that wrote them. An answer without an
-- outcome needs no write any more. An answer that became due again meanwhile, since its run was
-- retried, stays due.
create or replace function howdah_private.end_answers(
  ids uuid[], claims text[], outcomes howdah.write_back_status[], errors text[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
begin
  update howdah.watched_rows as w
  set write_back = o.outcome, error = o.error::jsonb, attempts = 0,
    written_at = case o.outcome when 'written' then now() end
  from unnest(end_answers.ids, end_answers.outcomes, end_answers.errors) as o (id, outcome, error)
  where w.execution_id = o.id and o.outcome is not null;
  delete from howdah_private.due_answers as d
  using unnest(end_answers.ids, end_answers.claims) as o (id, claim)
  where d.execution_id = o.id and d.due_at = o.claim::timestamptz;
end $$;
