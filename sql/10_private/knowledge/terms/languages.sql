-- Languages of documents. Each chunk has the terms of its own language, so a base may have several.
--
--   documents.language           what the writer says; a code of ISO 639-1, or simple
--   documents.detected_language  what a worker has found (src/knowledge/detect-language.ts)
--   chunks.language              the text search configuration; null for that of the base
--
-- Terms of chunks in another language than that of the base begin with its name and a space, which
-- no term contains. So `die` of English chunks is another term than `die` of German ones. A query
-- has the terms of all languages of the base (compound_terms.sql).

-- Returns the languages of documents: those that workers detect, and those of Postgres.
create or replace function howdah_private.document_languages()
  returns table (code text, name text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select split_part(l.line, ' ', 1), split_part(l.line, ' ', 2)
  from unnest(string_to_array('am amharic,ar arabic,az azerbaijani,be belarusian,bg bulgarian,'
    'bn bengali,ca catalan,cs czech,da danish,de german,el greek,en english,es spanish,et estonian,'
    'eu basque,fa persian,fi finnish,fr french,ga irish,gu gujarati,he hebrew,hi hindi,hr croatian,'
    'hu hungarian,hy armenian,id indonesian,is icelandic,it italian,ja japanese,ka georgian,'
    'kn kannada,ko korean,ku kurdish,lo lao,lt lithuanian,lv latvian,ml malayalam,mr marathi,'
    'ms malay,ne nepali,nl dutch,no norwegian,or odia,pa punjabi,pl polish,pt portuguese,'
    'ro romanian,ru russian,simple simple,sk slovak,sl slovene,sq albanian,sr serbian,sv swedish,'
    'ta tamil,te telugu,th thai,tl tagalog,tr turkish,uk ukrainian,ur urdu,vi vietnamese,'
    'yi yiddish,yo yoruba,zh chinese', ',')) as l (line)
$$;

-- Returns the text search configuration of a language: that of its name, that of a language which
-- workers do not tell from it, or simple. Null for null.
create or replace function howdah_private.configuration_of(code text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
      select c.cfgname::text from pg_ts_config as c
      where c.cfgnamespace = 'pg_catalog'::regnamespace and c.cfgname = case l.code
        when 'ms' then 'indonesian' when 'hr' then 'serbian' else l.name end),
    'simple')
  from howdah_private.document_languages() as l where l.code = configuration_of.code
$$;

-- Returns whether workers detect the languages of documents of a base. They do not know all
-- languages: texts in that of such a base would be taken for texts in another one.
create or replace function howdah_private.detects_languages(base howdah.knowledge_bases)
  returns boolean
  language sql immutable
  return base.detects_language and base.language <> all ('{irish,nepali,yiddish}');

-- Returns the text search configuration for the chunks of a document; null for that of the base.
create or replace function howdah_private.language_of_chunks(
  document howdah.documents, base howdah.knowledge_bases
) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select nullif(howdah_private.configuration_of(coalesce(document.language,
      case when howdah_private.detects_languages(base) then document.detected_language end)),
    base.language)
$$;

-- Returns the text search configurations of the chunks of a base, with the prefix of their terms
-- and the number of chunks.
create or replace function howdah_private.languages_of_base(base howdah.knowledge_bases)
  returns table (language text, prefix text, chunks bigint)
  language sql stable rows 2
  set search_path = pg_catalog, pg_temp
as $$
  with sizes as materialized (
    select s.language, sum(s.chunks)::bigint as chunks
    from howdah_private.knowledge_base_sizes as s
    where s.knowledge_base_id = base.id group by s.language
  )
  select base.language, '', coalesce((select s.chunks from sizes as s where s.language is null), 0)
  union all
  select s.language, s.language || ' ', s.chunks from sizes as s
  where s.language is not null and s.chunks > 0
$$;

-- Returns the languages of a base, and how much the words of a query count in each. A query leaves
-- out the most stop words in its own language, so that one has the weight 1, and the others 0.8.
create or replace function howdah_private.languages_of_query(
  base howdah.knowledge_bases, query text
) returns table (language text, prefix text, chunks bigint, weight float8)
  language sql stable rows 2
  set search_path = pg_catalog, pg_temp
as $$
  with indexed as materialized (
    select l.*, (
        select count(distinct p.position)
        from unnest(to_tsvector(l.language::regconfig, languages_of_query.query)) as t
        cross join lateral unnest(t.positions) as p (position)
      ) as words
    from howdah_private.languages_of_base(base) as l
  )
  select i.language, i.prefix, i.chunks,
    case when i.words > min(i.words) filter (where i.chunks > 0) over () then 0.8
      else 1 end::float8
  from indexed as i
$$;

-- Gives the chunks of a document the terms of its language, if they have those of another one. They
-- keep their numbers and vectors, since their text is the same.
create or replace function howdah_private.reindex_chunks(
  document howdah.documents, base howdah.knowledge_bases
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_language text := howdah_private.language_of_chunks(document, base);
  v_numbers bigint[] := array(
    select c.number from howdah.chunks as c
    where c.tenant_id = document.tenant_id and c.document_id = document.id
      and c.language is distinct from v_language);
begin
  if v_numbers = '{}' then
    return;
  end if;
  delete from howdah_private.chunk_terms as t where t.chunk_number = any (v_numbers);
  with changed as materialized (
    select c.number, c.language, c.length,
      to_tsvector(coalesce(v_language, base.language)::regconfig, concat_ws(E'\n', document.title,
        array_to_string(c.heading_path, E'\n'), c.content)) as terms
    from howdah.chunks as c where c.number = any (v_numbers)
  ),
  counted as materialized (
    select c.*, (
      select coalesce(sum(cardinality(t.positions)), 0)::int from unnest(c.terms) as t
    ) as new_length
    from changed as c
  ),
  terms as (
    insert into howdah_private.chunk_terms
      (knowledge_base_id, chunk_number, length, frequency, term)
    select base.id, c.number, c.new_length, cardinality(t.positions),
      concat(v_language || ' ', t.lexeme)
    from counted as c cross join lateral unnest(c.terms) as t
  ),
  sizes as (
    insert into howdah_private.knowledge_base_sizes (knowledge_base_id, language, chunks, terms)
    select base.id, c.language, -count(*), -sum(c.length) from counted as c group by c.language
    union all
    select base.id, v_language, count(*), sum(c.new_length) from counted as c
  )
  update howdah.chunks as c set language = v_language, length = n.new_length
  from counted as n where c.number = n.number;
end $$;
