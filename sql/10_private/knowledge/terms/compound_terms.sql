-- Compounds in questions about German documents. Umsatzsteuervoranmeldung also finds chunks that
-- say Umsatzsteuer or Voranmeldung. A compound is what consists of two terms that the base has, so
-- no list of words is needed, and an edit of a document counts at once.

-- Returns the two terms of a base that a term consists of, of which the shorter one is as long as
-- possible; no row if there are none. Both have four letters or more. A linking element, such as
-- the s in Arbeitsplatz, may stand between them. Terms of the base have the prefix.
create or replace function howdah_private.compound_parts(
  knowledge_base_id uuid, term text, prefix text
) returns setof text
  language sql stable rows 2
  set search_path = pg_catalog, pg_temp
as $$
  with halves as (
    select left(compound_parts.term, i - length(l.link)) as first,
      substr(compound_parts.term, i + 1) as second
    from generate_series(4, length(compound_parts.term) - 4) as i
    cross join unnest('{"",s,es,n,en,er,e}'::text[]) as l (link)
    where i - length(l.link) >= 4 and right(left(compound_parts.term, i), length(l.link)) = l.link
  ),
  best as (
    select h.first, h.second from halves as h
    where compound_parts.term ~ '^[a-z]{8,}$' and (
      select bool_and(exists (
        select from howdah_private.chunk_terms as t
        where t.knowledge_base_id = compound_parts.knowledge_base_id
          and t.term = compound_parts.prefix || p.term))
      from (values (h.second), (h.first)) as p (term))
    order by least(length(h.first), length(h.second)) desc, length(h.first) desc, h.first limit 1
  )
  select p.term from best as b cross join lateral (values (b.first), (b.second)) as p (term)
$$;

-- Returns the terms of a query in all languages of a base, and how often it has each. A part of a
-- compound counts 0.4 times.
--
-- `twins` are the terms of the same word in the other languages, and `left_out` is the number of
-- chunks whose languages leave the word out. A word is as frequent in the base as in all languages
-- together: else `package`, a rare word in German chunks, would count more there than in English
-- ones, and so would `die`, which German leaves out as too frequent. The parser is that of all
-- languages, so a word has the same position in each.
create or replace function howdah_private.terms_of_query(base howdah.knowledge_bases, query text)
  returns table (term text, frequency float8, twins text[], left_out bigint)
  language sql stable rows 20
  set search_path = pg_catalog, pg_temp
as $$
  with languages as materialized (
    select l.* from howdah_private.languages_of_base(base) as l
  ),
  words as materialized (
    select l.language, l.prefix, t.lexeme, p.position
    from languages as l
    cross join lateral
      unnest(to_tsvector(l.language::regconfig, terms_of_query.query)) as t
    cross join lateral unnest(t.positions) as p (position)
  ),
  written as materialized (
    select w.language, w.prefix, w.lexeme, count(*)::float8 as frequency,
      min(w.position) as position
    from words as w group by w.language, w.prefix, w.lexeme
  )
  select t.term, sum(t.frequency), max(t.twins), max(t.left_out) from (
    select w.prefix || w.lexeme as term, w.frequency, array(
        select o.prefix || o.lexeme from words as o
        where o.position = w.position and o.prefix <> w.prefix) as twins, (
        select coalesce(sum(l.chunks), 0)::bigint from languages as l
        where not exists (
          select from words as o where o.position = w.position and o.prefix = l.prefix)) as left_out
    from written as w
    union all
    select w.prefix || p.term, 0.4 * w.frequency, '{}', 0
    from written as w
    cross join lateral howdah_private.compound_parts(base.id, w.lexeme, w.prefix) as p (term)
    where w.language = 'german'
  ) as t
  group by t.term
$$;
