-- Parts of howdah.fork_session.

-- Refuses a fork after a turn that does not exist or has not ended, since its messages would be
-- incomplete. The caller can read the history of the new run. So no turn that session_history
-- returns may belong to an agent that is hidden from the caller: completed turns, and turn 1 of a
-- forked session, whose initial history is kept however it ended.
create or replace function howdah_private.check_forked_turn(s howdah.sessions, turn int)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live int;
  v_hidden int;
begin
  if s.agent_id is null and s.workflow_id is null then
    raise exception using errcode = 'HWINV',
      message = format('session %s has no agent', s.id),
      detail = jsonb_build_object('field', 'agent_id', 'session_id', s.id)::text,
      hint = 'Use howdah.switch_agent(id, agent) to set one.';
  elsif check_forked_turn.turn not between 1 and s.turns then
    raise exception using errcode = 'HWINV',
      message = case when s.turns = 0 then format('session %s has no turns to fork', s.id)
        else format('session %s has %s and cannot be forked after turn %s', s.id,
          case s.turns when 1 then 'one turn' else s.turns || ' turns' end,
          check_forked_turn.turn) end,
      detail = jsonb_build_object('field', 'turn', 'turns', s.turns)::text,
      hint = case s.turns when 0 then 'Send a message to the session first.'
        when 1 then 'Use turn 1, or omit turn.'
        else format('Use a turn from 1 to %s.', s.turns) end;
  end if;
  select min(e.turn) into v_live from howdah.executions as e
  where e.tenant_id = s.tenant_id and e.session_id = s.id and e.turn <= check_forked_turn.turn
    and e.parent_execution_id is null and e.completed_at is null;
  if v_live is not null then
    raise exception using errcode = 'HWCNF',
      message = format('turn %s of session %s has not ended', v_live, s.id),
      detail = jsonb_build_object('field', 'turn', 'session_id', s.id, 'turn', v_live)::text,
      hint = case when v_live > 1
        then format('Wait until it ends, or fork after turn %s.', v_live - 1)
        else 'Wait until it ends.' end;
  end if;
  select min(e.turn) into v_hidden from howdah.executions as e
  where e.tenant_id = s.tenant_id and e.session_id = s.id and e.turn <= check_forked_turn.turn
    and e.parent_execution_id is null
    and (e.completed_at is not null
      or (e.turn = 1 and e.history is not null and s.forked_from_turn is not null))
    and not howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id));
  if v_hidden is not null then
    raise exception using errcode = 'HWDEN',
      message = format('%s may not read turn %s of session %s',
        howdah_private.caller_label(), v_hidden, s.id),
      detail = jsonb_build_object('field', 'turn', 'session_id', s.id, 'turn', v_hidden)::text,
      hint = case when v_hidden > 1
        then format('Fork after turn %s, or ask', v_hidden - 1) else 'Ask' end
        || ' an admin or owner to fork the session.';
  end if;
end $$;

-- Refuses a history that is longer than a run may have; see check_history. A ciphertext is larger
-- than its text, so encrypted parts of it do not count.
create or replace function howdah_private.check_fork_size(turn int, history jsonb) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_array_length(check_fork_size.history) > 2000
    or (octet_length(check_fork_size.history::text) > 8388608 and octet_length(
      howdah_private.without_copies(check_fork_size.history)::text) > 8388608) then
    raise exception using errcode = 'HWINV',
      message = format('the history up to turn %s exceeds 2000 messages or 8 MB',
        check_fork_size.turn),
      detail = jsonb_build_object('field', 'turn')::text, hint = 'Fork after an earlier turn.';
  end if;
end $$;

-- Returns the messages that the turn after `turn` would receive, as a history. Summaries replace
-- the messages that they cover (see src/runtime/messages/build-messages.ts). Files are replaced by
-- their names, since they stay with their session. Message number 1 marks the beginning of a run.
create or replace function howdah_private.messages_before_turn(
  tenant_id uuid, session_id uuid, turn int
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with messages as materialized (
    select t.place, t.message, (t.message ->> 'seq')::int as seq,
      (t.message ->> 'covers_from_seq')::int as from_seq,
      (t.message ->> 'covers_to_seq')::int as to_seq,
      count(*) filter (where t.message ->> 'seq' = '1') over (order by t.place) as run
    from jsonb_array_elements(howdah_private.session_history(
      messages_before_turn.tenant_id, messages_before_turn.session_id, messages_before_turn.turn + 1
    )) with ordinality as t (message, place)
  ),
  summaries as materialized (
    select s.*, s.from_seq = 0
      and s.place = max(s.place) filter (where s.from_seq = 0) over () as is_first
    from messages as s where s.to_seq is not null
  ),
  placed as (
    select t.place, t.message, (
      select max(s.place) from summaries as s
      where (s.from_seq = 0 and t.run < s.run)
        or (t.run = s.run and t.seq between s.from_seq and s.to_seq and t.seq < s.seq)
    ) as summary
    from messages as t where t.to_seq is null
  ),
  history as (
    select p.place,
      howdah_private.history_message(messages_before_turn.tenant_id, p.message) as message
    from placed as p where p.summary is null
    union all
    select case when s.from_seq = 0 then 0 else min(p.place) end,
      howdah_private.summary_message(s.message)
    from summaries as s left join placed as p on p.summary = s.place
    group by s.place, s.message, s.from_seq, s.is_first
    having count(p.place) > 0 or s.is_first -- the first summary stands for turns not read any more
  )
  select coalesce(to_jsonb(array_agg(h.message order by h.place)), '[]') from history as h
  where coalesce(h.message ->> 'content', h.message ->> 'parts', h.message ->> 'tool_calls')
    is not null
$$;

-- Converts a message of a log to an entry of a history. Reasoning, citations, tools of vendors and
-- the data of vendors are left out: a client could send a history with forged ones, so a history
-- has none. Encrypted parts are converted when the copy is decrypted (finish_decryption).
create or replace function howdah_private.history_message(tenant_id uuid, message jsonb)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select (message - '{seq,step_seq,covers_from_seq,covers_to_seq,trust}'::text[])
    || case when message ? 'parts' then jsonb_build_object('parts', (
      select coalesce(to_jsonb(array_agg(
        case when p.part ->> 'type' is distinct from 'resource' then p.part
          else jsonb_build_object(
            'type', 'text', 'text', coalesce('[file ' || r.name || ']', '[file]')
          ) end order by p.place
      )), '[]')
      from jsonb_array_elements(message -> 'parts') with ordinality as p (part, place)
      left join howdah.resources as r
        on r.id = howdah_private.parse_id(p.part ->> 'resource_id')
          and r.tenant_id = history_message.tenant_id
      where coalesce(p.part ->> 'type', '') not in ('reasoning', 'citation', 'provider_tool_call',
        'provider_tool_result', 'text_span')
    )) else '{}' end
    || case when message ? 'tool_calls' then jsonb_build_object('tool_calls', (
      select to_jsonb(array_agg(c.call - 'provider_metadata' order by c.place))
      from jsonb_array_elements(message -> 'tool_calls') with ordinality as c (call, place)
    )) else '{}' end
$$;

-- Returns a summary in the form that models receive; see src/runtime/messages/message-groups.ts. An
-- encrypted summary keeps its range, and gets this form when the copy is decrypted.
create or replace function howdah_private.summary_message(message jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when howdah_private.is_encrypted(message ->> 'content') then jsonb_build_object(
    'role', 'user', 'content', message -> 'content', 'covers_to_seq', message -> 'covers_to_seq')
  else jsonb_build_object('role', 'user', 'content',
    case when starts_with(message ->> 'content', E'Summary of the conversation so far:\n')
      then '' else E'Summary of the conversation so far:\n' end
    || (message ->> 'content')) end
$$;
