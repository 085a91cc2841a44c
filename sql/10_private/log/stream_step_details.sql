-- Returns what streams show of steps beyond their rows, for many steps at once: the agent, the
-- messages, the question, and whether a model called the child run that the step starts. Where
-- `afters` has a message that the reader knows, only messages after it are read: usually 300 at
-- most, since a step adds a few. `last_message` is the last message up to the step, if it was read.
-- It keeps one plan, as tree_states does.
create or replace function howdah_private.stream_step_details(ids uuid[], seqs int[], afters int[])
  returns table (place int, story jsonb)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select i.place::int, jsonb_build_object(
    'agent', coalesce(
      (select a.name from howdah.agents as a where a.id = coalesce(m.agent_id, e.agent_id)),
      (select w.name from howdah.workflows as w where w.id = e.workflow_id)),
    'messages', coalesce(m.messages, '[]'),
    'last_message', m.last_message,
    'question', (
      select jsonb_build_object('question_id', q.id, 'kind', q.kind, 'status', q.status,
        'prompt', q.prompt, 'options', q.options, 'schema', q.schema, 'tool_call', q.tool_call,
        'expires_at', q.expires_at)
      from howdah.questions as q
      where s.kind = 'question' and q.tenant_id = e.tenant_id
        and q.id::text = s.input ->> 'question_id'
    ),
    'is_called', s.kind = 'child_started' and exists (
      select from howdah.messages as n
      where n.execution_id = e.id and n.step_seq < s.seq
        and n.tool_calls @> jsonb_build_array(jsonb_build_object('id', s.call_id))
    ))
  from unnest(stream_step_details.ids, stream_step_details.seqs, stream_step_details.afters)
    with ordinality as i (id, seq, after, place)
  join howdah.executions as e on e.id = i.id
  join howdah.steps as s on s.execution_id = e.id and s.seq = i.seq
  cross join lateral (
    select min(x.agent_id::text) filter (where x.step_seq = i.seq)::uuid as agent_id,
      to_jsonb(array_agg(jsonb_build_object(
        'seq', x.seq, 'role', x.role, 'content', x.content, 'tool_calls', x.tool_calls,
        'parts', case when x.role = 'assistant' then x.parts end
      ) order by x.seq) filter (where x.step_seq = i.seq)) as messages,
      max(x.seq) filter (where x.step_seq <= i.seq) as last_message
    from (
      select n.* from howdah.messages as n
      where n.execution_id = e.id and n.seq > coalesce(i.after, 0)
      order by n.seq limit case when exists (
          -- 300 messages on, the step is not passed yet
          select from howdah.messages as p
          where p.execution_id = e.id and p.seq = i.after + 300 and p.step_seq <= i.seq
        ) or i.after is null then null else 300 end
    ) as x
  ) as m;
end $$;
