-- A run has failed or was cancelled: what became of its effects? Calls that finished and whose tool names another that
-- takes them back are taken back, newest first, by a run of their own that has the same log, retries and crash safety
-- as every other; so are those of its children that had completed. A call begun with an intent and without a result
-- becomes a question to a person, which outlives the run.
create or replace function howdah_private.settle_effects(run howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform howdah_private.compensate(run);
  perform howdah_private.compensate(e) from howdah.executions as e
  where e.root_execution_id = run.root_execution_id and e.parent_execution_id is not null -- as its index has it
    and e.status = 'completed' and run.id = any (e.ancestors)
  order by e.completed_at desc;
  perform howdah_private.ask_question(run, jsonb_build_object(
    'id', howdah.uuid_v7(), 'kind', 'effect', 'call_id', s.call_id,
    'prompt', format('The run ended while %s was being called. Did the call take effect?', s.name),
    'tool_call', jsonb_build_object('id', s.call_id, 'name', s.name, 'arguments', s.input),
    'options', jsonb_build_array('done', 'give_up')
  ))
  from howdah.steps as s
  where s.execution_id = run.id and s.kind = 'tool_started' and s.seq > coalesce(run.forked_from_seq, 0)
    and not exists (
      select from howdah.steps as t
      where t.execution_id = s.execution_id and t.call_id = s.call_id and t.seq > s.seq
        and t.kind in ('tool', 'tool_started')
    )
    and not exists (
      select from howdah.questions as q
      where q.execution_id = run.id and q.call_id = s.call_id and q.kind = 'effect' and q.status = 'open'
    );
end $$;

create or replace function howdah_private.compensate(run howdah.executions) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_id uuid := howdah.uuid_v7();
  v_calls jsonb;
begin
  select jsonb_agg(jsonb_build_object(
    'id', 'undo_' || s.seq, 'name', t.tool -> 'compensation' ->> 'name', 'arguments',
    howdah_private.compensation_arguments(t.tool -> 'compensation' -> 'parameters', s)::text
  ) order by s.seq desc) into v_calls
  from howdah.agent_versions as v
  cross join lateral jsonb_array_elements(v.definition -> 'tools') as t (tool)
  join howdah.steps as s on s.name = t.tool ->> 'name'
  where v.id = run.agent_version_id and t.tool ? 'compensation' and s.execution_id = run.id
    and s.kind = 'tool' and s.error is null and s.seq > coalesce(run.forked_from_seq, 0);
  if v_calls is null or exists (
    select from howdah.executions as e where e.compensates_execution_id = run.id
  ) then
    return;
  end if;
  insert into howdah.executions (
    id, tenant_id, agent_id, agent_version_id, compensates_execution_id, user_id, input, priority, max_steps
  ) values (
    v_id, run.tenant_id, run.agent_id, run.agent_version_id, run.id, run.user_id,
    format('Take back what execution %s did: %s calls, the newest first.', run.id, jsonb_array_length(v_calls)),
    run.priority, 1
  );
  insert into howdah.messages (execution_id, seq, tenant_id, role, content, tool_calls, trust)
  select v_id, m.seq, run.tenant_id, m.role, m.content, m.tool_calls, 'system'
  from (values
    (1, 'user'::howdah.message_role, (select e.input from howdah.executions as e where e.id = v_id), null::jsonb),
    (2, 'assistant', null, v_calls)
  ) as m (seq, role, content, tool_calls);
  update howdah.executions as e set message_count = 2 where e.id = v_id;
end $$;

-- What the tool that takes a call back is told: of the properties it declares, those that the result has, else those that
-- the arguments had; and under these names the whole: arguments, result, idempotency_key.
create or replace function howdah_private.compensation_arguments(parameters jsonb, call howdah.steps) returns jsonb
  language sql stable
  set search_path = ''
as $$
  select coalesce(jsonb_object_agg(p.name, p.value) filter (where p.value is not null), '{}')
  from (
    select k.name, coalesce(
      case when jsonb_typeof(call.output) = 'object' then call.output -> k.name end,
      call.input -> k.name,
      case k.name when 'arguments' then call.input when 'result' then call.output
        when 'idempotency_key' then to_jsonb(call.idempotency_key) end
    ) as value
    from jsonb_object_keys(
      case when jsonb_typeof(parameters -> 'properties') = 'object' then parameters -> 'properties' else '{}' end
    ) as k (name)
  ) as p
$$;
