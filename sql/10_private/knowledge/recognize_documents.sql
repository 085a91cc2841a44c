-- Recognition: the text of scans and images (OCR), in the batch job recognize_document. It takes
-- minutes, so the worker claims the document for longer first.
--
--   await_recognition → the document waits for the job, since a worker found images of text
--   begin_recognition → a longer claim, and the model of the base; null for Tesseract
--   known_pages       → the texts that the model has recognized before
--   begin_page        → a call of the model for a page, as limits allow it
--   end_page          → stores the text, counts tokens and cost, and extends the claim
--   end_recognition   → deletes texts of earlier files and models
--   delay_recognition → the model fails, or a limit allows no call, so the document waits
--
-- Each text is stored when the model has answered. So the death of a worker costs at most the call
-- under way, and a document that is divided again, as after a change of its title, costs nothing.
-- A turn of the job ends after a minute, so that other documents of the base have theirs.

-- Refuses a model that does not read images.
create or replace function howdah_private.check_recognizes(m howdah.models, field text)
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if m.purpose <> 'llm' then
    raise exception using errcode = 'HWINV',
      message = format('the model %L has the purpose %s, not llm', m.name, m.purpose),
      detail = jsonb_build_object('field', check_recognizes.field, 'purpose', m.purpose)::text,
      hint = 'Choose a model of purpose llm that reads images, or null for Tesseract.';
  elsif not m.capabilities @> '{"images": true}' then
    raise exception using errcode = 'HWINV',
      message = format('the model %L does not read images', m.name),
      detail = jsonb_build_object('field', check_recognizes.field,
        'capabilities', m.capabilities)::text,
      hint = 'Choose a model that reads images. If this one does, set its capabilities to '
        '{"images": true} first.';
  end if;
end $$;

-- Returns a claimed document to the queue, for the job that recognizes text. The attempt does not
-- count. Returns false if the document was edited or deleted.
create or replace function howdah_private.await_recognition(document_id uuid, claim text)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(await_recognition.document_id, await_recognition.claim);
begin
  if v_document.id is null then
    return false;
  end if;
  perform howdah_private.mark_waiting(v_document.id);
  update howdah_private.due_documents as u
  set needs_recognition = true, due_at = clock_timestamp(), attempts = u.attempts - 1
  where u.document_id = v_document.id;
  return true;
end $$;

-- Gives the worker 15 minutes for a claimed document. Returns the new claim; the language of the
-- text, that of the document, else that of its base, as a code of document_languages; and the model
-- of the base. `error` says why no model may be called. Returns no row if the document was edited
-- or deleted.
create or replace function howdah_private.begin_recognition(document_id uuid, claim text)
  returns table (
    new_claim text, language text, model jsonb, model_digest text, error jsonb
  )
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
  left join howdah.models as m on m.tenant_id = b.tenant_id and m.id = b.ocr_model_id
  left join lateral (
    select howdah_private.model_definition(m, '{}') as model where m.id is not null
  ) as f on true
  where u.document_id = v_document.id and b.tenant_id = v_document.tenant_id
    and b.id = v_document.knowledge_base_id
  returning to_jsonb(u.due_at) #>> '{}', coalesce(v_document.language, l.code, 'en'), f.model,
    howdah_private.embedding_digest(f.model), case
      when m.id is null then null
      when m.purpose <> 'llm' or not m.capabilities @> '{"images": true}' then
        jsonb_build_object('code', 'invalid_request', 'message', format(
          'the model %s of ocr_model_id does not read images (purpose llm, capability images)',
          m.name))
      when howdah_private.is_spending_used_up(b.tenant_id, null) then
        howdah_private.spending_error() end;
end $$;

-- Returns the texts that a model has recognized in a file before.
create or replace function howdah_private.known_pages(
  document_id uuid, model_digest text, digest text
) returns table (page int, content text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select p.page, p.content from howdah_private.recognized_pages as p
  where p.document_id = known_pages.document_id and p.model_digest = known_pages.model_digest
    and p.digest = known_pages.digest
  order by p.page
$$;

-- Begins a call of a model for a page. `call`: it may be made, and end_page ends it. `full`: a
-- limit allows none now, with the error. `edited`: the document was edited or deleted.
create or replace function howdah_private.begin_page(
  document_id uuid, claim text, model_id uuid,
  out outcome text, out call_id uuid, out error jsonb
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(begin_page.document_id, begin_page.claim);
  v_call record;
begin
  outcome := 'edited';
  if v_document.id is null then
    return;
  end if;
  outcome := 'full';
  if howdah_private.is_spending_used_up(v_document.tenant_id, null) then
    error := howdah_private.spending_error();
    return;
  end if;
  select * into v_call
  from howdah_private.begin_model_call(
    v_document.tenant_id, begin_page.model_id, v_document.id);
  if v_call.outcome = 'full' then
    error := '{"code": "limit_reached", "message": "a limit of calls of the model is reached",
      "wait_ms": 10000}';
    return;
  end if;
  outcome := 'call';
  call_id := v_call.call_id;
end $$;

-- Ends a call of a model. Counts its tokens and cost for the base and for limits, also if the
-- document is gone, and of a failed call what the server reports. Stores the text unless it is
-- null, and extends the claim. Returns the new claim, or null if the document was edited.
create or replace function howdah_private.end_page(
  document_id uuid, claim text, model_digest text, digest text, page int, tenant_id uuid,
  knowledge_base_id uuid, model_id uuid, call_id uuid, content text, usage jsonb, error jsonb
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(end_page.document_id, end_page.claim);
  v_claim text;
begin
  if v_document.id is not null and end_page.content is not null then
    insert into howdah_private.recognized_pages as p
      (tenant_id, document_id, page, model_digest, digest, content)
    values (v_document.tenant_id, v_document.id, end_page.page, end_page.model_digest,
      end_page.digest, end_page.content)
    on conflict on constraint recognized_pages_pkey do nothing;
    update howdah_private.due_documents as u
    set due_at = clock_timestamp() + interval '15 minutes', attempts = 1, postponed = 0,
      first_postponed_at = null
    where u.document_id = v_document.id
    returning to_jsonb(u.due_at) #>> '{}' into v_claim;
  elsif v_document.id is not null then
    v_claim := end_page.claim;
  end if;
  perform howdah_private.count_recognition(end_page.tenant_id, end_page.knowledge_base_id,
    end_page.model_id, end_page.content is not null, end_page.usage, end_page.error);
  if end_page.call_id is not null then
    perform howdah_private.end_call(end_page.call_id,
      howdah_private.count_in(end_page.usage -> 'tokens_in', 1000000000)
        + howdah_private.count_in(end_page.usage -> 'tokens_out', 1000000000));
  end if;
  return v_claim;
end $$;

-- Records a call of a model in the totals of a base, and counts its tokens and cost for limits. The
-- base may be gone.
create or replace function howdah_private.count_recognition(
  tenant_id uuid, knowledge_base_id uuid, model_id uuid, is_read boolean, usage jsonb, error jsonb
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_in int := howdah_private.count_in(count_recognition.usage -> 'tokens_in', 1000000000);
  v_out int := howdah_private.count_in(count_recognition.usage -> 'tokens_out', 1000000000);
  v_cost numeric := case when count_recognition.usage is null then 0
    else howdah_private.count_model_use(count_recognition.tenant_id, count_recognition.model_id,
      v_in, v_out, count_recognition.usage || case
        when count_recognition.is_read then '{"units": {"request": 1}}' else '{}' end::jsonb,
      null) end;
begin
  insert into howdah_private.recognition_totals as t
    (knowledge_base_id, tenant_id, pages, tokens, failures, cost, error)
  select b.id, b.tenant_id, count_recognition.is_read::int, v_in::bigint + v_out,
    (count_recognition.error is not null)::int, v_cost, count_recognition.error
  from howdah.knowledge_bases as b
  where b.tenant_id = count_recognition.tenant_id and b.id = count_recognition.knowledge_base_id
  on conflict on constraint recognition_totals_pkey do update
  set pages = t.pages + excluded.pages, tokens = t.tokens + excluded.tokens,
    failures = t.failures + excluded.failures, cost = t.cost + excluded.cost,
    error = excluded.error;
end $$;

-- Deletes the texts of a claimed document that are of another file or model.
create or replace function howdah_private.end_recognition(
  document_id uuid, claim text, model_digest text, digest text
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(end_recognition.document_id, end_recognition.claim);
begin
  delete from howdah_private.recognized_pages as p
  where p.document_id = v_document.id and (p.model_digest, p.digest)
    is distinct from (end_recognition.model_digest, end_recognition.digest);
end $$;

-- Makes a document wait, since its model fails or a limit is reached. The attempt does not count.
-- It is due again after `wait_ms` if a limit of calls is reached, else after a minute, two, four
-- and so on, up to an hour, and no earlier than the server asks for (`wait_ms`). If the model has
-- failed for longer than `limit_seconds`, the document fails. A limit may last for longer.
create or replace function howdah_private.delay_recognition(
  document_id uuid, claim text, error jsonb, wait_ms int, limit_seconds float8
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_document howdah.documents :=
    howdah_private.lock_claimed_document(delay_recognition.document_id, delay_recognition.claim);
  v_is_limit boolean := error ->> 'code' = 'limit_reached';
begin
  if v_document.id is null then
    return false;
  elsif not v_is_limit and exists (
      select from howdah_private.due_documents as u
      where u.document_id = v_document.id
        and u.first_postponed_at < clock_timestamp() - make_interval(secs => limit_seconds))
  then
    return howdah_private.fail_document(
      v_document.id, delay_recognition.claim, error ->> 'code', error ->> 'message');
  end if;
  perform howdah_private.mark_waiting(v_document.id, jsonb_build_object(
    'code', delay_recognition.error ->> 'code', 'message', delay_recognition.error ->> 'message'));
  update howdah_private.due_documents as u
  set attempts = u.attempts - 1, postponed = u.postponed + 1,
    first_postponed_at = case
      when not v_is_limit then coalesce(u.first_postponed_at, clock_timestamp()) end,
    due_at = clock_timestamp() + case when v_is_limit and wait_ms > 0
      then wait_ms * interval '1 millisecond'
      else greatest(howdah_private.retry_delay(u.postponed), wait_ms * interval '1 millisecond') end
  where u.document_id = v_document.id;
  return true;
end $$;

-- Returns what the state of a base says about its model that recognizes text; null without one.
create or replace function howdah_private.recognition_state(
  tenant_id uuid, knowledge_base_id uuid
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('model', m.name, 'pages', coalesce(t.pages, 0),
    'failures', coalesce(t.failures, 0), 'tokens', coalesce(t.tokens, 0),
    'cost', trim_scale(coalesce(t.cost, 0)), 'error', t.error)
  from howdah.knowledge_bases as b
  join howdah.models as m on m.tenant_id = b.tenant_id and m.id = b.ocr_model_id
  left join howdah_private.recognition_totals as t on t.knowledge_base_id = b.id
  where b.tenant_id = recognition_state.tenant_id and b.id = recognition_state.knowledge_base_id
$$;
