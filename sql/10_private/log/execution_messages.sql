-- Parts of a log that a worker reads when it claims a run.

-- Returns a step as strategies read it. The result of a tool is among the messages instead.
create or replace function howdah_private.step_note(s howdah.steps) returns jsonb
  language sql stable
  return jsonb_build_object('seq', s.seq, 'kind', s.kind, 'name', s.name, 'call_id', s.call_id,
    'input', s.input, 'output', case when s.kind <> 'tool' then s.output end, 'error', s.error);

-- Returns a message as models receive it, with its number in the run. Includes the trust if it is
-- `external`.
create or replace function howdah_private.message_json(
  seq int, step_seq int, role howdah.message_role, content text, parts jsonb, tool_calls jsonb,
  tool_call_id text, covers_from_seq int, covers_to_seq int, trust howdah.trust
) returns jsonb
  language sql stable
  return jsonb_strip_nulls(jsonb_build_object(
    'seq', seq, 'step_seq', step_seq, 'role', role, 'parts', parts, 'tool_calls', tool_calls,
    'tool_call_id', tool_call_id, 'covers_from_seq', covers_from_seq,
    'covers_to_seq', covers_to_seq, 'trust', case when trust = 'external' then trust end
  )) || jsonb_build_object('content', content);

-- Returns data as a message contains them: in lines, if they have at most 16 kB and 16 levels. The
-- indents of larger ones may take hundreds of times as much as the data.
create or replace function howdah_private.data_text(data jsonb) returns text
  language sql immutable
  return case
    when pg_column_size(data) <= 16384 and not jsonb_path_exists(data, 'strict $.**{17}')
    then jsonb_pretty(data) else data::text end;

-- Returns the content of message 1: the input, followed by its data as JSON. Values of prompt
-- variables are already in the system prompt. They are left out here, unless the message would be
-- empty without them.
create or replace function howdah_private.first_content(
  input text, input_data jsonb, agent_version_id uuid
) returns text
  language sql stable
  return concat_ws(E'\n\n', nullif(input, ''), howdah_private.data_text(case
    when input <> '' and jsonb_typeof(input_data) = 'object' then (
    select case when v.variables is null then input_data
      else nullif(input_data - v.variables, '{}') end
    from (select (
      select array(
        select k.name from jsonb_object_keys(a.definition #> '{agent,prompt,variables}') as k (name)
      )
      from howdah.agent_versions as a
      where a.id = first_content.agent_version_id and a.definition -> 'agent' ? 'prompt'
    ) as variables) as v
  ) else input_data end));

-- Returns the message that closes the conversation of a run without an answer, for later turns.
-- Null for a run with an answer, and for one that has not ended. Names the reason only by its code:
-- the message of an error may contain text from outside.
create or replace function howdah_private.end_note(
  status howdah.execution_status, stop_reason howdah.stop_reason, code text
) returns jsonb
  language sql immutable
  return case when status in ('failed', 'cancelled') then jsonb_build_object(
    'role', 'user', 'content', format('(%s What was done before stays done.)', case
      when status = 'cancelled' then 'This turn was cancelled before its answer.'
      when stop_reason = 'error'
        then format('This turn failed before its answer: %s.', coalesce(code, 'error'))
      else format('This turn was stopped before its answer: %s.', stop_reason) end)) end;

-- Returns a message of a run whose request a model refused, as later turns receive it. What may be
-- the cause is left out, since each later request would be refused, too: files and other parts, the
-- message that a filter stopped, and long texts if there was too much.
create or replace function howdah_private.refused_message(message jsonb, code text)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select (message - '{step_seq,parts}'::text[]) || jsonb_build_object('content', case
    when refused_message.code = 'content_filtered' and message ->> 'role' = 'user'
      then '[withheld by a filter]'
    when message ->> 'content' is null and message ? 'parts' and message ->> 'role' = 'user'
      then '[files]'
    when refused_message.code = 'context_too_long'
        and not howdah_private.is_encrypted(message ->> 'content')
      then left(message ->> 'content', 2000)
    else message ->> 'content' end)
$$;

-- Returns whether a model refused a request because of what it contains, by the code of the error.
create or replace function howdah_private.is_refusal_of_request(code text) returns boolean
  language sql immutable
  return coalesce(code in ('invalid_request', 'content_filtered', 'context_too_long'), false);

-- Returns a result for each call that a run was ended before it made, for later turns: the call
-- waited for an approval, or is of a tool with effect `once` and was never started. Other calls
-- without a result may have been made: no row says when they begin.
create or replace function howdah_private.unmade_calls(
  execution_id uuid, agent_version_id uuid
) returns setof jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('role', 'tool', 'tool_call_id', c.call ->> 'id', 'content',
    'This call was not made: the turn ended before. It had no effect.')
  from howdah.messages as m
  cross join lateral jsonb_array_elements(m.tool_calls) as c (call)
  where m.execution_id = unmade_calls.execution_id and m.role = 'assistant'
    and not exists (
      select from howdah.messages as r
      where r.execution_id = unmade_calls.execution_id and r.tool_call_id = c.call ->> 'id'
    )
    and not exists (
      select from howdah.steps as s
      where s.execution_id = unmade_calls.execution_id and s.kind = 'tool_started'
        and s.call_id = c.call ->> 'id'
    )
    and (
      exists (
        select from howdah.questions as q
        where q.execution_id = unmade_calls.execution_id and q.call_id = c.call ->> 'id'
          and q.kind = 'approval' and q.status = 'cancelled'
      )
      or exists (
        select from howdah.agent_versions as v
        cross join lateral jsonb_array_elements(v.definition -> 'tools') as t (tool)
        where v.id = unmade_calls.agent_version_id
          and t.tool ->> 'name' = c.call ->> 'name' and t.tool ->> 'effect' = 'once'
      )
    )
$$;

-- Returns the messages of a session before the given turn, in the order of the turns. Reads with
-- the rights of the caller: a claim has those of the engine, an export those of its user.
--
-- A run whose contents were erased is left out. A run that ended without an answer is kept, so that
-- the next turn neither forgets nor repeats what it did. A note says how it ended (end_note), and
-- calls that were not made say so (unmade_calls). Of a workflow run, the input and the final answer
-- are kept. If a run summarized everything before it and has answered, earlier messages are not
-- needed, including those that its client supplied. The worker leaves out messages that other
-- summaries cover. The initial history of a forked session is kept however its first run ended.
create or replace function howdah_private.session_history(
  tenant_id uuid, session_id uuid, turn int
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with earlier as (
    select e.id, e.turn, e.workflow_id, e.agent_version_id, e.step_count, e.history,
      e.completed_at is not null as is_over, e.status = 'completed' as has_answered,
      e.error ->> 'code' as code,
      howdah_private.end_note(e.status, e.stop_reason, e.error ->> 'code') as note
    from howdah.executions as e
    where e.tenant_id = session_history.tenant_id
      and e.session_id = session_history.session_id
      and e.turn < session_history.turn
      and (e.completed_at is not null or (e.turn = 1 and e.history is not null and exists (
        select from howdah.sessions as s
        where s.id = session_history.session_id and s.forked_from_turn is not null
      )))
      and e.contents_erased_at is null
  ),
  first as (
    select coalesce(max(l.turn), 0) as turn from earlier as l
    join howdah.messages as s on s.execution_id = l.id
    where s.covers_from_seq = 0 and l.has_answered
  ),
  messages as (
    select r.turn, m.seq, case when howdah_private.is_refusal_of_request(r.code)
      then howdah_private.refused_message(j.message, r.code)
      else j.message - 'step_seq' end as message
    from earlier as r
    join howdah.messages as m on m.execution_id = r.id
    cross join lateral (select howdah_private.message_json(m.seq, m.step_seq, m.role, m.content,
      m.parts, m.tool_calls, m.tool_call_id, m.covers_from_seq, m.covers_to_seq, m.trust
      ) as message) as j
    where r.is_over and r.turn >= (select f.turn from first as f)
      and (r.workflow_id is null or m.seq = 1 or m.step_seq = r.step_count)
    union all
    select r.turn, 2147483646, c.result
    from earlier as r
    cross join lateral howdah_private.unmade_calls(r.id, r.agent_version_id) as c (result)
    where r.note is not null and r.turn >= (select f.turn from first as f)
    union all
    select r.turn, 2147483647, r.note from earlier as r
    where r.note is not null and r.turn >= (select f.turn from first as f)
    union all
    select r.turn, g.place - 1000000, g.message
    from earlier as r
    cross join lateral jsonb_array_elements(howdah_private.history_json(r.history))
      with ordinality as g (message, place)
    where r.history is not null and r.turn >= (select f.turn from first as f)
      and g.message ->> 'role' <> 'system'
      and not (r.has_answered and exists (
        select from howdah.messages as s where s.execution_id = r.id and s.covers_from_seq = 0
      ))
  )
  select coalesce(to_jsonb(array_agg(s.message order by s.turn, s.seq)), '[]') from messages as s
$$;

-- Returns the earlier messages of a sub-agent that keeps its conversation (ephemeral: false). These
-- are its runs that had ended when this run began, however they ended, below the same root or below
-- earlier turns of the session. Child runs begin and end under the lock of the parent, so every
-- worker that claims the run reads the same history.
create or replace function howdah_private.sub_run_history(execution_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select e.created_at, howdah_private.first_agent_of(e.id) as agent_id, r.id as root_id,
      r.tenant_id, r.session_id, r.turn
    from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
    where e.id = sub_run_history.execution_id
  ),
  roots as (
    select o.root_id as id from own as o
    union all
    select r.id from own as o
    join howdah.executions as r on r.tenant_id = o.tenant_id and r.session_id = o.session_id
    where r.turn < o.turn and r.completed_at is not null
  ),
  earlier as (
    select c.id, c.agent_version_id,
      howdah_private.end_note(c.status, c.stop_reason, c.error ->> 'code') as note,
      c.error ->> 'code' as code
    from own as o
    cross join roots as r join howdah.executions as c on c.root_execution_id = r.id
    where c.parent_execution_id is not null and c.completed_at <= o.created_at
      and c.overrides -> 'ephemeral' = 'false' and c.contents_erased_at is null
      and howdah_private.first_agent_of(c.id) = o.agent_id
  )
  select coalesce(to_jsonb(array_agg(s.message order by s.id, s.seq)), '[]')
  from (
    select e.id, m.seq, case when howdah_private.is_refusal_of_request(e.code)
      then howdah_private.refused_message(j.message, e.code)
      else j.message - 'step_seq' end as message
    from earlier as e join howdah.messages as m on m.execution_id = e.id
    cross join lateral (select howdah_private.message_json(m.seq, m.step_seq, m.role, m.content,
      m.parts, m.tool_calls, m.tool_call_id, m.covers_from_seq, m.covers_to_seq, m.trust
      ) as message) as j
    union all
    select e.id, 2147483646, c.result
    from earlier as e
    cross join lateral howdah_private.unmade_calls(e.id, e.agent_version_id) as c (result)
    where e.note is not null
    union all
    select e.id, 2147483647, e.note from earlier as e where e.note is not null
  ) as s
$$;

-- Returns the messages before a run began that the run receives: those of its session, of its
-- sub-agent, and those that its client supplied.
create or replace function howdah_private.run_history(execution_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.turn > 1 then howdah_private.session_history(e.tenant_id, e.session_id, e.turn)
    when e.overrides -> 'ephemeral' = 'false' then howdah_private.sub_run_history(e.id)
      else '[]' end
    || howdah_private.history_json(e.history)
  from howdah.executions as e where e.id = run_history.execution_id
$$;

-- Returns the messages of a history that a user or an assistant has said in words.
create or replace function howdah_private.spoken_messages(history jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(jsonb_build_object('role', m.message -> 'role',
    'content', m.message -> 'content') order by m.place)), '[]')
  from jsonb_array_elements(
    case jsonb_typeof(spoken_messages.history) when 'array' then spoken_messages.history end
  ) with ordinality as m (message, place)
  where m.message ->> 'role' in ('user', 'assistant')
    and jsonb_typeof(m.message -> 'content') = 'string' and m.message ->> 'content' <> ''
$$;

-- Returns the conversation before the input of a run, as the caller may read it: questions and
-- answers of earlier turns, and what clients supplied, as [{"role", "content", "data"}]. Turns
-- without an answer, and erased ones, are left out.
create or replace function howdah_private.conversation_before(execution_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  select coalesce(to_jsonb(array_agg(m.message order by c.turn, m.part, m.place)), '[]')
  from howdah.executions as e
  cross join lateral (
    select e.turn, e.history, false as is_earlier, e.input, e.input_data, e.output, e.output_data
    union all
    select t.turn, t.history, true, t.input, t.input_data, t.output, t.output_data
    from howdah.executions as t
    where e.turn > 1 and t.tenant_id = e.tenant_id and t.session_id = e.session_id
      and t.turn < e.turn and t.status = 'completed' and t.contents_erased_at is null
  ) as c
  cross join lateral (
    select 1 as part, g.place, g.message
    from jsonb_array_elements(howdah_private.spoken_messages(c.history)) with ordinality
      as g (message, place)
    union all
    select 2, 1, jsonb_build_object('role', 'user', 'content', c.input)
      || case when c.input_data is null then '{}'
        else jsonb_build_object('data', c.input_data) end
    where c.is_earlier
    union all
    select 2, 2, jsonb_build_object('role', 'assistant', 'content', coalesce(c.output, ''))
      || case when c.output_data is null then '{}'
        else jsonb_build_object('data', c.output_data) end
    where c.is_earlier
  ) as m
  where e.id = conversation_before.execution_id
$$;

-- Returns the steps since the last model answer: failed attempts, guards, started calls, questions
-- and their answers.
--
-- Steps that a fork copied belong to the original run and are left out, except those that must not
-- be repeated: a started call with effect `once`, and the end of a child. A model answer to a
-- request of a tool's server is part of that call and does not count as an answer of the run. A
-- postponed retry has `due_in_ms`, computed with the clock of the database, which all workers
-- share.
create or replace function howdah_private.attempts_since_last_answer(execution_id uuid)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(howdah_private.step_note(s) || case
    when s.kind = 'retry' and s.output ? 'not_before'
      then jsonb_build_object('due_in_ms', (s.output ->> 'delay_ms')::float8
        - extract(epoch from clock_timestamp() - s.finished_at)::float8 * 1000)
    else '{}' end order by s.seq)), '[]')
  from howdah.steps as s
  left join lateral (
    select max(l.seq) filter (where l.kind = 'model' and l.call_id is null) as answered,
      max(l.seq) filter (where l.kind = 'fork') as forked
    from howdah.steps as l
    where l.execution_id = attempts_since_last_answer.execution_id and l.kind in ('model', 'fork')
  ) as m on true
  where s.execution_id = attempts_since_last_answer.execution_id
    and s.seq > coalesce(m.answered, 0)
    and (s.seq > coalesce(m.forked, 0) or s.kind = 'child'
      or (s.kind = 'tool_started' and s.effect = 'once'))
$$;

-- Returns the steps that a workflow strategy reads: which members it started, how they ended, what
-- people answered, and the attempts to get an answer of its deciding model. The answers of that
-- model are among the messages, in the order of these steps. Of the steps that a fork copied, only
-- ends count. A member without an end there is started again. Of the task of a member only the
-- number of bytes is read: all tasks of a run may have 64 MB, and each wake-up reads the log.
create or replace function howdah_private.team_log(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    howdah_private.step_note(s) || jsonb_build_object('output', s.output)
      || case when s.kind = 'child_started' then jsonb_build_object('input',
        jsonb_build_object('message_bytes', octet_length(s.input ->> 'message')))
        else '{}' end
    order by s.seq
  )), '[]')
  from howdah.steps as s
  where s.execution_id = team_log.execution_id and s.kind <> 'output' and (
    s.kind in ('child', 'answer', 'model', 'tool') or s.seq > coalesce((
      select max(f.seq) from howdah.steps as f
      where f.execution_id = team_log.execution_id and f.kind = 'fork'
    ), 0)
  )
$$;
