-- Encryption of histories, message by message. So SQL still finds the roles of an encrypted history
-- and the ids of its calls, and a history can be continued without a key.

-- Returns the texts of a history, or the parts of its messages as JSON texts, each by a name such
-- as `history.0.content`, `history.0.arguments.1` or `history.0.parts`.
create or replace function howdah_private.history_contents(history jsonb, are_documents boolean)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with messages as (
    select format('history.%s', h.place - 1) as name, h.message
    from jsonb_array_elements(case jsonb_typeof(history_contents.history)
      when 'array' then history_contents.history end) with ordinality as h (message, place)
  ),
  contents as (
    select m.name || '.content' as name, m.message ->> 'content' as value from messages as m
    where not history_contents.are_documents
    union all
    select format('%s.arguments.%s', m.name, c.place - 1), c.call ->> 'arguments'
    from messages as m cross join lateral jsonb_array_elements(
      case jsonb_typeof(m.message -> 'tool_calls') when 'array' then m.message -> 'tool_calls' end
    ) with ordinality as c (call, place)
    where not history_contents.are_documents
    union all
    select m.name || '.parts', (m.message -> 'parts')::text from messages as m
    where history_contents.are_documents
  )
  select coalesce(json_object_agg(c.name, c.value)::jsonb, '{}') from contents as c
  where c.value is not null
$$;

-- Returns a history with other texts and parts, by the names of history_contents.
create or replace function howdah_private.with_history_contents(
  history jsonb, texts jsonb, documents jsonb
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when jsonb_typeof(with_history_contents.history) is distinct from 'array'
    then with_history_contents.history else (
    select coalesce(to_jsonb(array_agg(h.message
      || case when t.texts ? (n.name || '.content')
        then jsonb_build_object('content', t.texts -> (n.name || '.content')) else '{}' end
      || case when t.documents ? (n.name || '.parts') then jsonb_build_object('parts',
        (t.documents ->> (n.name || '.parts'))::jsonb) else '{}' end
      || case when jsonb_typeof(h.message -> 'tool_calls') = 'array' then jsonb_build_object(
        'tool_calls', (
          select coalesce(to_jsonb(array_agg(case when t.texts ? a.name
            then c.call || jsonb_build_object('arguments', t.texts -> a.name) else c.call end
            order by c.place)), '[]')
          from jsonb_array_elements(h.message -> 'tool_calls') with ordinality as c (call, place)
          cross join lateral (
            select format('%s.arguments.%s', n.name, c.place - 1)) as a (name)
        )) else '{}' end
      order by h.place)), '[]')
    from jsonb_array_elements(with_history_contents.history) with ordinality as h (message, place)
    cross join lateral (select format('history.%s', h.place - 1)) as n (name)
    cross join lateral (select coalesce(with_history_contents.texts, '{}'),
      coalesce(with_history_contents.documents, '{}')) as t (texts, documents)
  ) end
$$;

-- Writes the first message of decrypted forks whose originals never began. Its text joins the input
-- and its data, so it could not be copied as a ciphertext (write_fork_log).
create or replace function howdah_private.write_first_messages(ids uuid[]) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.message_log as m
  set content = howdah_private.first_content(e.input, e.input_data, e.agent_version_id)
  from howdah.executions as e
  where e.id = any (write_first_messages.ids) and e.completed_at is null and e.forked_from_seq > 0
    and m.execution_id = e.id and m.seq = 1 and m.role = 'user' and m.content = ''
$$;
