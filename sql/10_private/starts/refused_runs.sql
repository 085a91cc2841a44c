-- Refused runs of watched tables. A run that cannot start (its agent is not active, a limit is used
-- up, its input is too large) must not stop the statement of an application that may not even know
-- of the watch. With on_refusal 'record' it becomes a failed run with the error start_refused. So
-- lists, webhooks and alerts show it, a retry starts it, and retention, erasure and exports treat
-- it as every other run.

-- Inserts a run for each changed row, as insert_watched_runs does, but one by one, and records the
-- runs that are refused.
create or replace function howdah_private.insert_or_record_watched_runs(
  watch howdah.table_triggers, path uuid[], rows text[], old_rows text[], watched regclass
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due record;
  v_id uuid;
  v_message text; -- of the refusal
  v_refused howdah.executions;
begin
  for v_due in
    select r.* from howdah_private.runs_for_changed_rows(insert_or_record_watched_runs.watch,
      insert_or_record_watched_runs.watched, insert_or_record_watched_runs.rows,
      insert_or_record_watched_runs.old_rows) as r
  loop
    v_message := null;
    begin
      insert into howdah.executions (
        id, tenant_id, agent_id, workflow_id, input, input_trust, metadata, table_trigger_id,
        concurrency_key, debounce_key, debounce_ms
      ) values (
        v_due.id, (watch).tenant_id, (watch).agent_id, (watch).workflow_id, v_due.input, 'external',
        jsonb_build_object('table', (watch).table_name, 'row', v_due.row_key), (watch).id,
        v_due.concurrency_key, v_due.debounce_key,
        case when v_due.debounce_key is not null then (watch).debounce_ms end
      ) returning id into v_id;
    exception when sqlstate 'HWCNF' or sqlstate 'HWQTA' or sqlstate 'HWINV' or sqlstate 'HWDEN'
      or sqlstate 'HWNTF' then
      v_message := sqlerrm;
      v_refused := howdah_private.watched_run(
        watch, v_due.id, v_due.input, v_due.row_key, v_due.concurrency_key);
      v_id := howdah_private.record_refused_run(
        v_refused, 'the watch of ' || (watch).table_name, sqlstate, sqlerrm);
    end;
    insert into howdah.watched_rows (
      execution_id, tenant_id, table_trigger_id, row_key, watches, value_sha256, write_back
    ) values (
      v_id, (watch).tenant_id, (watch).id, v_due.row_key, insert_or_record_watched_runs.path,
      v_due.value_sha256,
      case when (watch).into_column is not null then 'waiting' end::howdah.write_back_status
    );
    perform howdah_private.follow_refused_run(v_id) where v_message is not null;
  end loop;
end $$;

-- Returns what a watch knows of a run that it could not start.
create or replace function howdah_private.watched_run(
  watch howdah.table_triggers, id uuid, input text, row_key jsonb, concurrency_key text
) returns howdah.executions
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
begin
  v_run.id := watched_run.id;
  v_run.tenant_id := (watch).tenant_id;
  v_run.agent_id := (watch).agent_id;
  v_run.workflow_id := (watch).workflow_id;
  v_run.table_trigger_id := (watch).id;
  v_run.input := watched_run.input;
  v_run.input_trust := 'external';
  v_run.priority := 0;
  v_run.metadata := jsonb_build_object('table', (watch).table_name, 'row', watched_run.row_key);
  v_run.concurrency_key := case when length(watched_run.concurrency_key) <= 500
    and howdah_private.line_fault(watched_run.concurrency_key) is null
    then watched_run.concurrency_key end;
  return v_run;
end $$;

-- Inserts a run that was refused as one that has failed. Limits, version and author are those that
-- the run would have had, since a retry uses them. An input over 1 MB, and one that an input filter
-- rejects, is not kept whole: such a run cannot be retried.
create or replace function howdah_private.record_refused_run(
  run howdah.executions, starter text, code text, reason text
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits jsonb := coalesce(howdah_private.settings_of(run.tenant_id,
    '{max_steps,max_tokens,max_cost,max_seconds}'), '{}');
  v_kept record;
begin
  select * into v_kept from howdah_private.storable_input(run);
  insert into howdah.executions (
    id, tenant_id, agent_id, agent_version_id, workflow_id, workflow_version_id, root_execution_id,
    status, stop_reason, run_at, completed_at, max_steps, max_tokens, max_cost, max_seconds, input,
    input_hits, input_trust, metadata, table_trigger_id, concurrency_key, user_id, created_by,
    priority, overrides, error
  )
  select run.id, run.tenant_id, run.agent_id,
    case when t.is_workflow then null when t.is_stale
      then howdah_private.refresh_agent_version(t.id) else t.version_id end,
    run.workflow_id,
    case when not t.is_workflow then null when t.is_stale
      then howdah_private.refresh_workflow_version(t.id) else t.version_id end,
    run.id, 'failed', 'error', now(), now(),
    coalesce(t.max_steps, (v_limits ->> 'max_steps')::int, 50),
    coalesce(t.max_tokens, (v_limits ->> 'max_tokens')::bigint),
    coalesce(t.max_cost, (v_limits ->> 'max_cost')::numeric),
    coalesce(t.max_seconds, (v_limits ->> 'max_seconds')::int, 600),
    v_kept.input, v_kept.hits, greatest(run.input_trust, howdah_private.bound_trust()),
    run.metadata, run.table_trigger_id, run.concurrency_key,
    coalesce(run.user_id, howdah.current_user_id()),
    coalesce(run.created_by, howdah_private.actor()), run.priority,
    run.overrides,
    jsonb_build_object('code', 'start_refused',
      'message', format('%s could not start this run: %s', starter, record_refused_run.reason),
      'retryable', v_kept.is_whole and record_refused_run.code in ('HWQTA', 'HWCNF'),
      'cause', jsonb_build_object(
        'sqlstate', record_refused_run.code, 'is_input_whole', v_kept.is_whole))
  from (
    select false as is_workflow, a.id, a.version_is_stale as is_stale,
      a.current_version_id as version_id, a.max_steps, a.max_tokens, a.max_cost, a.max_seconds
    from howdah.agents as a where a.id = run.agent_id
    union all
    select true, w.id, w.version_is_stale, w.current_version_id, w.max_steps, w.max_tokens,
      w.max_cost, w.max_seconds
    from howdah.workflows as w where w.id = run.workflow_id
  ) as t;
  return run.id;
end $$;

-- Returns the input of a refused run as it may be stored: at most 1 MB, and after the input filters
-- of its agent. Of a longer input only the beginning is kept, and nothing of a rejected one.
create or replace function howdah_private.storable_input(
  run howdah.executions, out input text, out hits jsonb, out is_whole boolean
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  is_whole := octet_length(run.input) <= 1048576;
  run.input := case when is_whole then run.input else left(run.input, 1000) end;
  run := howdah_private.filter_run(run);
  storable_input.input := run.input;
  hits := run.input_hits;
exception when sqlstate 'HWINV' or sqlstate 'HWDEN' or sqlstate 'HWCNF' then
  storable_input.input := '';
  is_whole := false;
end $$;

-- Tells webhooks about a refused run, and the row of the watched table that it gets no answer.
create or replace function howdah_private.follow_refused_run(id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
begin
  select e.* into v_run from howdah.executions as e where e.id = follow_refused_run.id;
  perform howdah_private.enqueue_write_back(v_run);
  perform howdah_private.enqueue_webhooks(v_run, 'execution.failed');
end $$;
