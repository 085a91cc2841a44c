-- Checks knowledge bases and documents, and adds documents to the queue of the batch job
-- ingest_document (10_private/knowledge/ingest_documents.sql).

-- Refuses a language that is no text search configuration, and unknown settings.
create or replace function howdah_private.tg_knowledge_bases__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_languages text[] := array(
    select c.cfgname::text from pg_ts_config as c
    where c.cfgnamespace = 'pg_catalog'::regnamespace order by 1);
  v_faults text[] := howdah_private.json_faults(
    '{"type": "object", "additionalProperties": false, "properties": {
      "max_characters": {"type": "integer", "minimum": 200, "maximum": 8000}}}', new.chunking);
begin
  if new.language is not null and new.language <> all (v_languages) then
    raise exception using errcode = 'HWINV',
      message = format('there is no language %L', new.language),
      detail = jsonb_build_object('field', 'language', 'language', new.language)::text,
      hint = format('The languages: %s.', array_to_string(v_languages, ', '));
  elsif cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'chunking: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'chunking', 'faults', to_jsonb(v_faults))::text,
      hint = 'Write chunking as {"max_characters": 2000}, from 200 to 8000.';
  end if;
  return new;
end $$;
create or replace trigger _300_check before insert or update of language, chunking
  on howdah.knowledge_bases
  for each row execute function howdah_private.tg_knowledge_bases__check();

-- Refuses unknown settings of the ranking, and models of another purpose.
create or replace function howdah_private.tg_knowledge_bases__check_ranking() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults(
    '{"type": "object", "additionalProperties": false, "properties": {
      "weights": {"type": "object", "additionalProperties": false, "required": ["text", "vector"],
        "properties": {"text": {"type": "number", "minimum": 0, "maximum": 1000},
          "vector": {"type": "number", "minimum": 0, "maximum": 1000}}},
      "expansion": {"type": "object", "additionalProperties": false, "properties": {
        "chunks": {"type": "integer", "minimum": 1, "maximum": 100},
        "terms": {"type": "integer", "minimum": 1, "maximum": 200},
        "keep": {"type": "number", "minimum": 0.1, "maximum": 1}}},
      "fitted": {"type": "object"}}}', new.ranking);
  v_model howdah.models;
begin
  if v_faults = '{}' and exists (
    select from jsonb_each_text(new.ranking -> 'weights') as w
    where w.value::numeric > 0 and w.value::numeric < 0.001) then
    v_faults := '{a weight must be 0 or from 0.001 to 1000}';
  elsif v_faults = '{}' and new.ranking #> '{weights,text}' = '0'
    and new.ranking #> '{weights,vector}' = '0' then
    v_faults := '{one of the weights must be above 0}';
  end if;
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'ranking: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'ranking', 'faults', to_jsonb(v_faults))::text,
      hint = 'Write ranking as {"weights": {"text": 8, "vector": 1}, '
        '"expansion": {"chunks": 5, "terms": 10, "keep": 0.7}}. Both parts are optional.';
  end if;
  select m.* into v_model from howdah.models as m
  where m.tenant_id = new.tenant_id and m.id = new.embedding_model_id;
  perform howdah_private.check_makes_embeddings(v_model, 'embedding_model_id');
  select m.* into v_model from howdah.models as m
  where m.tenant_id = new.tenant_id and m.id = new.rerank_model_id;
  perform howdah_private.check_reranks(v_model, 'rerank_model_id');
  return new;
end $$;
create or replace trigger _310_check_ranking before insert
  or update of ranking, embedding_model_id, rerank_model_id on howdah.knowledge_bases
  for each row execute function howdah_private.tg_knowledge_bases__check_ranking();

-- Refuses a model that does not read images.
create or replace function howdah_private.tg_knowledge_bases__check_ocr() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model howdah.models;
begin
  select m.* into v_model from howdah.models as m
  where m.tenant_id = new.tenant_id and m.id = new.ocr_model_id;
  perform howdah_private.check_recognizes(v_model, 'ocr_model_id');
  return new;
end $$;
create or replace trigger _310_check_ocr before insert or update of ocr_model_id
  on howdah.knowledge_bases
  for each row when (new.ocr_model_id is not null)
  execute function howdah_private.tg_knowledge_bases__check_ocr();

-- Keeps ranking.fitted to what howdah.fit_ranking wrote. Other weights have no such figures.
create or replace function howdah_private.tg_knowledge_bases__keep_fit() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb := case when tg_op = 'UPDATE' then old.ranking else '{}' end;
begin
  if current_user = 'howdah_engine' then
    return new;
  elsif new.ranking -> 'fitted' <> coalesce(v_old -> 'fitted', 'null') then
    raise exception using errcode = 'HWINV',
      message = 'ranking.fitted is written by howdah.fit_ranking',
      detail = '{"field": "ranking"}',
      hint = 'Leave fitted out, and call howdah.fit_ranking.';
  elsif new.ranking -> 'weights' is distinct from v_old -> 'weights' then
    new.ranking := new.ranking - 'fitted';
  end if;
  return new;
end $$;
create or replace trigger _320_keep_fit before insert or update of ranking
  on howdah.knowledge_bases
  for each row when (new.ranking ? 'fitted')
  execute function howdah_private.tg_knowledge_bases__keep_fit();

-- Makes vectors of the chunks after a change of the model of a base.
create or replace function howdah_private.tg_knowledge_bases__embed() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.renew_embeddings(new);
  return null;
end $$;
create or replace trigger _410_embed_new after insert on howdah.knowledge_bases
  for each row when (new.embedding_model_id is not null)
  execute function howdah_private.tg_knowledge_bases__embed();
create or replace trigger _410_embed_changed after update of embedding_model_id
  on howdah.knowledge_bases
  for each row when (new.embedding_model_id is distinct from old.embedding_model_id)
  execute function howdah_private.tg_knowledge_bases__embed();

-- Renews the vectors of bases whose model itself has changed.
create or replace function howdah_private.tg_models__embed() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.renew_embeddings(b) from howdah.knowledge_bases as b
  where b.tenant_id = new.tenant_id and b.embedding_model_id = new.id;
  return null;
end $$;
create or replace trigger _410_embed after update on howdah.models
  for each row when (new.purpose = 'embedding' and (new.name, new.provider, new.model, new.base_url,
    new.secret_name, new.request_params, new.is_guarded) is distinct from (old.name, old.provider,
    old.model, old.base_url, old.secret_name, old.request_params, old.is_guarded))
  execute function howdah_private.tg_models__embed();

-- Adds new chunks to the queue of each generation of their base, and deletes the vectors of deleted
-- chunks. Generations are locked before their rows, so that none is deleted meanwhile.
create or replace function howdah_private.tg_chunks__embed() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock_shared(howdah_private.generations_lock_key(c.knowledge_base_id))
  from (select distinct c.knowledge_base_id from changed as c order by 1) as c;
  if tg_op = 'DELETE' then
    perform from howdah_private.embedding_generations as g
    where (g.tenant_id, g.knowledge_base_id) in (
      select c.tenant_id, c.knowledge_base_id from changed as c)
      and g.retired_at is null
    order by g.id for key share;
    delete from howdah_private.chunk_embeddings as e using changed as c
    where e.chunk_number = c.number;
    delete from howdah_private.due_embeddings as d using changed as c
    where d.chunk_number = c.number;
    return null;
  end if;
  with generations as materialized (
    select g.id, g.tenant_id, g.knowledge_base_id
    from howdah_private.embedding_generations as g
    where (g.tenant_id, g.knowledge_base_id) in (
      select c.tenant_id, c.knowledge_base_id from changed as c)
      and g.retired_at is null
    order by g.id for key share
  )
  insert into howdah_private.due_embeddings (generation_id, chunk_number)
  select g.id, c.number from changed as c
  join generations as g on g.tenant_id = c.tenant_id and g.knowledge_base_id = c.knowledge_base_id;
  return null;
end $$;
create or replace trigger _410_embed_new after insert on howdah.chunks
  referencing new table as changed
  for each statement execute function howdah_private.tg_chunks__embed();
create or replace trigger _410_forget_deleted after delete on howdah.chunks
  referencing old table as changed
  for each statement execute function howdah_private.tg_chunks__embed();

-- Divides all documents of a base again after a change of its language, chunking or trust. URLs are
-- not fetched if the stored text is enough. Until then, a search takes the lower trust of a chunk
-- and its base.
create or replace function howdah_private.tg_knowledge_bases__refresh() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_stored_ids uuid[];
begin
  if (new.language, new.chunking, new.trust)
    is distinct from (old.language, old.chunking, old.trust) then
    perform from howdah.documents as d
    where d.tenant_id = new.tenant_id and d.knowledge_base_id = new.id
    order by d.id for no key update;
    select array_agg(d.id order by d.id), coalesce(array_agg(d.id) filter (where
        howdah_private.keeps_text(d.id, d.knowledge_base_id, d.url, d.type, d.status,
          new.chunking is distinct from old.chunking)), '{}')
    into v_ids, v_stored_ids from howdah.documents as d
    where d.tenant_id = new.tenant_id and d.knowledge_base_id = new.id;
    update howdah.documents as d set status = 'pending', status_at = now(),
      error = case when d.id = any (v_stored_ids) then d.error end
    where d.tenant_id = new.tenant_id and d.id = any (v_ids);
    perform howdah_private.enqueue_documents(v_ids, v_stored_ids);
  end if;
  return null;
end $$;
create or replace trigger _400_refresh after update of language, chunking, trust
  on howdah.knowledge_bases
  for each row execute function howdah_private.tg_knowledge_bases__refresh();

-- Deletes what no foreign key deletes.
create or replace function howdah_private.tg_knowledge_bases__delete_terms() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah_private.chunk_terms as t using old_rows as o
  where t.knowledge_base_id = o.id;
  delete from howdah_private.knowledge_base_sizes as s using old_rows as o
  where s.knowledge_base_id = o.id;
  delete from howdah.searches as s using old_rows as o
  where s.tenant_id = o.tenant_id and s.execution_id is null and o.id = any (s.knowledge_base_ids);
  return null;
end $$;
create or replace trigger _400_delete_terms after delete on howdah.knowledge_bases
  referencing old table as old_rows
  for each statement execute function howdah_private.tg_knowledge_bases__delete_terms();

-- Notes the bases of new searches, by which lists filter.
create or replace function howdah_private.tg_searches__note_bases() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.searched_bases (tenant_id, knowledge_base_id, search_id)
  select distinct s.tenant_id, b.id, s.id
  from new_rows as s cross join lateral unnest(s.knowledge_base_ids) as b (id);
  return null;
end $$;
create or replace trigger _400_note_bases after insert on howdah.searches
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_searches__note_bases();

-- Names the author of a new document.
create or replace function howdah_private.tg_documents__sign() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.created_by := howdah_private.actor();
  return new;
end $$;
create or replace trigger _005_lock_caller before insert on howdah.documents
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _100_sign before insert on howdah.documents
  for each row execute function howdah_private.tg_documents__sign();
create or replace trigger _100_stamp before update of title, type, content, metadata, language
  on howdah.documents
  for each row execute function howdah_private.tg__stamp();

-- Checks the file of a document: the caller must see it, and its text is not written by callers.
-- Only a caller who may delete files may make a document own its file. The type is that of the
-- file. The function has the rights of the caller.
create or replace function howdah_private.tg_documents__check_file() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_file record;
begin
  if new.content <> '' then
    raise exception using errcode = 'HWINV',
      message = 'a document has either content or resource_id, not both',
      detail = jsonb_build_object('field', 'content')::text,
      hint = 'Leave content out: a worker reads the text of the file.';
  end if;
  select lower(regexp_replace(r.type, '\s*;.*', '')) as type,
    num_nonnulls(r.session_id, r.execution_id) > 0 as is_attached
  into v_file from howdah.resources as r
  where r.id = new.resource_id and r.tenant_id = new.tenant_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no resource %s', new.resource_id),
      detail = jsonb_build_object('field', 'resource_id', 'resource_id', new.resource_id)::text,
      hint = 'See howdah.resources for the resources that exist.';
  elsif new.owns_resource and v_file.is_attached then
    raise exception using errcode = 'HWINV',
      message = 'a document cannot own a file of a session or a run',
      detail = jsonb_build_object('field', 'owns_resource')::text,
      hint = 'Leave owns_resource out. The document is deleted with the file.';
  elsif new.owns_resource then
    perform howdah_private.permit('resources', 'run');
  end if;
  new.type := v_file.type;
  new.content := '';
  return new;
end $$;
create or replace trigger _200_check_file before insert on howdah.documents
  for each row when (new.resource_id is not null)
  execute function howdah_private.tg_documents__check_file();

-- Checks the address of a document. Its text is not written by callers. Workers check the addresses
-- of the host again when they connect, also after a redirect.
create or replace function howdah_private.tg_documents__check_url() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.content <> '' then
    raise exception using errcode = 'HWINV',
      message = 'a document has either content or url, not both',
      detail = jsonb_build_object('field', 'content')::text,
      hint = 'Leave content out: a worker fetches the text of the URL.';
  end if;
  perform howdah_private.check_machine('url', new.url);
  perform howdah_private.check_plain_secrets('url',
    to_jsonb(substring(new.url from '(?i)^https?://[^/?#]+([/?#].*)$')));
  new.content := '';
  return new;
end $$;
create or replace trigger _200_check_url before insert on howdah.documents
  for each row when (new.url is not null)
  execute function howdah_private.tg_documents__check_url();

-- Schedules the next reading after a change of the interval. A document that is pending or being
-- read takes the new interval at the end of the attempt.
create or replace function howdah_private.tg_documents__schedule() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.status not in ('ready', 'failed') then
    return null;
  elsif new.reread_seconds is null then
    delete from howdah_private.due_documents as u where u.document_id = new.id;
  else
    insert into howdah_private.due_documents as u
      (document_id, tenant_id, knowledge_base_id, due_at)
    values (new.id, new.tenant_id, new.knowledge_base_id,
      coalesce(new.read_at, clock_timestamp()) + make_interval(secs => new.reread_seconds))
    on conflict (document_id) do update set due_at = excluded.due_at;
  end if;
  return null;
end $$;
create or replace trigger _410_schedule after update of reread_seconds on howdah.documents
  for each row when (new.reread_seconds is distinct from old.reread_seconds)
  execute function howdah_private.tg_documents__schedule();

-- Refuses to change the text of a document of a file or URL. Workers write it.
create or replace function howdah_private.tg_documents__refuse_text() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine'
    and (new.type, new.content) is distinct from (old.type, old.content) then
    raise exception using errcode = 'HWINV',
      message = format('the text of document %L is that of its %s', old.title,
        case when old.url is null then 'file' else 'URL' end),
      detail = jsonb_build_object('field',
        case when new.type <> old.type then 'type' else 'content' end)::text,
      hint = case when old.url is null
        then 'Add the new file as another document, and delete this one.'
        else 'Set status to pending to fetch the URL again.' end;
  end if;
  return new;
end $$;
create or replace trigger _300_refuse_text before update of type, content on howdah.documents
  for each row when (old.resource_id is not null or old.url is not null)
  execute function howdah_private.tg_documents__refuse_text();

-- Deletes the files that deleted documents own. If other documents need a file, one of them owns it
-- from then on. The lock lets a second deletion see what the first one did. A deletion waits for no
-- document that owns a file, since its deletion may wait for this lock.
create or replace function howdah_private.tg_documents__delete_files() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.resources as r
  where (r.tenant_id, r.id) in (
    select o.tenant_id, o.resource_id from old_rows as o where o.owns_resource)
  order by r.id for update;
  if not found then
    return null;
  end if;
  with heirs as materialized (
    select n.tenant_id, n.id from (
      select distinct o.tenant_id, o.resource_id from old_rows as o where o.owns_resource
    ) as o
    cross join lateral (
      select n.tenant_id, n.id from howdah.documents as n
      where n.tenant_id = o.tenant_id and n.resource_id = o.resource_id and not exists (
        select from howdah.documents as p
        where p.tenant_id = o.tenant_id and p.resource_id = o.resource_id and p.owns_resource)
      order by n.id limit 1 for no key update of n
    ) as n
  )
  update howdah.documents as d set owns_resource = true
  from heirs as h where d.tenant_id = h.tenant_id and d.id = h.id;
  delete from howdah.resources as r using old_rows as o
  where o.owns_resource and r.tenant_id = o.tenant_id and r.id = o.resource_id
    and num_nonnulls(r.session_id, r.execution_id) = 0
    and not exists (
      select from howdah.documents as d
      where d.tenant_id = r.tenant_id and d.resource_id = r.id);
  return null;
end $$;
create or replace trigger _400_delete_files after delete on howdah.documents
  referencing old table as old_rows
  for each statement execute function howdah_private.tg_documents__delete_files();

create or replace function howdah_private.tg_documents__refuse_keys() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_plain_secrets('metadata', new.metadata);
  return new;
end $$;
create or replace trigger _300_refuse_keys before insert or update of metadata on howdah.documents
  for each row when (new.metadata <> '{}')
  execute function howdah_private.tg_documents__refuse_keys();

-- Sets a changed document to pending. Callers may do so themselves, to try a document again, also
-- one that waits after a failed attempt.
create or replace function howdah_private.tg_documents__renew() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user = 'howdah_engine' then
    return new;
  elsif new.status <> old.status and new.status <> 'pending' then
    raise exception using errcode = 'HWINV',
      message = format('status of a document cannot be set to %s', new.status),
      detail = jsonb_build_object('field', 'status', 'status', new.status)::text,
      hint = 'Set status to pending to divide the document again. Workers set the other states.';
  elsif new.status <> old.status or (new.status = 'pending' and old.error is not null)
    or (new.title, new.type, new.content, new.language)
      is distinct from (old.title, old.type, old.content, old.language) then
    new.status := 'pending';
    new.status_at := now();
    new.error := null;
  end if;
  return new;
end $$;
create or replace trigger _310_renew before update of status, title, type, content, language
  on howdah.documents
  for each row execute function howdah_private.tg_documents__renew();

-- Adds new documents to the queue, and those that an update has set to pending.
create or replace function howdah_private.tg_documents__enqueue() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    perform howdah_private.enqueue_documents(array(select n.id from new_rows as n));
  else
    -- a new language fetches no URL; `status = 'pending'` alone does
    perform howdah_private.enqueue_documents(array(
      select n.id from new_rows as n join old_rows as o on o.id = n.id
      where n.status = 'pending' and (o.status <> 'pending'
        or (o.error is not null and n.error is null)
        or (n.title, n.type, n.digest) is distinct from (o.title, o.type, o.digest))), array(
      select n.id from new_rows as n join old_rows as o on o.id = n.id
      where n.title = o.title and n.language is distinct from o.language
        and howdah_private.keeps_text(
          o.id, o.knowledge_base_id, o.url, o.type, o.status, false)));
  end if;
  return null;
end $$;
create or replace trigger _400_enqueue_new after insert on howdah.documents
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_documents__enqueue();
create or replace trigger _400_enqueue_changed after update on howdah.documents
  referencing old table as old_rows new table as new_rows
  for each statement when (current_user <> 'howdah_engine')
  execute function howdah_private.tg_documents__enqueue();

-- Records how much a statement changes the size of bases. Nothing is recorded for a base that is
-- deleted with its chunks.
create or replace function howdah_private.tg_chunks__record_size() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_sign constant int := case tg_op when 'INSERT' then 1 else -1 end;
begin
  if tg_op = 'DELETE' then
    delete from howdah_private.chunk_terms as t using changed as c
    where t.chunk_number = c.number;
  end if;
  insert into howdah_private.knowledge_base_sizes (knowledge_base_id, language, chunks, terms)
  select c.knowledge_base_id, c.language, v_sign * count(*), v_sign * sum(c.length)
  from changed as c
  where exists (select from howdah.knowledge_bases as b where b.id = c.knowledge_base_id)
  group by c.knowledge_base_id, c.language;
  return null;
end $$;
create or replace trigger _400_record_new after insert on howdah.chunks
  referencing new table as changed
  for each statement execute function howdah_private.tg_chunks__record_size();
create or replace trigger _400_record_deleted after delete on howdah.chunks
  referencing old table as changed
  for each statement execute function howdah_private.tg_chunks__record_size();
