-- The conversation of one run, in order.
create or replace function howdah_private.execution_messages(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
    'seq', m.seq, 'step_seq', m.step_seq, 'role', m.role, 'parts', m.parts, 'tool_calls', m.tool_calls,
    'tool_call_id', m.tool_call_id
  )) || jsonb_build_object('content', m.content) order by m.seq), '[]')
  from howdah.messages as m
  where m.execution_id = execution_messages.execution_id
$$;

-- What the session said before this turn: the runs that completed, in the order of their turns. A run that
-- failed or was cancelled is left out, since its calls may stand without results.
create or replace function howdah_private.session_history(session_id uuid, turn int) returns jsonb
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
    'role', m.role, 'parts', m.parts, 'tool_calls', m.tool_calls, 'tool_call_id', m.tool_call_id
  )) || jsonb_build_object('content', m.content) order by e.turn, m.seq), '[]')
  from howdah.executions as e
  join howdah.messages as m on m.execution_id = e.id
  where e.session_id = session_history.session_id
    and e.turn < session_history.turn
    and e.status = 'completed'
$$;

-- Failed attempts and guards after the last model answer: how often, and with which model, it was tried.
create or replace function howdah_private.attempts_since_last_answer(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'seq', s.seq, 'kind', s.kind, 'name', s.name, 'input', s.input, 'output', s.output, 'error', s.error
  ) order by s.seq), '[]')
  from howdah.steps as s
  where s.execution_id = attempts_since_last_answer.execution_id
    and s.seq > coalesce((
      select l.seq from howdah.steps as l
      where l.execution_id = attempts_since_last_answer.execution_id and l.kind = 'model'
      order by l.seq desc limit 1
    ), 0)
$$;
