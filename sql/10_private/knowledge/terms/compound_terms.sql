-- German compounds, whole and in parts. A compound is what consists of two terms that the base has,
-- so no list of words is needed. Parts are found in both directions:
--
--   documents  Datenbankserver is also indexed as Datenbank and Server
--   questions  Umsatzsteuervoranmeldung also asks for Umsatzsteuer and Voranmeldung
--
-- A term of a part has a plus sign after its language: `german+ datenbank` beside
-- `german datenbank` (in a German base `+ datenbank` beside `datenbank`). So parts are no words of
-- the base: they divide no other word, and the length of a chunk is that of its own words. A part
-- counts 0.4 times as much as a word. How rare a word is depends on the chunks that have it in
-- either way.
--
-- The parts of a document are those of the words that the base has when the document is divided. A
-- word that comes later divides the documents that are divided after it, and all questions at once.

-- Returns the two terms of a base that each of the terms consists of, of which the shorter one is
-- as long as possible; no rows for a term that is no compound. Both have four letters or more,
-- since shorter ones are often parts of other words by chance. A linking element, such as the s in
-- Arbeitsplatz, may stand between them. Terms of the base have the prefix. `offset 0` keeps the
-- planner from reading all terms of the base.
create or replace function howdah_private.compound_parts(
  knowledge_base_id uuid, terms text[], prefix text
) returns table (term text, part text)
  language sql stable rows 20
  set search_path = pg_catalog, pg_temp set jit = off
as $$
  with halves as (
    select u.term, left(u.term, i - length(l.link)) as first, substr(u.term, i + 1) as second
    from unnest(compound_parts.terms) as u (term)
    cross join lateral generate_series(4, length(u.term) - 4) as i
    cross join unnest('{"",s,es,n,en,er,e}'::text[]) as l (link)
    where u.term ~ '^[a-z]{8,64}$' and i - length(l.link) >= 4
      and right(left(u.term, i), length(l.link)) = l.link
  ),
  best as (
    select distinct on (h.term) h.term, h.first, h.second from halves as h
    where exists (
        select from howdah_private.chunk_terms as t
        where t.knowledge_base_id = compound_parts.knowledge_base_id
          and t.term = compound_parts.prefix || h.second offset 0)
      and exists (
        select from howdah_private.chunk_terms as t
        where t.knowledge_base_id = compound_parts.knowledge_base_id
          and t.term = compound_parts.prefix || h.first offset 0)
    order by h.term, least(length(h.first), length(h.second)) desc, length(h.first) desc, h.first
  )
  select b.term, p.part from best as b cross join lateral (values (b.first), (b.second)) as p (part)
$$;

-- Indexes the parts of the compounds of a document, by the words that the base has now. Of a
-- document with more than 20,000 different long words, only as many are divided.
create or replace function howdah_private.index_parts(
  document howdah.documents, base howdah.knowledge_bases
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_language text := howdah_private.language_of_chunks(document, base);
  v_prefix text := concat(v_language || ' ');
  v_part_prefix text := concat(v_language, '+ ');
  v_numbers bigint[];
  v_words text[];
begin
  if coalesce(v_language, base.language) <> 'german' then
    return;
  end if;
  v_numbers := array(
    select c.number from howdah.chunks as c
    where c.tenant_id = document.tenant_id and c.document_id = document.id);
  delete from howdah_private.chunk_terms as t
  where t.chunk_number = any (v_numbers) and strpos(t.term, '+ ') > 0;
  v_words := array(
    select distinct substr(t.term, length(v_prefix) + 1) from howdah_private.chunk_terms as t
    where t.chunk_number = any (v_numbers) and length(t.term) - length(v_prefix) >= 8 limit 20000);
  with compounds as materialized (
    select v_prefix || p.term as term, p.part
    from howdah_private.compound_parts(base.id, v_words, v_prefix) as p
  )
  insert into howdah_private.chunk_terms
    (knowledge_base_id, chunk_number, length, frequency, term)
  select base.id, t.chunk_number, t.length, sum(t.frequency), v_part_prefix || c.part
  from howdah_private.chunk_terms as t join compounds as c on c.term = t.term
  where t.chunk_number = any (v_numbers)
  group by t.chunk_number, t.length, c.part;
end $$;

-- Returns the terms of a query in all languages of a base, and how often it has each. A part of a
-- compound counts 0.4 times, both one of the query and one in documents. A word in a language that
-- is not that of the query counts 0.8 times (languages_of_query).
--
-- `twins` are all terms of the same word: those of other languages, and those of parts.
-- `part` is the term of the word as a part, and `whole` as a word of its own. `left_out` is the
-- number of chunks whose languages leave the word out. A word is as frequent in the base as in all
-- languages together: else `package`, a rare word in German chunks, would count more there than in
-- English ones, and so would `die`, which German leaves out as too frequent. The parser is that of
-- all languages, so a word has the same position in each.
create or replace function howdah_private.terms_of_query(base howdah.knowledge_bases, query text)
  returns table (
    term text, frequency float8, twins text[], left_out bigint, whole text, part text
  )
  language sql stable rows 20
  set search_path = pg_catalog, pg_temp
as $$
  with languages as materialized (
    select l.*, case when l.language = 'german' then rtrim(l.prefix) || '+ ' end as part_prefix
    from howdah_private.languages_of_query(base, terms_of_query.query) as l
  ),
  words as materialized (
    select p.position, l.language, l.prefix, l.weight, t.lexeme, l.prefix || t.lexeme as whole,
      l.part_prefix || t.lexeme as part
    from languages as l
    cross join lateral
      unnest(to_tsvector(l.language::regconfig, terms_of_query.query)) as t
    cross join lateral unnest(t.positions) as p (position)
  ),
  written as materialized (
    select w.language, w.prefix, w.lexeme, w.whole, w.part, sum(w.weight) as frequency,
      min(w.position) as position
    from words as w group by w.language, w.prefix, w.lexeme, w.whole, w.part
  ),
  asked as (
    select w.whole, w.part, w.frequency, f.twins, f.german, f.german_part, (
        select coalesce(sum(l.chunks), 0)::bigint from languages as l
        where not exists (
          select from words as o where o.position = w.position and o.prefix = l.prefix)) as left_out
    from written as w
    cross join lateral (
      select array_agg(o.whole) || array_remove(array_agg(o.part), null) as twins,
        max(o.whole) filter (where o.part is not null) as german, max(o.part) as german_part
      from words as o where o.position = w.position
    ) as f
    union all
    select d.whole, d.part, 0.4 * w.frequency, array[d.whole, d.part], d.whole, d.part, 0
    from written as w
    cross join lateral howdah_private.compound_parts(
      base.id, array[w.lexeme], w.prefix) as p
    cross join lateral (
      select w.prefix || p.part as whole, rtrim(w.prefix) || '+ ' || p.part as part
    ) as d
    where w.language = 'german'
  )
  select distinct on (t.term) t.term, sum(a.frequency * t.weight) over (partition by t.term),
    a.twins, a.left_out, a.german, a.german_part
  from asked as a
  cross join lateral (values (a.whole, 1.0::float8), (a.part, 0.4)) as t (term, weight)
  where t.term is not null
  order by t.term, cardinality(a.twins) desc, a.left_out desc
$$;
