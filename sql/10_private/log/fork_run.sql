-- Returns the version that a fork runs on: the version of the original at that step, or the named
-- version of the same agent or workflow. A run that was handed over may have had another agent at
-- that step. The caller must be allowed to run that agent as well.
create or replace function howdah_private.forked_version(e howdah.executions, seq int, version int)
  returns uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := case when e.workflow_id is null
    then howdah_private.version_after(e.id, forked_version.seq)
    else e.workflow_version_id end;
  v_agent_id uuid := (select v.agent_id from howdah.agent_versions as v where v.id = v_id);
begin
  perform howdah_private.check_agent_right(v_agent_id, 'run');
  if forked_version.version is not null then
    select x.id into v_id from (
      select v.id from howdah.agent_versions as v
      where v.agent_id = v_agent_id and v.version = forked_version.version
      union all
      select v.id from howdah.workflow_versions as v
      where v.workflow_id = e.workflow_id and v.version = forked_version.version
    ) as x;
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('the %s has no version %s',
          case when e.workflow_id is null then 'agent' else 'workflow' end,
          forked_version.version),
        detail = jsonb_build_object(
          'field', 'version', 'agent_id', v_agent_id, 'workflow_id', e.workflow_id
        )::text,
        hint = format('See howdah.%s for the versions that exist, or omit version.',
          case when e.workflow_id is null then 'agent_versions' else 'workflow_versions' end);
    end if;
  end if;
  perform howdah_private.check_version_right(v_id);
  return v_id;
end $$;

-- Refuses a fork at a step, or with an input, that the run does not allow. A compensating run
-- cannot be forked: it only undoes calls of another run.
create or replace function howdah_private.check_fork(e howdah.executions, seq int, input text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_not_erased(e);
  if e.compensates_execution_id is not null then
    raise exception using errcode = 'HWCNF',
      message = format('execution %s undoes the calls of execution %s and cannot be forked',
        e.id, e.compensates_execution_id),
      detail = jsonb_build_object(
        'execution_id', e.id, 'compensates_execution_id', e.compensates_execution_id
      )::text,
      hint = format('Fork execution %s instead.', e.compensates_execution_id);
  end if;
  if check_fork.seq not between 0 and e.step_count then
    raise exception using errcode = 'HWINV',
      message = format('execution %s has %s steps, so it cannot be forked after step %s',
        e.id, e.step_count, check_fork.seq),
      detail = jsonb_build_object('field', 'seq', 'steps', e.step_count)::text,
      hint = format(
        'Use a seq from 0 to %s. See howdah.execution_timeline for the steps.', e.step_count
      );
  end if;
  if e.workflow_id is not null and check_fork.seq > 0 and check_fork.input is not null then
    raise exception using errcode = 'HWINV',
      message = 'a fork of a workflow run takes a new input only at seq 0',
      detail = jsonb_build_object('field', 'input', 'execution_id', e.id)::text,
      hint = 'Omit input, or fork at seq 0.';
  end if;
  perform howdah_private.check_input_size(
    'input', octet_length(check_fork.input), howdah_private.max_input_bytes(e.tenant_id)
  )
  where octet_length(check_fork.input) > 1024;
end $$;

-- Refuses what a fork of an encrypted run cannot have: changes of its data, which SQL cannot read,
-- and a text in the form of a ciphertext, which would be decrypted after the input filters.
create or replace function howdah_private.check_fork_of_encrypted(
  e howdah.executions, input text, input_data jsonb, changes jsonb
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_field text := case
    when check_fork_of_encrypted.input like '%howdah.sealed.v_.%' then 'input'
    when check_fork_of_encrypted.input_data::text like '%howdah.sealed.v_.%' then 'input_data'
    when check_fork_of_encrypted.changes is not null and e.input_data is not null
      and check_fork_of_encrypted.input_data is null then 'changes' end;
begin
  if v_field is not null then
    raise exception using errcode = case v_field when 'changes' then 'HWCNF' else 'HWINV' end,
      message = case v_field
        when 'changes' then format('the input_data of execution %s is encrypted', e.id)
        else format('%s of the fork has an encrypted text', v_field) end,
      detail = jsonb_build_object('field', v_field, 'execution_id', e.id)::text,
      hint = case v_field when 'changes' then 'Give a complete input_data instead of changes.'
        else 'Write the text itself.' end;
  end if;
end $$;

-- Enqueues the decryption of a fork that copies encrypted contents. Returns the time for its
-- contents_encrypted_at, or null if the fork has only new contents.
create or replace function howdah_private.enqueue_fork(
  original howdah.executions, fork_id uuid, seq int, input text, has_other_data boolean
) returns timestamptz
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if original.contents_encrypted_at is null or (enqueue_fork.seq = 0
    and (enqueue_fork.input is not null or original.input = '')
    and (enqueue_fork.has_other_data or original.input_data is null)
    and num_nonnulls(original.input_parts, original.history) = 0) then
    return null;
  end if;
  perform howdah_private.enqueue_copies(enqueue_fork.fork_id, original.tenant_id,
    array[original.id::uuid] || (
      select array_agg(s.id::uuid) from howdah_private.due_work as d
      cross join jsonb_array_elements_text(d.payload -> 'sources') as s (id)
      where d.kind = 'encrypt_run' and d.id = original.id),
    array[original.contents_key_id]);
  return clock_timestamp();
end $$;

-- Returns the data of a fork: the given data, or else those of the original, with some paths
-- changed. A run uses its data when it begins. So they can be changed only in a fork at seq 0,
-- under the rules for every new run.
create or replace function howdah_private.forked_data(
  e howdah.executions, seq int, version_id uuid, input_data jsonb, changes jsonb
) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version jsonb;
  v_data jsonb := coalesce(forked_data.input_data, e.input_data);
begin
  if num_nonnulls(forked_data.input_data, forked_data.changes) = 0 then
    return e.input_data;
  end if;
  if forked_data.seq > 0 then
    raise exception using errcode = 'HWINV',
      message = format('input_data is used when a run begins and cannot be changed after step %s',
        forked_data.seq),
      detail = jsonb_build_object(
        'field', case when forked_data.input_data is null then 'changes' else 'input_data' end,
        'seq', forked_data.seq
      )::text,
      hint = case when e.workflow_id is null
        then 'Fork at seq 0 to change input_data, or give the new information in input.'
        else 'Fork at seq 0 to change input_data.' end;
  end if;
  select x.definition into v_version from (
    select v.definition from howdah.agent_versions as v where v.id = forked_data.version_id
    union all
    select v.definition from howdah.workflow_versions as v where v.id = forked_data.version_id
  ) as x;
  if forked_data.changes is not null then
    v_data := howdah_private.changed_data(
      v_data, forked_data.changes, v_version #> '{agent,prompt,variables}'
    );
  end if;
  perform howdah_private.check_input_size(
    'input_data', octet_length(v_data::text), howdah_private.max_input_bytes(e.tenant_id)
  );
  if e.workflow_id is null then
    perform howdah_private.check_prompt_values(forked_data.version_id, v_data);
  else
    perform howdah_private.check_map_data(v_version -> 'workflow', v_data);
  end if;
  return v_data;
end $$;

-- Returns a document with other values at some paths: {"order.items.0.count": 2}. A path must
-- exist, so that a typo does not go unnoticed, or name a variable of the agent's prompt. A path
-- that contains another one is set first.
create or replace function howdah_private.changed_data(
  document jsonb, changes jsonb, variables jsonb
) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_data jsonb := changed_data.document;
  v_change record;
begin
  if jsonb_typeof(changed_data.changes) <> 'object'
    or (select count(*) from jsonb_object_keys(changed_data.changes)) not between 1 and 100 then
    raise exception using errcode = 'HWINV',
      message = 'changes must be a JSON object with 1 to 100 paths of input_data',
      detail = jsonb_build_object('field', 'changes')::text,
      hint = 'Use changes such as {"order.number": 1001, "order.items.0.count": 2}, '
        'or give a complete input_data.';
  elsif octet_length(changed_data.changes::text) > 1048576 then
    perform howdah_private.raise_large(
      'changes', octet_length(changed_data.changes::text), 1048576, 'bytes'
    );
  end if;
  for v_change in
    select c.key, c.value, string_to_array(c.key, '.') as path
    from jsonb_each(changed_data.changes) as c
    order by length(c.key), c.key
  loop
    if v_change.key = '' or (v_data #> v_change.path is null and (
      changed_data.variables ? v_change.key and jsonb_typeof(coalesce(v_data, '{}')) = 'object'
    ) is not true) then
      perform howdah_private.raise_path(v_data, v_change.path, changed_data.variables);
    end if;
    v_data := jsonb_set(coalesce(v_data, '{}'), v_change.path, v_change.value);
  end loop;
  return v_data;
end $$;

-- Refuses a path that a document does not have. The hint lists what exists where the path breaks
-- off.
create or replace function howdah_private.raise_path(document jsonb, path text[], variables jsonb)
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_depth int := coalesce((
    select max(d) from generate_series(1, cardinality(path) - 1) as d
    where raise_path.document #> path[1:d] is not null
  ), 0);
  v_in jsonb := raise_path.document #> path[1:v_depth];
  v_prefix text := array_to_string(path[1:v_depth], '.')
    || case when v_depth > 0 then '.' else '' end;
  v_known text[] := case jsonb_typeof(v_in)
    when 'object' then array(select k.name from jsonb_object_keys(v_in) as k (name) order by k.name)
    when 'array'
      then array(select i::text from generate_series(0, jsonb_array_length(v_in) - 1) as i)
    else '{}' end
    || case when v_depth = 0
      then array(
        select k.name from jsonb_object_keys(raise_path.variables) as k (name)
        where not coalesce(v_in ? k.name, false)
      )
      else '{}' end;
  v_existing text := (
    select howdah_private.list_names(array_agg(v_prefix || left(k.name, 60) order by k.place), 20)
    from unnest(v_known[1:21]) with ordinality as k (name, place));
begin
  raise exception using errcode = 'HWINV',
    message = case
      when raise_path.document is null and v_existing is null
        then 'the run has no input_data to change'
      else format('input_data has no path %s',
        left(coalesce(nullif(array_to_string(path, '.'), ''), '""'), 200)) end,
    detail = jsonb_build_object('field', 'changes', 'path', array_to_string(path, '.'))::text,
    hint = concat_ws(' ',
      'Did you mean ' || v_prefix || howdah_private.nearest_word(path[v_depth + 1], v_known) || '?',
      'There are: ' || v_existing || '.', 'A complete input_data can be given instead.');
end $$;

-- Copies the first steps of a log with their messages, searches and pinned memories, and returns
-- the number of messages. At 0, the new run opens with a first message of its own. Output and error
-- steps are copied like any other step: they end the original, but not the fork.
create or replace function howdah_private.copy_log(original uuid, copy uuid, up_to int) returns int
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.searches (execution_id, step_seq, tenant_id, created_at, mode,
    knowledge_base_ids, is_repeated, rerank_error)
  select copy_log.copy, s.step_seq, s.tenant_id, s.created_at, s.mode, s.knowledge_base_ids,
    s.is_repeated, s.rerank_error
  from howdah.searches as s
  where s.execution_id = copy_log.original and s.step_seq <= copy_log.up_to;
  insert into howdah.search_results (search_id, execution_id, step_seq, rank, tenant_id,
    knowledge_base_id, document_id, chunk_number, score, digest, rerank_score, rerank_rank)
  select n.id, n.execution_id, n.step_seq, r.rank, r.tenant_id, r.knowledge_base_id, r.document_id,
    r.chunk_number, r.score, r.digest, r.rerank_score, r.rerank_rank
  from howdah.searches as s
  join howdah.search_results as r on r.search_id = s.id
  join howdah.searches as n on n.execution_id = copy_log.copy and n.step_seq = s.step_seq
  where s.execution_id = copy_log.original;
  insert into howdah_private.run_memories (
    execution_id, tenant_id, handoffs, memory_ids, working_memory
  )
  select copy_log.copy, r.tenant_id, r.handoffs, r.memory_ids, r.working_memory
  from howdah_private.run_memories as r
  where r.execution_id = copy_log.original and copy_log.up_to > 0 and r.handoffs <= (
    select count(*) from howdah.steps as s
    where s.execution_id = copy_log.original and s.seq <= copy_log.up_to and s.kind = 'handoff');
  with copied as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output,
      error, model_id, started_at, finished_at, worker, annotations
    )
    select copy_log.copy, s.seq, s.tenant_id, s.kind, s.name, s.call_id, s.effect,
      s.idempotency_key, s.input, s.output, s.error, s.model_id, s.started_at, s.finished_at,
      s.worker, s.annotations
    from howdah.steps as s
    where s.execution_id = copy_log.original and s.seq <= copy_log.up_to
  ),
  copied_messages as (
    insert into howdah_private.message_log (
      execution_id, seq, tenant_id, step_seq, role, content, parts, tool_calls, tool_call_id,
      parent_seq, covers_from_seq, covers_to_seq, agent_id, trust, content_is_output
    )
    select copy_log.copy, m.seq, m.tenant_id, m.step_seq, m.role, m.content, m.parts, m.tool_calls,
      m.tool_call_id, m.parent_seq, m.covers_from_seq, m.covers_to_seq, m.agent_id, m.trust,
      m.content_is_output
    from howdah_private.message_log as m
    where m.execution_id = copy_log.original and copy_log.up_to > 0
      and coalesce(m.step_seq, 0) <= copy_log.up_to
    returning 1
  )
  select count(*)::int from copied_messages
$$;

-- Writes the log of a fork: the copied steps, a step `fork`, and the text that the caller adds
-- after them. Returns the number of messages.
create or replace function howdah_private.write_fork_log(
  original howdah.executions, fork howdah.executions, seq int, content text,
  has_other_data boolean
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_messages int := howdah_private.copy_log(original.id, fork.id, write_fork_log.seq);
begin
  if write_fork_log.seq > 0 and v_messages = 0 then
    v_messages := 1; -- the original never began
    insert into howdah_private.message_log (
      execution_id, seq, tenant_id, role, content, parts, trust
    )
    values (fork.id, 1, fork.tenant_id, 'user',
      case when fork.contents_encrypted_at is not null then '' -- see write_first_messages
        else howdah_private.first_content(fork.input, fork.input_data, original.agent_version_id)
      end,
      fork.input_parts, 'user');
  end if;
  insert into howdah.steps (execution_id, seq, tenant_id, kind, input)
  values (fork.id, write_fork_log.seq + 1, fork.tenant_id, 'fork', jsonb_build_object(
    'execution_id', original.id, 'seq', write_fork_log.seq, 'input', write_fork_log.content,
    'by', howdah_private.actor())
    || case when write_fork_log.has_other_data
      then jsonb_build_object('input_data', fork.input_data) else '{}' end);
  if write_fork_log.seq > 0 and write_fork_log.content is not null then
    v_messages := v_messages + 1;
    insert into howdah_private.message_log (
      execution_id, seq, tenant_id, step_seq, role, content, trust
    )
    values (fork.id, v_messages, fork.tenant_id, write_fork_log.seq + 1, 'user',
      write_fork_log.content, 'user');
  end if;
  return v_messages;
end $$;
