-- Ingestion: documents become chunks, and chunks become terms, in the batch jobs ingest_document
-- and recognize_document.
--
--   insert, edit         → status pending, a row in due_documents   (30_triggers/knowledge.sql)
--   claim_documents      → status working, due again in two minutes, in case the worker dies
--   a thread of a worker → divides the text (src/knowledge); of a file or URL, a process reads it
--   await_recognition    → status pending, for recognize_document: the document shows images of
--                          text (recognize_documents.sql)
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

-- Returns whether a document of a URL, as it was before a change, need not be fetched after it: its
-- text and chunks are stored. After a change of chunking (`divides`), texts are divided again, and
-- the chunks of a file do not suffice. The text of an image depends on the language, unless a model
-- recognizes it.
create or replace function howdah_private.keeps_text(
  document_id uuid, knowledge_base_id uuid, url text, type text, status howdah.document_status,
  divides boolean
) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select keeps_text.url is not null
    and (not keeps_text.divides or keeps_text.type like 'text/%')
    and (keeps_text.type not like 'image/%' or exists (
      select from howdah.knowledge_bases as b
      where b.id = keeps_text.knowledge_base_id and b.ocr_model_id is not null))
    and (keeps_text.status = 'ready' or (keeps_text.status <> 'failed' and exists (
      select from howdah_private.due_documents as u
      where u.document_id = keeps_text.document_id and not u.reads_source)))
$$;

-- Adds documents to the queue, as never tried. Those of `stored_ids` are not read from their URL.
-- The text of images is recognized. Of other files, a worker finds out by reading them.
create or replace function howdah_private.enqueue_documents(
  ids uuid[], stored_ids uuid[] default '{}'
) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.due_documents as u
    (document_id, tenant_id, knowledge_base_id, needs_recognition, reads_source)
  select d.id, d.tenant_id, d.knowledge_base_id, d.type like 'image/%' and r.reads_source,
    r.reads_source
  from howdah.documents as d
  cross join lateral (select d.id <> all (enqueue_documents.stored_ids)) as r (reads_source)
  where d.id = any (enqueue_documents.ids)
  on conflict (document_id) do update
  set due_at = clock_timestamp(), attempts = 0, first_postponed_at = null, postponed = 0,
    etag = case when not excluded.reads_source then u.etag end,
    last_modified = case when not excluded.reads_source then u.last_modified end,
    needs_recognition = excluded.needs_recognition, reads_source = excluded.reads_source
$$;

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
create or replace function howdah_private.schedule_reading(
  document howdah.documents, since timestamptz default clock_timestamp()
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if document.reread_seconds is null then
    delete from howdah_private.due_documents as u where u.document_id = document.id;
  else
    update howdah_private.due_documents as u
    set due_at = schedule_reading.since + make_interval(secs => document.reread_seconds),
      attempts = 0, postponed = 0, first_postponed_at = null, needs_recognition = false,
      reads_source = true
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

-- Marks a document that waits for another attempt, with the reason if there is a new one. A
-- document of a URL that was read before stays ready, with its text and chunks.
create or replace function howdah_private.mark_waiting(document_id uuid, error jsonb default null)
  returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.documents as d set status_at = clock_timestamp(),
    status = case when d.read_at is null then 'pending'::howdah.document_status else 'ready' end,
    error = coalesce(mark_waiting.error, d.error)
  where d.id = mark_waiting.document_id
$$;

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
  perform howdah_private.mark_waiting(v_document.id,
    jsonb_build_object('code', 'unreachable', 'message', postpone_document.message));
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
