-- Erasure replaces contents by `[erased]` and keeps the rest: which tool was called by whom, how
-- long it took, what it cost. So the log has no gap, its sums are right, and howdah.violations
-- stays empty. The first functions belong to howdah_eraser, which the triggers of immutable tables
-- let pass. Only the engine may call them, with arguments that it has checked.

-- Erases the contents of runs in the log. Returns the number of rows of each table.
create or replace function howdah_private.erase_log(
  ids uuid[], keep_keys boolean, out steps bigint, out messages bigint, out executions bigint
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.steps as s
  set input = case when s.input is not null then '"[erased]"'::jsonb end,
    output = howdah_private.erase_output(s.kind, s.output),
    error = howdah_private.erase_error(s.error),
    annotations = howdah_private.visible_annotations(s.annotations)
  where s.execution_id = any (erase_log.ids);
  get diagnostics steps = row_count;
  update howdah_private.message_log as m
  set content = case when num_nonnulls(m.content, m.content_is_output, m.parts) > 0
      then '[erased]' end,
    content_is_output = null, parts = null,
    tool_calls = howdah_private.erase_calls(m.tool_calls)
  where m.execution_id = any (erase_log.ids);
  get diagnostics messages = row_count;
  update howdah.executions as e
  set input = '[erased]', input_data = null, input_parts = null, history = null,
    client_tools = null, overrides = e.overrides - '{request_params,mission_override}'::text[],
    output = case when e.output is not null then '[erased]' end, output_data = null,
    error = howdah_private.erase_error(e.error), metadata = '{}', callback_url = null,
    idempotency_key = case when erase_log.keep_keys then e.idempotency_key end,
    concurrency_key = null, debounce_key = null, debounce_ms = null,
    metrics = '{}',
    contents_erased_at = clock_timestamp(), contents_encrypted_at = null, contents_key_id = null,
    updated_at = now()
  where e.id = any (erase_log.ids);
  get diagnostics executions = row_count;
end $$;

-- Deletes runs with their log. Returns the number of rows of each table.
create or replace function howdah_private.delete_log(
  ids uuid[], out steps bigint, out messages bigint, out executions bigint
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah.steps as s where s.execution_id = any (delete_log.ids);
  get diagnostics steps = row_count;
  delete from howdah_private.message_log as m where m.execution_id = any (delete_log.ids);
  get diagnostics messages = row_count;
  delete from howdah.executions as e where e.id = any (delete_log.ids);
  get diagnostics executions = row_count;
end $$;

-- Erases an answer in the log of a run of another user: the step with the answer, the message to
-- the model, and the model calls that the server of the tool call made with the answer.
create or replace function howdah_private.erase_answer_log(execution_id uuid, call_id text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.steps as s
  set input = case s.kind when 'model' then '"[erased]"' else s.input end,
    output = howdah_private.erase_output(s.kind, coalesce(s.output, '""')),
    annotations = howdah_private.visible_annotations(s.annotations)
  where s.execution_id = erase_answer_log.execution_id and s.call_id = erase_answer_log.call_id
    and s.kind in ('answer', 'tool', 'model');
  update howdah_private.message_log as m
  set content = '[erased]', content_is_output = null, parts = null
  where m.execution_id = erase_answer_log.execution_id and m.tool_call_id = erase_answer_log.call_id
$$;

-- Replaces the name of a person in steps of runs that say who answered, retried or forked.
create or replace function howdah_private.rename_in_log(ids uuid[], name text, new_name text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.steps as s
  set output = case when s.output ->> 'by' = rename_in_log.name
      then s.output || jsonb_build_object('by', rename_in_log.new_name) else s.output end,
    input = case when s.input ->> 'by' = rename_in_log.name
      then s.input || jsonb_build_object('by', rename_in_log.new_name) else s.input end
  where s.execution_id = any (rename_in_log.ids)
    and (s.kind = 'answer' and s.output ->> 'by' = rename_in_log.name
      or s.kind in ('retry', 'fork') and s.input ->> 'by' = rename_in_log.name)
$$;

-- Erases the output of a step except what model_usage sums: the counts of cached tokens, whether
-- the tokens are estimated, and whose answer the cache gave.
create or replace function howdah_private.erase_output(kind howdah.step_kind, output jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when erase_output.output is not null then coalesce(nullif(jsonb_strip_nulls(
    jsonb_build_object('usage', (
      select json_object_agg(u.key, u.value)::jsonb
      from jsonb_each(case when jsonb_typeof(erase_output.output -> 'usage') = 'object'
        then erase_output.output -> 'usage' else '{}' end) as u
      where erase_output.kind in ('model', 'retry') and (
        (jsonb_typeof(u.value) = 'number'
          and u.key in ('cached_tokens', 'cache_write_tokens', 'reasoning_tokens'))
        or (u.key = 'estimated' and u.value = 'true'))
      having count(*) > 0
    ), 'cached_from', case when erase_output.kind = 'model'
      then howdah_private.visible_annotations(erase_output.output) -> 'cached_from' end)), '{}'),
    '"[erased]"') end
$$;

-- Returns what stays of the annotations of a step when its contents are erased or encrypted: whose
-- answer the cache gave, so that tool_performance counts the call as one that was not made. The
-- output of an answer of a model has the same field.
create or replace function howdah_private.visible_annotations(annotations jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('cached_from', jsonb_build_object(
    'execution_id', c.answer -> 'execution_id', 'seq', c.answer -> 'seq'))
  from (select visible_annotations.annotations -> 'cached_from') as c (answer)
  where c.answer ->> 'execution_id' ~ '^[0-9a-f-]{36}$'
    and jsonb_typeof(c.answer -> 'seq') = 'number'
$$;

-- Erases an error except its code, and a reason if the reason is a code: the ledger of effects
-- reads them.
create or replace function howdah_private.erase_error(error jsonb, word text default '[erased]')
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when erase_error.error is not null then jsonb_strip_nulls(jsonb_build_object(
    'code', error -> 'code', 'message', erase_error.word, 'retryable', error -> 'retryable',
    'cause', case when error #>> '{cause,reason}' ~ '^[A-Z_]{1,40}$'
      then jsonb_build_object('reason', error #> '{cause,reason}') end)) end
$$;

-- Erases the arguments of tool calls.
create or replace function howdah_private.erase_calls(calls jsonb, arguments text default '{}')
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when erase_calls.calls is not null then coalesce(to_jsonb(array_agg(
    jsonb_build_object('id', c.call -> 'id', 'name', c.call -> 'name',
      'arguments', erase_calls.arguments) order by c.place)), '[]') end
  from jsonb_array_elements(erase_calls.calls) with ordinality as c (call, place)
$$;

-- Erases the contents of runs that have ended, and deletes the rows of other tables that belong to
-- them. Returns the number of rows of each table. With keep_keys the idempotency keys stay, so that
-- a repeated request soon after is still recognized.
create or replace function howdah_private.erase_runs(ids uuid[], keep_keys boolean default false)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_side_rows jsonb := howdah_private.delete_side_rows(erase_runs.ids, erase_runs.keep_keys);
  v_questions bigint;
begin
  update howdah.questions as q
  set prompt = '[erased]', schema = null, options = null, default_answer = null,
    answer_data = null, preview = null,
    tool_call = case when q.tool_call is not null
      then howdah_private.erase_calls(jsonb_build_array(q.tool_call)) -> 0 end,
    answer = case when q.answer is not null and q.kind = 'question' then '[erased]'
      else q.answer end,
    status = case q.status when 'open' then 'cancelled' else q.status end
  where q.execution_id = any (erase_runs.ids);
  get diagnostics v_questions = row_count;
  update howdah.feedback_entries as f set comment = '[erased]'
  where f.execution_id = any (erase_runs.ids) and f.comment is not null;
  return to_jsonb(howdah_private.erase_log(erase_runs.ids, erase_runs.keep_keys))
    || jsonb_build_object('questions', v_questions) || v_side_rows;
end $$;

-- Deletes whole trees that have ended. Their usage stays counted (usage_rollup.sql). Their share of
-- the version of a session stays counted too, so that the version keeps growing. The share is
-- counted from the rows that this transaction has locked or deleted. The difference of two versions
-- would also contain what other transactions commit meanwhile.
create or replace function howdah_private.delete_runs(ids uuid[]) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(
    select r.id from (
      select e.id::uuid as id from howdah.executions as e
      where e.id = any (delete_runs.ids) order by e.depth, e.id for update
    ) as r
    order by r.id);
  v_side_rows jsonb := howdah_private.delete_side_rows(v_ids);
  v_sessions uuid[];
  v_changes bigint[];
  v_questions bigint;
  v_log jsonb;
begin
  with gone as (
    delete from howdah.questions as q where q.execution_id = any (v_ids)
    returning q.root_execution_id as root_id,
      1 + (q.status <> 'open')::int + (q.escalated_at is not null)::int as changes
  ),
  counted as (
    select g.root_id, g.changes from gone as g
    union all
    select e.root_execution_id, 1 + e.step_count + e.fence + e.moves
    from howdah.executions as e where e.id = any (v_ids)
  ),
  shares as (
    select r.session_id, sum(c.changes) as changes
    from counted as c join howdah.executions as r on r.id = c.root_id
    where r.session_id is not null group by r.session_id
  )
  select array_agg(s.session_id), array_agg(s.changes), (select count(*) from gone)
  into v_sessions, v_changes, v_questions from shares as s;
  delete from howdah.approvals as a where a.execution_id = any (v_ids);
  delete from howdah.feedback_entries as f where f.execution_id = any (v_ids);
  delete from howdah_private.tree_orders as o where o.top_execution_id = any (v_ids);
  -- what runs have learned about users, agents and the tenant outlives the runs, and so do items
  -- and results of evaluations
  update howdah.memories as m set source_execution_id = null, source_seq = null
  where m.source_execution_id = any (v_ids);
  update howdah.dataset_items as i set source_execution_id = null, source_seq = null
  where i.source_execution_id = any (v_ids);
  update howdah.evaluation_results as r set execution_id = null
  where r.execution_id = any (v_ids);
  perform howdah_private.count_usage_of(v_ids);
  perform howdah_private.assign_usage_to_sessions(v_ids);
  v_log := to_jsonb(howdah_private.delete_log(v_ids));
  insert into howdah_private.todo_changes as t (tenant_id, session_id, changes)
  select s.tenant_id, s.id, v.changes + 1
  from unnest(v_sessions, v_changes) as v (id, changes) join howdah.sessions as s on s.id = v.id
  order by s.id
  on conflict (tenant_id, session_id) do update set changes = t.changes + excluded.changes;
  return v_log || jsonb_build_object('questions', v_questions) || v_side_rows;
end $$;

-- Deletes the rows of other tables that belong to runs and are worth nothing without their
-- contents: files, keys, tags, late input, messages to other runs, and board entries. Inbound
-- deliveries stay, without what the sender wrote: the digest of a signature still finds a repeated
-- request. Returns the number and the paths of the files (delete_files).
create or replace function howdah_private.delete_side_rows(
  ids uuid[], keep_keys boolean default false
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah_private.idempotency_keys as k using howdah.executions as e
  where not delete_side_rows.keep_keys and e.id = any (delete_side_rows.ids)
    and k.tenant_id = e.tenant_id and k.key = e.idempotency_key;
  perform howdah_private.delete_run_tags(delete_side_rows.ids);
  perform howdah_private.delete_rows_of_runs(delete_side_rows.ids);
  perform howdah_private.finish_due('encrypt_run', delete_side_rows.ids);
  perform howdah_private.forget_results(delete_side_rows.ids);
  update howdah.inbound_deliveries as d
  set reply = null, error = null,
    delivery_id = case when delete_side_rows.keep_keys then d.delivery_id end
  where d.execution_id = any (delete_side_rows.ids);
  delete from howdah.board_entries as b
  where b.root_execution_id = any (delete_side_rows.ids)
    or b.written_by_execution_id = any (delete_side_rows.ids);
  -- keeps messages that wait in the mailbox of an agent: they are for other runs
  delete from howdah.mail as m
  where m.from_execution_id = any (delete_side_rows.ids)
    and (m.received_at is not null or m.to_execution_id is not null or m.is_within_tree);
  return howdah_private.delete_files(array(
    select r.id from howdah.resources as r
    -- the index of runs begins with the tenant
    where r.execution_id = any (delete_side_rows.ids) and r.tenant_id = any (array(
      select e.tenant_id from howdah.executions as e where e.id = any (delete_side_rows.ids)))
  ));
end $$;

-- Erases the titles, states, todo lists, memories and files of sessions whose runs are erased. With
-- delete_empty, deletes the sessions that have no runs left. The caller has locked the sessions FOR
-- UPDATE, so that nobody adds a todo or file meanwhile.
create or replace function howdah_private.erase_sessions(ids uuid[], delete_empty boolean)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_todos bigint;
  v_sessions bigint;
  v_files jsonb;
begin
  v_files := howdah_private.delete_files(array(
    select r.id from howdah.resources as r
    -- the index of sessions begins with the tenant
    where r.session_id = any (erase_sessions.ids) and r.execution_id is null
      and r.tenant_id = any (array(
        select s.tenant_id from howdah.sessions as s where s.id = any (erase_sessions.ids)))
  ));
  delete from howdah.memories as m where m.session_id = any (erase_sessions.ids)
    and m.tenant_id = any (array(
      select s.tenant_id from howdah.sessions as s where s.id = any (erase_sessions.ids)));
  update howdah.todos as t set title = '[erased]', note = null
  where t.session_id = any (erase_sessions.ids);
  get diagnostics v_todos = row_count;
  update howdah.sessions as s
  set title = case when s.title is not null then '[erased]' end, state = '{}', chat_key = null,
    contents_erased_at = clock_timestamp()
  where s.id = any (erase_sessions.ids);
  get diagnostics v_sessions = row_count;
  delete from howdah.sessions as s
  where erase_sessions.delete_empty and s.id = any (erase_sessions.ids)
    and s.live_execution_id is null
    and not exists (
      select from howdah.executions as e where e.tenant_id = s.tenant_id and e.session_id = s.id
    );
  return jsonb_build_object('sessions', v_sessions, 'todos', v_todos) || v_files;
end $$;

-- Adds two results of erasure: the sums of the counts, and all files.
create or replace function howdah_private.merge_erasure_results(a jsonb, b jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select json_object_agg(k.key, case when k.key = 'files'
    then coalesce(a -> k.key, '[]') || coalesce(b -> k.key, '[]')
    else to_jsonb(coalesce((a ->> k.key)::bigint, 0) + coalesce((b ->> k.key)::bigint, 0))
    end)::jsonb
  from jsonb_object_keys(merge_erasure_results.a || merge_erasure_results.b) as k (key)
$$;
