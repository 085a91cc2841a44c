-- Writes the chunks of a document. A chunk with the same digest as before keeps its row and its
-- terms; only its place may change, and the parts of its compounds (terms/compound_terms.sql).

-- Writes the chunks that a worker has made of a document, and marks the document as ready. Writes
-- nothing, and returns false, if the document was edited or deleted meanwhile. `pieces` is a list
-- of {content, heading_path, start_offset, end_offset, page} in the order of the text. `content` is
-- the text that was read from a file or URL, and `source` is what the answer of the URL says of it:
-- {type, etag, last_modified}. A document of a URL without it has its stored text, so its next
-- reading stays when it was. Chunks of a file that a run wrote have at most its trust, and those
-- of a URL are external. `detected_language` is what the worker has found, null for undecided.
create or replace function howdah_private.store_chunks(
  document_id uuid, claim text, pieces jsonb, content text default null,
  source jsonb default null, detected_language text default null
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(store_chunks.document_id, store_chunks.claim);
  v_base howdah.knowledge_bases;
  v_is_read boolean := v_document.url is null or store_chunks.source is not null;
begin
  if v_document.id is null then
    return false;
  end if;
  select b.* into v_base from howdah.knowledge_bases as b
  where b.tenant_id = v_document.tenant_id and b.id = v_document.knowledge_base_id;
  v_base.trust := greatest(v_base.trust,
    case when v_document.url is not null then 'external'::howdah.trust end, (
    select howdah_private.resource_trust(r.tenant_id, r.id) from howdah.resources as r
    where r.tenant_id = v_document.tenant_id and r.id = v_document.resource_id
      and r.metadata ?| '{written_by_execution_id,trust}'));
  v_document.detected_language := case when howdah_private.detects_languages(v_base)
    then store_chunks.detected_language end;
  perform howdah_private.replace_chunks(v_document, v_base, store_chunks.pieces);
  update howdah.documents as d set status = 'ready', status_at = clock_timestamp(),
    error = case when not v_is_read then d.error end,
    content = coalesce(store_chunks.content, d.content),
    type = coalesce(store_chunks.source ->> 'type', d.type),
    detected_language = v_document.detected_language,
    read_at = case when store_chunks.source is not null then clock_timestamp() else d.read_at end
  where d.id = v_document.id;
  update howdah_private.due_documents as u
  set etag = store_chunks.source ->> 'etag',
    last_modified = store_chunks.source ->> 'last_modified'
  where u.document_id = v_document.id and store_chunks.source is not null;
  delete from howdah_private.recognized_pages as p
  using howdah_private.due_documents as u -- the file has no scans any more
  where u.document_id = v_document.id and not u.needs_recognition and p.document_id = u.document_id
    and v_is_read;
  perform howdah_private.schedule_reading(v_document,
    case when v_is_read then clock_timestamp() else v_document.read_at end);
  return true;
end $$;

-- Deletes chunks that are no longer in the text, moves the others, gives them the trust of the
-- base and the terms of the language, and adds the new ones. Then indexes the parts of compounds in
-- all of them, since the base may have other words by now.
create or replace function howdah_private.replace_chunks(
  document howdah.documents, base howdah.knowledge_bases, pieces jsonb
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  with wanted as (
    select p.*, row_number() over (partition by p.digest order by p.seq) as copy
    from howdah_private.digested_pieces(document, base, replace_chunks.pieces) as p
  ),
  present as (
    select c.id, c.digest, row_number() over (partition by c.digest order by c.seq) as copy
    from howdah.chunks as c where c.tenant_id = document.tenant_id and c.document_id = document.id
  ),
  matched as materialized (
    select w.seq, w.start_offset, w.end_offset, w.page, p.id
    from present as p left join wanted as w on w.digest = p.digest and w.copy = p.copy
  ),
  deleted as (
    delete from howdah.chunks as c using matched as m where c.id = m.id and m.seq is null
  )
  update howdah.chunks as c
  set seq = m.seq, start_offset = m.start_offset, end_offset = m.end_offset, page = m.page,
    trust = base.trust
  from matched as m
  where c.id = m.id and m.seq is not null
    and (c.seq, c.start_offset, c.end_offset, c.page, c.trust)
      is distinct from (m.seq, m.start_offset, m.end_offset, m.page, base.trust);
  perform howdah_private.reindex_chunks(document, base);
  perform howdah_private.insert_chunks(document, base, replace_chunks.pieces);
  perform howdah_private.index_parts(document, base);
end $$;

-- Adds the chunks of a document that have no row yet, with their terms.
create or replace function howdah_private.insert_chunks(
  document howdah.documents, base howdah.knowledge_bases, pieces jsonb
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_language text := howdah_private.language_of_chunks(document, base);
begin
  with fresh as materialized (
    select p.*, to_tsvector(coalesce(v_language, base.language)::regconfig, p.words) as terms
    from howdah_private.digested_pieces(document, base, insert_chunks.pieces) as p
    where not exists (
      select from howdah.chunks as c
      where c.tenant_id = document.tenant_id and c.document_id = document.id and c.seq = p.seq)
  ),
  added as (
    insert into howdah.chunks (tenant_id, knowledge_base_id, document_id, seq, start_offset,
      end_offset, page, length, trust, digest, language, heading_path, content)
    select document.tenant_id, base.id, document.id, f.seq, f.start_offset, f.end_offset, f.page, (
        select coalesce(sum(cardinality(t.positions)), 0) from unnest(f.terms) as t),
      base.trust, f.digest, v_language, f.heading_path, f.content
    from fresh as f order by f.seq
    returning number, seq, length
  )
  insert into howdah_private.chunk_terms (knowledge_base_id, chunk_number, length, frequency, term)
  select base.id, a.number, a.length, cardinality(t.positions),
    concat(v_language || ' ', t.lexeme)
  from added as a join fresh as f on f.seq = a.seq cross join lateral unnest(f.terms) as t;
end $$;

-- Returns the pieces of a document with their numbers, their digests, and the words to search.
create or replace function howdah_private.digested_pieces(
  document howdah.documents, base howdah.knowledge_bases, pieces jsonb
) returns table (
  seq int, digest text, words text, content text, heading_path text[], start_offset int,
  end_offset int, page int
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select p.place::int, md5(jsonb_build_array(base.language, document.title, h.path,
      p.piece ->> 'content')::text), w.words, p.piece ->> 'content',
    h.path, (p.piece ->> 'start_offset')::int, (p.piece ->> 'end_offset')::int,
    (p.piece ->> 'page')::int
  from jsonb_array_elements(digested_pieces.pieces) with ordinality as p (piece, place)
  cross join lateral (
    select array(select jsonb_array_elements_text(p.piece -> 'heading_path')) as path
  ) as h
  cross join lateral (
    select concat_ws(E'\n', document.title, array_to_string(h.path, E'\n'),
      p.piece ->> 'content') as words
  ) as w
$$;
