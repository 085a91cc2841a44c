-- Compensation: what happens to the effects of a run that has failed or was cancelled.
--
-- A tool may name another tool that undoes its calls. Finished calls of such tools are undone,
-- newest first, by a compensating run, which has the same log, retries and crash safety as any
-- other run. Calls of completed child runs are undone too. A call that was begun but has no result
-- in the log becomes a question to a person. The question outlives the run. A result that a hook
-- withheld from the model still counts as a result.
--
-- One statement may cancel thousands of runs. Functions that every such run needs are in plpgsql,
-- whose plans are cached. Functions that read a table which the statement itself fills are in sql,
-- which is planned at each call. A plan made while the table was small would read the whole table
-- each time.
create or replace function howdah_private.compensate_run(run howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.compensate(run);
  perform howdah_private.compensate(e) from howdah_private.completed_descendants(run) as e;
  perform howdah_private.ask_question(run, jsonb_build_object(
    'id', howdah.uuid_v7(), 'kind', 'effect', 'call_id', s.call_id,
    'prompt', format('The run ended while %s was being called. Did the call take effect?', s.name),
    'tool_call', jsonb_build_object('id', s.call_id, 'name', s.name, 'arguments', s.input),
    'options', jsonb_build_array('done', 'give_up')
  ))
  from howdah_private.unsettled_intents(run) as s
  where not exists (
    select from howdah_private.effect_question(run.id, s.call_id, s.finished_at) as q
    where q.status = 'open'
      or (q.status = 'answered' and q.answer <> 'again') -- the call was not repeated
  );
end $$;

-- Returns the completed runs below a run. The search goes from parent to child: one statement may
-- end thousands of children, and a search in the tree of the root would read all siblings for each
-- of them.
--
-- `enable_seqscan = off`: few runs have children, and those have many. So the planner expects to
-- find some soon in any table, and would read a whole table that has none. `plan_cache_mode`: one
-- generic plan serves all runs, although cancel_execution forces custom plans for its own
-- statements.
create or replace function howdah_private.completed_descendants(run howdah.executions)
  returns setof howdah.executions
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
begin
  if not exists (select from howdah.executions as e where e.parent_execution_id = run.id) then
    return; -- most child runs have no children
  end if;
  return query
  with recursive below as (
    select e.id::uuid from howdah.executions as e where e.parent_execution_id = run.id
    union all
    select c.id from below as b cross join lateral (
      select e.id::uuid from howdah.executions as e where e.parent_execution_id = b.id offset 0
    ) as c
  )
  select c.* from below as b cross join lateral (
    select e.* from howdah.executions as e where e.id = b.id and e.status = 'completed' offset 0
  ) as c;
end $$;

-- Returns the latest question about the effect of a call since the call was begun.
create or replace function howdah_private.effect_question(
  id uuid, call_id text, started_at timestamptz
) returns setof howdah.questions
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select q.* from howdah.questions as q
  where q.execution_id = effect_question.id and q.call_id = effect_question.call_id
    and q.kind = 'effect'
    and q.created_at >= effect_question.started_at
  order by q.created_at desc limit 1
$$;

-- Returns calls that were begun and whose end is not in the log.
create or replace function howdah_private.unsettled_intents(run howdah.executions)
  returns setof howdah.steps
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.* from howdah.steps as s
  where s.execution_id = run.id and s.kind = 'tool_started'
    and s.seq > coalesce(run.forked_from_seq, 0)
    and (s.effect = 'once' or howdah_private.has_compensation(run.agent_version_id, s.name))
    and not exists (
      select from howdah.steps as t
      where t.execution_id = s.execution_id and t.call_id = s.call_id and t.seq > s.seq
        and t.kind in ('tool', 'tool_started', 'retry')
    );
end $$;

-- Reports whether a tool of an agent version names another tool that undoes its calls. For any
-- other repeatable tool, hooks are the only reason for a start step, and an unfinished call leaves
-- nothing to settle.
create or replace function howdah_private.has_compensation(agent_version_id uuid, tool text)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.agent_versions as v
    cross join lateral jsonb_array_elements(v.definition -> 'tools') as t (tool)
    where v.id = has_compensation.agent_version_id and t.tool ->> 'name' = has_compensation.tool
      and t.tool ? 'compensation'
  )
$$;

-- Returns the calls of a run that took effect, with their results: finished calls, and calls that a
-- person has confirmed as done.
create or replace function howdah_private.finished_calls(run howdah.executions)
  returns setof howdah.steps
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.* from howdah.steps as s
  where s.execution_id = run.id and s.kind = 'tool'
    and (s.error is null or s.error #>> '{cause,event}' = 'tool_after')
    and s.seq > coalesce(run.forked_from_seq, 0)
  union all
  select (jsonb_populate_record(s, jsonb_build_object('output', q.answer_data))).*
  from howdah_private.unsettled_intents(run) as s
  cross join lateral howdah_private.effect_question(run.id, s.call_id, s.finished_at) as q
  where q.status = 'answered' and q.answer = 'done';
end $$;

-- Reports whether a compensating run already undoes this step of a run.
create or replace function howdah_private.compensates_step(id uuid, seq int) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as e
    join howdah.messages as m on m.execution_id = e.id and m.seq = 2
    where e.compensates_execution_id = compensates_step.id
      and m.tool_calls @> jsonb_build_array(
        jsonb_build_object('id', 'undo_' || compensates_step.seq)
      )
  )
$$;

-- Starts a run that undoes the calls that no other run has undone. A run without calls is skipped
-- at the first query.
create or replace function howdah_private.compensate(run howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_calls jsonb;
begin
  if not exists (
    select from howdah.steps as s
    where s.execution_id = run.id and s.kind in ('tool', 'tool_started')
      and s.seq > coalesce(run.forked_from_seq, 0)
  ) then
    return;
  end if;
  select to_jsonb(array_agg(jsonb_build_object(
    'id', 'undo_' || s.seq, 'name', t.tool -> 'compensation' ->> 'name', 'arguments',
    howdah_private.compensation_arguments(t.tool -> 'compensation' -> 'parameters', s)::text
  ) order by s.seq desc)) into v_calls
  from howdah.agent_versions as v
  cross join lateral jsonb_array_elements(v.definition -> 'tools') as t (tool)
  join howdah_private.finished_calls(run) as s on s.name = t.tool ->> 'name'
  where v.id = run.agent_version_id and t.tool ? 'compensation'
    and not howdah_private.compensates_step(run.id, s.seq);
  if v_calls is null then
    return;
  elsif run.contents_encrypted_at is not null then
    -- only between a retry and its decryption
    raise exception using errcode = 'HWCNF',
      message = format('the contents of execution %s are being decrypted', run.id),
      detail = jsonb_build_object('execution_id', run.id)::text,
      hint = 'Try again in a few seconds.';
  end if;
  v_id := howdah.uuid_v7();
  insert into howdah.executions (
    id, tenant_id, agent_id, agent_version_id, compensates_execution_id, user_id,
    input, priority, max_steps, concurrency_key
  ) values (
    v_id, run.tenant_id, run.agent_id, run.agent_version_id, run.id, run.user_id,
    format('Undo the calls of execution %s: %s calls, newest first.',
      run.id, jsonb_array_length(v_calls)),
    run.priority, 1, run.concurrency_key
  );
  insert into howdah_private.message_log (
    execution_id, seq, tenant_id, role, content, tool_calls, trust
  )
  select v_id, m.seq, run.tenant_id, m.role, m.content, m.tool_calls, 'system'
  from (values
    (1, 'user'::howdah.message_role,
      (select e.input from howdah.executions as e where e.id = v_id), null::jsonb),
    (2, 'assistant', null, v_calls)
  ) as m (seq, role, content, tool_calls);
  update howdah.executions as e set message_count = 2 where e.id = v_id;
end $$;

-- Returns the arguments for the tool that undoes a call. Each property that the tool declares is
-- taken from the result, or else from the arguments of the call. The names `arguments`, `result`
-- and `idempotency_key` stand for the whole values.
create or replace function howdah_private.compensation_arguments(
  parameters jsonb, call howdah.steps
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(p.name, p.value) filter (where p.value is not null)::jsonb, '{}')
  from (
    select k.name, coalesce(
      case when jsonb_typeof(call.output) = 'object' then call.output -> k.name end,
      call.input -> k.name,
      case k.name when 'arguments' then call.input when 'result' then call.output
        when 'idempotency_key' then to_jsonb(call.idempotency_key) end
    ) as value
    from jsonb_object_keys(
      case when jsonb_typeof(parameters -> 'properties') = 'object'
        then parameters -> 'properties' else '{}' end
    ) as k (name)
  ) as p
$$;
