-- Recognition: the text of scans and images, in the batch job ingest_document. It may take minutes,
-- so the worker claims the document for longer first.

-- Gives the worker 15 minutes for a claimed document. Returns the new claim, and the language of
-- the text: that of the document, else that of its base, as a code of document_languages. Returns
-- no row if the document was edited or deleted.
create or replace function howdah_private.begin_recognition(document_id uuid, claim text)
  returns table (new_claim text, language text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(begin_recognition.document_id, begin_recognition.claim);
begin
  return query
  update howdah_private.due_documents as u
  set due_at = clock_timestamp() + interval '15 minutes'
  from howdah.knowledge_bases as b
  left join howdah_private.document_languages() as l on l.name = b.language
  where u.document_id = v_document.id and b.tenant_id = v_document.tenant_id
    and b.id = v_document.knowledge_base_id
  returning to_jsonb(u.due_at) #>> '{}', coalesce(v_document.language, l.code, 'en');
end $$;
