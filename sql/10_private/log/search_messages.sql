-- The tool `search_messages`: a search in the earlier messages of the user for whom the run works.

-- Returns the sessions that a run may search, newest first: the sessions of its user, except those
-- of agents that the user's grants hide. A run without a user may search its own session only.
create or replace function howdah_private.sessions_to_search(root howdah.executions)
  returns setof uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select root.session_id where root.session_id is not null
  union
  (
    select s.id from howdah.sessions as s
    where s.tenant_id = root.tenant_id and s.user_id = root.user_id
      and coalesce(coalesce(s.agent_id, s.workflow_id)
        <> all (howdah_private.agents_hidden_from(root.tenant_id, root.user_id, 'owner')), true)
    order by s.id desc limit 30
  )
$$;

-- Searches earlier messages. Messages that contain more of the words come first. The worker calls
-- this in the transaction that commits the step of the tool.
--
-- There is no full-text index, since every message of every run would pay for it. The search reads
-- a bounded amount, newest first: 30 sessions, 200 turns of them and 1000 messages, with the first
-- 4000 characters of each. Encrypted messages are not searched; `encrypted` counts the turns whose
-- messages are.
create or replace function howdah_private.call_search_messages(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_search_messages.execution_id);
  v_root howdah.executions;
  v_likes text[] := array(
    select '%' || regexp_replace(w.lexeme, '([\\%_])', '\\\1', 'g') || '%'
    from unnest(to_tsvector('simple', left(arguments ->> 'query', 1000))) as w
  );
  v_words tsquery := replace(
    plainto_tsquery('simple', left(arguments ->> 'query', 1000))::text, ' & ', ' | '
  )::tsquery;
begin
  if numnode(v_words) = 0 then
    raise exception using errcode = 'HWINV', message = 'query contains no word to search for',
      detail = '{"field": "query"}', hint = 'Use words that occur in the messages.';
  end if;
  select e.* into v_root from howdah.executions as e where e.id = v_run.root_execution_id;
  return (
    with turns as (
      select t.* from howdah_private.sessions_to_search(v_root) as s (id)
      cross join lateral (
        select e.id, e.session_id, coalesce(e.agent_id, e.workflow_id) as of_id,
          e.contents_encrypted_at is not null as is_encrypted
        from howdah.executions as e where e.tenant_id = v_root.tenant_id and e.session_id = s.id
        order by e.turn desc limit 100
      ) as t
      where t.id <> v_root.id and coalesce(t.of_id <> all (howdah_private.agents_hidden_from(
        v_root.tenant_id, v_root.user_id, 'owner')), true)
      order by t.id desc limit 200
    ),
    recent as materialized (
      select m.* from (select t.* from turns as t where not t.is_encrypted) as t
      cross join lateral (
        select t.id, t.session_id, t.of_id, m.seq, m.role, m.created_at,
          left(m.content, 4000) as content
        from howdah.messages as m
        where m.execution_id = t.id and m.role in ('user', 'assistant') and m.content <> ''
        order by m.seq desc limit 50
      ) as m
      order by m.id desc, m.seq desc limit 1000
    ),
    likely as materialized ( -- parsing a text costs ten times as much as this filter
      select s.* from recent as s where lower(s.content) like any (v_likes)
    ),
    found as (
      select s.*, ts_rank(w.vector, v_words) as rank from likely as s
      cross join lateral (select to_tsvector('simple', s.content) as vector offset 0) as w
      where w.vector @@ v_words
      order by rank desc, s.id desc, s.seq desc limit coalesce((arguments ->> 'limit')::int, 10)
    )
    select (
      select case when count(*) > 0 then jsonb_build_object('encrypted', count(*)) else '{}' end
      from turns as t where t.is_encrypted
    ) || jsonb_build_object('messages', coalesce(to_jsonb(array_agg(jsonb_build_object(
      'session_id', f.session_id, 'execution_id', f.id, 'seq', f.seq, 'role', f.role,
      'at', f.created_at,
      'text', left(ts_headline(
        'simple', f.content, v_words, 'MaxWords=80, MinWords=40, StartSel="", StopSel=""'
      ), 1000)
    ) order by f.rank desc, f.id desc, f.seq desc)), '[]')) from found as f);
end $$;
