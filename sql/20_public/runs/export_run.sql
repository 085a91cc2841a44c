-- Exports a run as one document with everything that a replay needs, by value. Runs with the
-- privileges of the caller, so the document shows nothing that the tables would hide. Times are in
-- UTC and keys in the order of jsonb, so the same rows give the same bytes.
create or replace function howdah.export_run(id uuid, redact boolean default false) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run jsonb := howdah_private.exported_run(export_run.id, 0, coalesce(export_run.redact, false));
begin
  if v_run is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(export_run.id::text, 'null')),
      detail = jsonb_build_object('execution_id', export_run.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  return v_run;
end $$;
comment on function howdah.export_run(uuid, boolean) is
  'Exports a run with its pinned definition, log, conversation, questions and children, as input '
  'for howdah dev replay. With redact, leaves out all contents: text, arguments, results, '
  'metadata, instructions and URLs. Names, times, figures and error codes stay.';

-- Returns the depth below which the document of a run has no children.
create or replace function howdah_private.max_export_depth() returns int
  language sql immutable parallel safe
  return 32;

-- Returns the document of a run and of its children, down to max_export_depth. The key `contents`
-- says that contents are missing: `redacted` or `erased`. The key is absent if nothing is missing.
create or replace function howdah_private.exported_run(id uuid, depth int,
  redact boolean default false) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
  with contents as materialized (
    select case when exported_run.redact
      then howdah_private.content_columns('howdah.executions') end as of_runs,
      case when exported_run.redact
        then howdah_private.content_columns('howdah.steps') end as of_steps,
      case when exported_run.redact
        then howdah_private.content_columns('howdah.messages') end as of_messages,
      case when exported_run.redact
        then howdah_private.content_columns('howdah.questions') end as of_questions
  )
  select jsonb_build_object(
    'format', 'howdah-run', 'version', 1,
    'execution', howdah_private.redact_document(howdah_private.exported_execution(e.id), c.of_runs),
    case when e.workflow_id is null then 'agent' else 'workflow' end,
    jsonb_build_object('name', v.definition #> '{agent,name}', 'version', v.version),
    'definition',
    case when exported_run.redact then howdah_private.redacted_definition(v.definition)
      else v.definition end,
    'history', case when exported_run.redact then (
      select coalesce(
        to_jsonb(array_agg(
          howdah_private.redact_document(h.message, c.of_messages) order by h.place)), '[]')
      from jsonb_array_elements(howdah_private.run_history(e.id)) with ordinality as h (message,
        place)
    ) else howdah_private.run_history(e.id) end,
    'steps', coalesce((
      select to_jsonb(array_agg(
        howdah_private.redact_document(to_jsonb(s) - '{tenant_id,execution_id}'::text[], c.of_steps)
          order by s.seq))
      from howdah.steps as s where s.execution_id = e.id
    ), '[]'),
    'messages', coalesce((
      select to_jsonb(array_agg(
        howdah_private.redact_document(to_jsonb(m) - '{tenant_id,execution_id,session_id}'::text[],
          c.of_messages)
        order by m.seq))
      from howdah.messages as m where m.execution_id = e.id
    ), '[]'),
    'questions', coalesce((
      select to_jsonb(array_agg(
        howdah_private.redact_document(to_jsonb(q) - '{tenant_id,execution_id,session_id}'::text[],
          c.of_questions)
        order by q.id))
      from howdah.questions as q where q.execution_id = e.id
    ), '[]'),
    'children', coalesce((
      select to_jsonb(array_agg(
        howdah_private.exported_run(c.id, exported_run.depth + 1, exported_run.redact)
          order by c.id))
      from howdah.executions as c
      where c.parent_execution_id = e.id
        and exported_run.depth < howdah_private.max_export_depth()
        -- the export of a user's data runs with the engine's privileges
        and howdah_private.sees_agent(coalesce(c.agent_id, c.workflow_id))
    ), '[]')
  ) || case when e.handoffs > 0 then jsonb_build_object('handoffs', (
    select to_jsonb(array_agg(
      jsonb_build_object('seq', s.seq,
        'agent', jsonb_build_object('name', h.definition #> '{agent,name}', 'version', h.version),
      'definition',
      case when exported_run.redact then howdah_private.redacted_definition(h.definition)
        else h.definition end) order by s.seq))
    from howdah.steps as s
    join howdah.agent_versions as h on h.id = (s.output #>> '{to,agent_version_id}')::uuid
    where s.execution_id = e.id and s.kind = 'handoff'
  )) else '{}' end || howdah_private.exported_memories_of_run(e.id, exported_run.redact) || case
    when e.contents_erased_at is not null then '{"contents": "erased"}'::jsonb
    when exported_run.redact then '{"contents": "redacted"}' else '{}' end
  from howdah.executions as e
  cross join lateral (
    select a.version, a.definition from howdah.agent_versions as a
    where a.id = howdah_private.version_after(e.id, 0)
    union all
    select w.version, w.definition from howdah.workflow_versions as w
    where w.id = e.workflow_version_id
  ) as v
  cross join contents as c
  where e.id = exported_run.id
$$;

-- Returns the row of the run, with the columns that every role may read.
create or replace function howdah_private.exported_execution(id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
  select to_jsonb(x) from (
    select e.id, e.agent_id, e.agent_version_id, e.workflow_id, e.workflow_version_id, e.session_id,
      e.turn, e.user_id, e.parent_execution_id, e.root_execution_id, e.depth,
      e.forked_from_execution_id, e.forked_from_seq, e.compensates_execution_id,
      e.started_by_execution_id, e.status, e.waiting_for, e.input, e.input_data, e.input_parts,
      e.input_hits, e.history,
      e.client_tools, e.output, e.output_data, e.stop_reason, e.finish_reason, e.error,
      coalesce(h.tokens_in, e.tokens_in) as tokens_in,
      coalesce(h.tokens_out, e.tokens_out) as tokens_out, coalesce(h.cost, e.cost) as cost,
      e.children_tokens_in, e.children_tokens_out, e.children_cost,
      coalesce(h.step_count, e.step_count) as step_count,
      coalesce(h.model_count, e.model_count) as model_count,
      coalesce(h.message_count, e.message_count) as message_count, e.handoffs, e.max_steps,
      e.max_tokens, e.max_cost, e.max_seconds, e.metrics, e.priority, e.run_at, e.idempotency_key,
      e.concurrency_key, e.debounce_key, e.debounce_ms, e.debounced_at, e.metadata, e.overrides,
      coalesce(h.trust, e.trust) as trust, e.input_trust, e.created_by, e.created_at,
      e.started_at, e.completed_at
    from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id
    where e.id = exported_execution.id
  ) as x
$$;
