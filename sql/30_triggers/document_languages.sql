-- Languages of documents (10_private/knowledge/terms/languages.sql).

-- Refuses an unknown language, and stores the code of a known one: de for de-AT and German.
create or replace function howdah_private.tg_documents__check_language() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_word text := lower(regexp_replace(new.language, '[-_].*$', ''));
  v_code text := (
    select l.code from howdah_private.document_languages() as l where v_word in (l.code, l.name));
begin
  if v_code is null then
    raise exception using errcode = 'HWINV',
      message = format('there is no language %L', new.language),
      detail = jsonb_build_object('field', 'language', 'language', new.language)::text,
      hint = format('The languages: %s.', (
        select string_agg(l.code, ', ' order by l.code)
        from howdah_private.document_languages() as l));
  end if;
  new.language := v_code;
  return new;
end $$;
create or replace trigger _300_check_language before insert or update of language
  on howdah.documents
  for each row when (new.language is not null)
  execute function howdah_private.tg_documents__check_language();

-- Divides documents of a base again whose language changes because it is now detected, or no longer
-- is. A worker may divide a document at this moment: it waits for the lock of that document, and
-- then looks at it again.
create or replace function howdah_private.tg_knowledge_bases__detect() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_stored_ids uuid[];
begin
  perform from howdah.documents as d
  where d.tenant_id = new.tenant_id and d.knowledge_base_id = new.id and d.language is null
  order by d.id for no key update;
  v_stored_ids := array(
    select d.id from howdah.documents as d
    where d.tenant_id = new.tenant_id and d.knowledge_base_id = new.id and d.language is null
      and howdah_private.keeps_text(
        d.id, d.knowledge_base_id, d.url, d.type, d.status, false));
  with renewed as (
    update howdah.documents as d set status = 'pending', status_at = now(),
      error = case when d.id = any (v_stored_ids) then d.error end
    where d.tenant_id = new.tenant_id and d.knowledge_base_id = new.id and d.language is null
      and (d.status in ('pending', 'working')
        or (d.status = 'ready' and d.detected_language is null and new.detects_language)
        or (d.status = 'ready' and d.detected_language is not null
          and howdah_private.configuration_of(d.detected_language) <> new.language))
    returning d.id
  )
  select array_agg(r.id order by r.id) into v_ids from renewed as r;
  perform howdah_private.enqueue_documents(v_ids, v_stored_ids);
  return null;
end $$;
create or replace trigger _405_detect after update of detects_language on howdah.knowledge_bases
  for each row when (new.detects_language <> old.detects_language)
  execute function howdah_private.tg_knowledge_bases__detect();
