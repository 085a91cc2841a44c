-- Citations of answers. The results of knowledge_search have a mark for each chunk, such as
-- [^4711], which the model repeats behind what it took from the chunk:
--
--   Refunds are possible "within 30 days" [^4711].
--
-- The number is that of the chunk. A chunk whose text changes gets another number, so a mark means
-- the same text in each run and each turn of a session. A text in quotation marks directly before a
-- mark must occur in the chunk.
--
-- record_citations decides which marks are citations, in the transaction that commits the answer:
-- only chunks that a search of the same run returned. The worker reads the same form to ask for a
-- better answer where the tool demands citations (src/runtime/strategies/citations.ts);
-- test/runtime/strategies/citation-rules.test.ts compares the two.

-- Returns the marks of a text, at most 200, with their offsets and the quoted text before each.
create or replace function howdah_private.citation_marks(answer text)
  returns table (start_offset int, end_offset int, quote text, chunk_number bigint)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with form (pattern) as (values (
    '(("[^"]+"|“[^“”]+”|„[^„“”]+[“”]|«[^«»]+»|»[^«»]+«)'
    '[\s.,;:]{0,10})?\[\^(\d{1,18})\]'
  ))
  select regexp_instr(answer, f.pattern, 1, n.n) - 1,
    regexp_instr(answer, f.pattern, 1, n.n, 1) - 1,
    substr(m.parts[2], 2, length(m.parts[2]) - 2), m.parts[3]::bigint
  from form as f
  cross join lateral regexp_matches(answer, f.pattern, 'g') with ordinality as m (parts, place)
  cross join lateral (select m.place::int as n) as n
  where position('[^' in answer) > 0
  limit 200
$$;

-- Returns whether a text has the quote. Runs of white space are equal to each other.
create or replace function howdah_private.has_quote(content text, quote text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select has_quote.quote is null or position(
    btrim(regexp_replace(has_quote.quote, '\s+', ' ', 'g'))
    in regexp_replace(has_quote.content, '\s+', ' ', 'g')) > 0
$$;

-- Records the citations of answers that are committed. A mark of a chunk that the run has not
-- retrieved, or whose quote the chunk does not have, is no citation.
create or replace function howdah_private.record_citations(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from howdah.searches as s where s.execution_id = any (record_citations.ids)
  ) then
    return; -- most runs do not search
  end if;
  insert into howdah.citations (execution_id, start_offset, end_offset, tenant_id, message_seq,
    step_seq, rank)
  select e.id, m.start_offset, m.end_offset, e.tenant_id, a.seq, r.step_seq, r.rank
  from howdah.executions as e
  cross join lateral howdah_private.citation_marks(e.output) as m
  cross join lateral (
    select r.step_seq, r.rank from howdah.search_results as r
    where r.execution_id = e.id and r.chunk_number = m.chunk_number
    order by r.step_seq limit 1
  ) as r
  join howdah.steps as s on s.execution_id = e.id and s.seq = r.step_seq
  left join lateral (
    select l.seq from howdah_private.message_log as l
    where l.execution_id = e.id and l.role = 'assistant' order by l.seq desc limit 1
  ) as a on true
  where e.id = any (record_citations.ids) and e.status = 'completed'
    and howdah_private.has_quote(
      coalesce(s.output #>> array['chunks', (r.rank - 1)::text, 'text'], ''), m.quote)
  on conflict do nothing;
end $$;
