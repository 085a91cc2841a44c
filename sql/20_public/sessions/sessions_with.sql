-- Finds conversations by words, as the caller, for lists of sessions.
--
-- There is no full-text index, since every run of every session would pay for it, and it would hold
-- words of contents that are encrypted or erased later. The search reads a bounded amount, newest
-- first: 1000 sessions, 20 turns of each, and the first 20,000 characters of a text. Encrypted
-- texts are not searched.

-- Returns the patterns that a text must match to contain each of the words, at most ten.
create or replace function howdah_private.patterns_of_words(words text) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select array_agg('%' || regexp_replace(w.word, '([\\%_])', '\\\1', 'g') || '%')
  from (
    select distinct lower(s.word) as word
    from regexp_split_to_table(left(patterns_of_words.words, 1000), '\s+') as s (word)
    where s.word <> '' limit 10
  ) as w
$$;

create or replace function howdah.sessions_with(words text) returns setof uuid
  language plpgsql stable rows 20
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_patterns text[] := howdah_private.patterns_of_words(sessions_with.words);
begin
  if v_patterns is null then
    raise exception using errcode = 'HWINV', message = 'words contains no word to search for',
      detail = jsonb_build_object('field', 'words')::text,
      hint = 'Write words that occur in the title or in a message of the conversation.';
  end if;
  return query
  with newest as (
    select s.id, s.title from howdah.sessions as s
    where s.tenant_id = v_tenant_id order by s.id desc limit 1000
  )
  select n.id from newest as n
  where lower(n.title) like all (v_patterns) or exists (
    select from (
      select lower(concat_ws(E'\n', left(e.input, 20000), left(e.output, 20000))) as content
      from howdah.executions as e
      where e.tenant_id = v_tenant_id and e.session_id = n.id and e.contents_encrypted_at is null
      order by e.turn desc limit 20
    ) as t
    where t.content like all (v_patterns))
  order by n.id desc limit 200;
end $$;
comment on function howdah.sessions_with(text) is
  E'@behavior -*\nReturns the ids of the newest conversations, at most 200, that have all these '
  'words, or parts of words, in the title or in one turn: the message and the answer. Searches the '
  'newest 1,000 conversations with 20 turns each: select id, title from howdah.sessions where id '
  'in (select howdah.sessions_with(''refund A-1001'')).';
