-- Citations of answers. The results of knowledge_search have a mark for each chunk, such as
-- [^4711], which the model repeats behind what it took from the chunk:
--
--   Refunds are possible "within 30 days" [^4711].
--
-- The number is that of the chunk. A chunk whose text changes gets another number, so a mark means
-- the same text in each run and each turn of a session. A text in quotation marks directly before a
-- mark must occur in the chunk. Without a letter or digit, as in ["[^1]", "[^2]"], it is no quote.
--
-- record_citations decides which marks are citations, in the transaction that commits the answer:
-- only chunks that a search of the same run returned. The worker reads the same form to ask for a
-- better answer where the tool demands citations (src/runtime/strategies/citations.ts).
-- test/knowledge/citations.test.ts compares the two. So that they do not depend on a locale, both
-- list the characters that they mean: digits are 0 to 9, and white space is that of space_class.

-- Returns the characters that count as white space, for a bracket expression.
create or replace function howdah_private.space_class() returns text
  language sql immutable
  return '\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff';

-- Returns the marks of a text, at most 200, with their offsets and the quoted text before each.
create or replace function howdah_private.citation_marks(answer text)
  returns table (start_offset int, end_offset int, quote text, chunk_number bigint)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with form (pattern) as (values (format(
    '(("[^"]+"|“[^“”]+”|„[^„“”]+[“”]|«[^«»]+»|»[^«»]+«)'
    '[%s.,;:]{0,10})?\[\^([0-9]{1,18})\]', howdah_private.space_class()) collate "C"))
  select case when q.is_quote
      then regexp_instr(answer collate "C", f.pattern, 1, m.place::int) - 1
      else o.end_offset - length(m.parts[3]) - 3 end,
    o.end_offset, case when q.is_quote then substr(m.parts[2], 2, length(m.parts[2]) - 2) end,
    m.parts[3]::bigint
  from form as f
  cross join lateral regexp_matches(answer collate "C", f.pattern, 'g')
    with ordinality as m (parts, place)
  cross join lateral (
    select regexp_instr(answer collate "C", f.pattern, 1, m.place::int, 1) - 1 as end_offset
  ) as o
  cross join lateral (
    select m.parts[2] collate "C" ~ '[0-9A-Za-z\u00c0-\u1fff\u2c00-\U0010ffff]' as is_quote
  ) as q
  where position('[^' in answer) > 0
  limit 200
$$;

-- Returns whether a text has the quote. Runs of white space are equal to each other.
create or replace function howdah_private.has_quote(content text, quote text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select has_quote.quote is null or position(
    btrim(regexp_replace(has_quote.quote collate "C", s.spaces, ' ', 'g'))
    in regexp_replace(has_quote.content collate "C", s.spaces, ' ', 'g')) > 0
  from (select format('[%s]+', howdah_private.space_class()) collate "C" as spaces) as s
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
    where r.tenant_id = e.tenant_id and r.execution_id = e.id and r.chunk_number = m.chunk_number
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
