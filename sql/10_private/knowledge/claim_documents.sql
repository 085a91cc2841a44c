-- Claims of documents by workers. Two batch jobs share the queue due_documents. Recognizing the
-- text of images takes minutes, so documents that need it have lanes and slots of their own, and
-- hold up no other document, not even of the same base.

-- Returns the bases that have due documents, at most 1,000, those of the oldest documents first, or
-- none in a pause. With `recognizes`, those of the job recognize_document, else those of
-- ingest_document. Skips from base to base in the index.
create or replace function howdah_private.due_knowledge_bases(recognizes boolean default false)
  returns table (tenant_id uuid, knowledge_base_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  with recursive bases (tenant_id, id) as (
    (select u.tenant_id, u.knowledge_base_id from howdah_private.due_documents as u
      where u.needs_recognition = due_knowledge_bases.recognizes
      order by u.tenant_id, u.knowledge_base_id limit 1)
    union all
    select n.tenant_id, n.knowledge_base_id from bases as b
    cross join lateral (
      select u.tenant_id, u.knowledge_base_id from howdah_private.due_documents as u
      where u.needs_recognition = due_knowledge_bases.recognizes
        and (u.tenant_id, u.knowledge_base_id) > (b.tenant_id, b.id)
      order by u.tenant_id, u.knowledge_base_id limit 1
    ) as n
  )
  select b.tenant_id, b.id from bases as b
  cross join lateral (
    select u.due_at from howdah_private.due_documents as u
    where u.needs_recognition = due_knowledge_bases.recognizes and u.tenant_id = b.tenant_id
      and u.knowledge_base_id = b.id
    order by u.due_at limit 1
  ) as f
  where f.due_at <= clock_timestamp()
    and not (select howdah_private.is_batch_job_paused(case
      when due_knowledge_bases.recognizes then 'recognize_document' else 'ingest_document' end))
  order by f.due_at limit 1000
$$;

-- Locks documents of a base that are due, the oldest first, and returns their ids. Those of URLs
-- that are fetched come when no other is due, since their servers decide how long they take.
create or replace function howdah_private.lock_due_documents(
  tenant_id uuid, knowledge_base_id uuid, at_most int, reads_files boolean, reads_urls boolean,
  reads_images boolean, calls_models boolean, recognizes boolean, reads_stored boolean
) returns uuid[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_needs_model boolean := not lock_due_documents.calls_models and exists (
    select from howdah.knowledge_bases as b
    where b.tenant_id = lock_due_documents.tenant_id and b.ocr_model_id is not null
      and b.id = lock_due_documents.knowledge_base_id);
  v_ids uuid[];
begin
  v_ids := array(
    select d.id from howdah_private.due_documents as u
    join howdah.documents as d on d.tenant_id = u.tenant_id and d.id = u.document_id
    where u.tenant_id = lock_due_documents.tenant_id
      and u.knowledge_base_id = lock_due_documents.knowledge_base_id
      and u.needs_recognition = lock_due_documents.recognizes
      and u.due_at <= clock_timestamp()
      and (d.url is null or (lock_due_documents.reads_stored and not u.reads_source))
      and (lock_due_documents.reads_files or d.resource_id is null)
      and (d.resource_id is null or not v_needs_model)
      and (lock_due_documents.reads_images or d.type not like 'image/%')
    order by u.due_at limit lock_due_documents.at_most
    for no key update of d skip locked);
  if v_ids <> '{}' or not lock_due_documents.reads_urls or v_needs_model then
    return v_ids;
  end if;
  return array(
    select d.id from howdah_private.due_documents as u
    join howdah.documents as d on d.tenant_id = u.tenant_id and d.id = u.document_id
    where u.tenant_id = lock_due_documents.tenant_id
      and u.knowledge_base_id = lock_due_documents.knowledge_base_id
      and u.needs_recognition = lock_due_documents.recognizes
      and u.due_at <= clock_timestamp() and d.url is not null
    order by u.due_at limit lock_due_documents.at_most
    for no key update of d skip locked);
end $$;

-- Claims due documents of a base. Returns them with the settings of the base. A document whose
-- worker ended in each of three attempts fails. Another worker may have claimed one between the
-- search and the lock, so each statement looks at due_at again. A worker of an earlier version does
-- not know `reads_files`, `reads_urls` and `reads_images`, and gets no documents of files, URLs and
-- images. One that does not know `calls_models` gets none of a base whose model recognizes text,
-- and no document that needs it. Their text from before is not returned, unless `is_stored`: only
-- the language, trust or chunking of a URL has changed. Its chunks are then stored_pieces. A
-- worker that does not know `reads_stored` fetches the URL.
create or replace function howdah_private.claim_documents(
  tenant_id uuid, knowledge_base_id uuid, at_most int, reads_files boolean default false,
  reads_urls boolean default false, reads_images boolean default false,
  calls_models boolean default false, recognizes boolean default false,
  reads_stored boolean default false
) returns table (
  id uuid, claim text, title text, type text, content text, chunking jsonb, resource_id uuid,
  url text, etag text, last_modified text, detects_language boolean, has_ocr_model boolean,
  is_stored boolean
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids uuid[] := howdah_private.lock_due_documents(claim_documents.tenant_id,
    claim_documents.knowledge_base_id, claim_documents.at_most, claim_documents.reads_files,
    claim_documents.reads_urls, claim_documents.reads_images, claim_documents.calls_models,
    claim_documents.recognizes, claim_documents.reads_stored);
begin
  perform howdah_private.merge_sizes(claim_documents.knowledge_base_id);
  perform howdah_private.fail_document(u.document_id, to_jsonb(u.due_at) #>> '{}', 'crashed',
    '3 attempts to divide the document ended without a result')
  from howdah_private.due_documents as u
  where u.document_id = any (v_ids) and u.attempts >= 3 and u.due_at <= clock_timestamp();
  update howdah.documents as d set status = 'working', status_at = clock_timestamp()
  from howdah_private.due_documents as u
  where d.id = any (v_ids) and u.document_id = d.id and u.tenant_id = d.tenant_id
    and u.due_at <= clock_timestamp();
  return query
  update howdah_private.due_documents as u
  set attempts = u.attempts + 1, due_at = clock_timestamp() + interval '2 minutes'
  from howdah.documents as d
  join howdah.knowledge_bases as b on b.tenant_id = d.tenant_id and b.id = d.knowledge_base_id
  where u.document_id = any (v_ids) and d.id = u.document_id and d.tenant_id = u.tenant_id
    and u.due_at <= clock_timestamp()
  returning d.id, to_jsonb(u.due_at) #>> '{}', d.title, d.type,
    case when num_nonnulls(d.resource_id, d.url) = 0
      or (claim_documents.reads_stored and not u.reads_source and d.type like 'text/%')
      then d.content else '' end, b.chunking, d.resource_id,
    case when u.reads_source or not claim_documents.reads_stored then d.url end,
    u.etag, u.last_modified, howdah_private.detects_languages(b), b.ocr_model_id is not null,
    claim_documents.reads_stored and not u.reads_source;
end $$;

-- Returns the chunks of a document as the pieces that they were made of.
create or replace function howdah_private.stored_pieces(document_id uuid)
  returns table (
    content text, heading_path text[], start_offset int, end_offset int, page int
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select c.content, c.heading_path, c.start_offset, c.end_offset, c.page
  from howdah.chunks as c
  where c.document_id = stored_pieces.document_id and c.tenant_id = (
    select d.tenant_id from howdah.documents as d where d.id = stored_pieces.document_id)
  order by c.seq
$$;
