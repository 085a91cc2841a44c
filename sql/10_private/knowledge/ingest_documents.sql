-- Ingestion: documents become chunks, and chunks become terms, in the batch job ingest_document.
--
--   insert, edit         → status pending, a row in due_documents   (30_triggers/knowledge.sql)
--   claim_documents      → status working, due again in two minutes, in case the worker dies
--   a thread of a worker → divides the text (src/knowledge); of a file or URL, a process reads it
--   store_chunks         → writes chunks and terms, and the text of a file, status ready, in one
--                          transaction
--   fail_document        → status failed, with the reason
--   postpone_document    → status pending, with the reason, if this worker cannot read the file
--   schedule_reading     → a document of a URL is due again after its reread_seconds
--
-- A document of a URL keeps its last good text: if it has one, it stays ready, with the reason.
--
-- A knowledge base is a lane, so bases and tenants take turns. `claim` is the time of due_at at the
-- claim. An edit sets due_at, so the worker that has the earlier text stores nothing.
--
-- A transaction locks the row of a document before its row in due_documents, as an edit does.

-- Adds documents to the queue, as never tried.
create or replace function howdah_private.enqueue_documents(ids uuid[]) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.due_documents as u (document_id, tenant_id, knowledge_base_id)
  select d.id, d.tenant_id, d.knowledge_base_id from howdah.documents as d
  where d.id = any (enqueue_documents.ids)
  on conflict (document_id) do update
  set due_at = clock_timestamp(), attempts = 0, first_postponed_at = null, postponed = 0,
    etag = null, last_modified = null
$$;

-- Returns the bases that have due documents, at most 1,000, those of the oldest documents first, or
-- none in a pause. Skips from base to base in the index.
create or replace function howdah_private.due_knowledge_bases()
  returns table (tenant_id uuid, knowledge_base_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  with recursive bases (tenant_id, id) as (
    (select u.tenant_id, u.knowledge_base_id from howdah_private.due_documents as u
      order by u.tenant_id, u.knowledge_base_id limit 1)
    union all
    select n.tenant_id, n.knowledge_base_id from bases as b
    cross join lateral (
      select u.tenant_id, u.knowledge_base_id from howdah_private.due_documents as u
      where (u.tenant_id, u.knowledge_base_id) > (b.tenant_id, b.id)
      order by u.tenant_id, u.knowledge_base_id limit 1
    ) as n
  )
  select b.tenant_id, b.id from bases as b
  cross join lateral (
    select u.due_at from howdah_private.due_documents as u
    where u.tenant_id = b.tenant_id and u.knowledge_base_id = b.id order by u.due_at limit 1
  ) as f
  where f.due_at <= clock_timestamp()
    and not (select howdah_private.is_batch_job_paused('ingest_document'))
  order by f.due_at limit 1000
$$;

-- Locks documents of a base that are due, the oldest first, and returns their ids. Those of URLs
-- come when no other is due, since their servers decide how long they take.
create or replace function howdah_private.lock_due_documents(
  tenant_id uuid, knowledge_base_id uuid, at_most int, reads_files boolean, reads_urls boolean,
  reads_images boolean
) returns uuid[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_ids uuid[];
begin
  v_ids := array(
    select d.id from howdah_private.due_documents as u
    join howdah.documents as d on d.tenant_id = u.tenant_id and d.id = u.document_id
    where u.tenant_id = lock_due_documents.tenant_id
      and u.knowledge_base_id = lock_due_documents.knowledge_base_id
      and u.due_at <= clock_timestamp() and d.url is null
      and (lock_due_documents.reads_files or d.resource_id is null)
      and (lock_due_documents.reads_images or d.type not like 'image/%')
    order by u.due_at limit lock_due_documents.at_most
    for no key update of d skip locked);
  if v_ids <> '{}' or not lock_due_documents.reads_urls then
    return v_ids;
  end if;
  return array(
    select d.id from howdah_private.due_documents as u
    join howdah.documents as d on d.tenant_id = u.tenant_id and d.id = u.document_id
    where u.tenant_id = lock_due_documents.tenant_id
      and u.knowledge_base_id = lock_due_documents.knowledge_base_id
      and u.due_at <= clock_timestamp() and d.url is not null
    order by u.due_at limit lock_due_documents.at_most
    for no key update of d skip locked);
end $$;

-- Claims due documents of a base. Returns them with the settings of the base. A document whose
-- worker ended in each of three attempts fails. Another worker may have claimed one between the
-- search and the lock, so each statement looks at due_at again. A worker of an earlier version does
-- not know `reads_files`, `reads_urls` and `reads_images`, and gets no documents of files, URLs and
-- images. Their text from before is not returned.
create or replace function howdah_private.claim_documents(
  tenant_id uuid, knowledge_base_id uuid, at_most int, reads_files boolean default false,
  reads_urls boolean default false, reads_images boolean default false
) returns table (
  id uuid, claim text, title text, type text, content text, chunking jsonb, resource_id uuid,
  url text, etag text, last_modified text, detects_language boolean
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids uuid[] := howdah_private.lock_due_documents(claim_documents.tenant_id,
    claim_documents.knowledge_base_id, claim_documents.at_most, claim_documents.reads_files,
    claim_documents.reads_urls, claim_documents.reads_images);
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
    case when num_nonnulls(d.resource_id, d.url) = 0 then d.content else '' end, b.chunking,
    d.resource_id, d.url, u.etag, u.last_modified, howdah_private.detects_languages(b);
end $$;

-- Locks a document if the claim still holds. Returns null if the document was edited or deleted.
create or replace function howdah_private.lock_claimed_document(document_id uuid, claim text)
  returns howdah.documents
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_document howdah.documents;
begin
  select d.* into v_document from howdah.documents as d
  where d.id = lock_claimed_document.document_id for no key update;
  perform from howdah_private.due_documents as u
  where u.document_id = lock_claimed_document.document_id
    and u.due_at = lock_claimed_document.claim::timestamptz;
  return case when found then v_document end;
end $$;

-- Removes a document from the queue after an attempt. One of a URL that is read again is due after
-- its interval.
create or replace function howdah_private.schedule_reading(document howdah.documents) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if document.reread_seconds is null then
    delete from howdah_private.due_documents as u where u.document_id = document.id;
  else
    update howdah_private.due_documents as u
    set due_at = clock_timestamp() + make_interval(secs => document.reread_seconds),
      attempts = 0, postponed = 0, first_postponed_at = null
    where u.document_id = document.id;
  end if;
end $$;

-- Records that a URL has not changed since it was last read.
create or replace function howdah_private.keep_document(document_id uuid, claim text)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(keep_document.document_id, keep_document.claim);
begin
  if v_document.id is null then
    return false;
  end if;
  update howdah.documents as d
  set status = 'ready', status_at = clock_timestamp(), error = null, read_at = clock_timestamp()
  where d.id = v_document.id;
  perform howdah_private.schedule_reading(v_document);
  return true;
end $$;

-- Marks a document as failed, and deletes its chunks, whose offsets may no longer fit. A document
-- of a URL that was read before keeps its text and chunks.
create or replace function howdah_private.fail_document(
  document_id uuid, claim text, code text, message text
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(fail_document.document_id, fail_document.claim);
begin
  if v_document.id is null then
    return false;
  end if;
  delete from howdah.chunks as c
  where c.tenant_id = v_document.tenant_id and c.document_id = v_document.id
    and v_document.read_at is null;
  update howdah.documents as d set status_at = clock_timestamp(),
    status = case when d.read_at is null then 'failed'::howdah.document_status else 'ready' end,
    error = jsonb_build_object('code', fail_document.code, 'message', fail_document.message)
  where d.id = v_document.id;
  perform howdah_private.schedule_reading(v_document);
  return true;
end $$;

-- Makes a document wait, since the worker cannot read its file or URL now. That is no fault of the
-- document, so the attempt does not count. A file is due again soon, as another worker may read it:
-- after 5 seconds, then 10, 20 and so on, up to 10 minutes. A URL is due after a minute, then two,
-- four and so on, up to an hour. It fails when it has waited for longer than the limit.
create or replace function howdah_private.postpone_document(
  document_id uuid, claim text, message text, limit_seconds float8
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(postpone_document.document_id, postpone_document.claim);
  v_limit interval := make_interval(secs => postpone_document.limit_seconds);
begin
  if v_document.id is null then
    return false;
  elsif exists (
      select from howdah_private.due_documents as u
      where u.document_id = v_document.id and u.first_postponed_at < clock_timestamp() - v_limit)
  then
    return howdah_private.fail_document(v_document.id, postpone_document.claim, 'unreachable',
      format('no worker could read it for %s hours: %s',
        trim_scale(round((limit_seconds / 3600)::numeric, 2)), postpone_document.message));
  end if;
  update howdah.documents as d set status_at = clock_timestamp(),
    status = case when d.read_at is null then 'pending'::howdah.document_status else 'ready' end,
    error = jsonb_build_object('code', 'unreachable', 'message', postpone_document.message)
  where d.id = v_document.id;
  update howdah_private.due_documents as u
  set attempts = u.attempts - 1, postponed = u.postponed + 1,
    first_postponed_at = coalesce(u.first_postponed_at, clock_timestamp()),
    due_at = clock_timestamp() + case
      when v_document.url is not null then howdah_private.retry_delay(u.postponed)
      else least(interval '5 seconds' * 2 ^ least(u.postponed, 10), interval '10 minutes') end
  where u.document_id = v_document.id;
  return true;
end $$;

-- Returns claimed documents that were not tried, so that they are due at once.
create or replace function howdah_private.return_documents(ids uuid[], claims text[])
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.documents as d set status = 'pending', status_at = clock_timestamp()
  from unnest(return_documents.ids, return_documents.claims) as c (id, claim)
  where d.id = c.id
    and (howdah_private.lock_claimed_document(c.id, c.claim)).id is not null;
  update howdah_private.due_documents as u
  set due_at = clock_timestamp(), attempts = u.attempts - 1
  from unnest(return_documents.ids, return_documents.claims) as c (id, claim)
  where u.document_id = c.id and u.due_at = c.claim::timestamptz;
end $$;

-- Merges the rows that hold the size of a base, if there are many.
create or replace function howdah_private.merge_sizes(knowledge_base_id uuid) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids bigint[] := array(
    select s.id from howdah_private.knowledge_base_sizes as s
    where s.knowledge_base_id = merge_sizes.knowledge_base_id limit 1000 for update skip locked);
begin
  if cardinality(v_ids) >= 50 then
    with merged as (
      delete from howdah_private.knowledge_base_sizes as s where s.id = any (v_ids)
      returning s.language, s.chunks, s.terms
    )
    insert into howdah_private.knowledge_base_sizes (knowledge_base_id, language, chunks, terms)
    select merge_sizes.knowledge_base_id, m.language, sum(m.chunks), sum(m.terms)
    from merged as m group by m.language;
  end if;
end $$;
