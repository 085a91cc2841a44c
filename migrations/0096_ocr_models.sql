-- Up Migration
-- A model may recognize the text of images (OCR), and documents whose text is recognized wait in a
-- queue of their own.
alter table howdah.knowledge_bases
  add column ocr_model_id uuid,
  add foreign key (tenant_id, ocr_model_id)
    references howdah.models (tenant_id, id) on delete set null (ocr_model_id);
create index knowledge_bases_ocr_model_id_idx on howdah.knowledge_bases (tenant_id, ocr_model_id);
comment on column howdah.knowledge_bases.ocr_model_id is
  'Model of purpose llm, with the capability images, that recognizes the text of images and scans '
  'of the documents; null for Tesseract, if workers have it. The images are sent to its provider.';

alter table howdah_private.due_documents
  add column needs_recognition boolean not null default false;
comment on column howdah_private.due_documents.needs_recognition is
  'Whether the text of images is recognized, by the batch job recognize_document.';
drop index howdah_private.due_documents_knowledge_base_id_idx;
create index due_documents_knowledge_base_id_idx on howdah_private.due_documents
  (needs_recognition, tenant_id, knowledge_base_id, due_at);
-- row-level security applies to the owner as well
alter table howdah.documents no force row level security;
alter table howdah_private.due_documents no force row level security;
update howdah_private.due_documents as u set needs_recognition = true
from howdah.documents as d
where d.tenant_id = u.tenant_id and d.id = u.document_id and d.type like 'image/%';
alter table howdah_private.due_documents force row level security;
alter table howdah.documents force row level security;

create table howdah_private.recognized_pages (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  document_id uuid not null,
  recognized_at timestamptz not null default clock_timestamp(),
  page int not null,
  model_digest text not null,
  digest text not null,
  content text not null,
  primary key (document_id, model_digest, digest, page),
  foreign key (tenant_id, document_id)
    references howdah.documents (tenant_id, id) on delete cascade
);
create index recognized_pages_document_id_idx
  on howdah_private.recognized_pages (tenant_id, document_id);
alter table howdah_private.recognized_pages
  enable row level security, force row level security;
comment on table howdah_private.recognized_pages is
  'Texts that models have recognized in images of documents, so that no page is paid for twice.';
comment on column howdah_private.recognized_pages.document_id is 'The document.';
comment on column howdah_private.recognized_pages.recognized_at is 'Time of the call.';
comment on column howdah_private.recognized_pages.page is 'The page, from 1.';
comment on column howdah_private.recognized_pages.model_digest is
  'MD5 of what decides about the text: the provider, the model, its address and parameters.';
comment on column howdah_private.recognized_pages.digest is 'SHA-256 of the file.';
comment on column howdah_private.recognized_pages.content is
  'The text; empty if the image shows none.';

create table howdah_private.recognition_totals (
  knowledge_base_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  pages bigint not null default 0,
  tokens bigint not null default 0,
  failures bigint not null default 0,
  cost numeric not null default 0,
  error jsonb,
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index recognition_totals_knowledge_base_id_idx
  on howdah_private.recognition_totals (tenant_id, knowledge_base_id);
alter table howdah_private.recognition_totals
  enable row level security, force row level security;
comment on table howdah_private.recognition_totals is
  'Calls of the models that recognize text for knowledge bases, with their tokens and cost.';
comment on column howdah_private.recognition_totals.knowledge_base_id is 'The knowledge base.';
comment on column howdah_private.recognition_totals.pages is 'Calls that recognized a page.';
comment on column howdah_private.recognition_totals.tokens is 'Tokens of all calls.';
comment on column howdah_private.recognition_totals.failures is 'Calls that failed.';
comment on column howdah_private.recognition_totals.cost is
  'Cost of all calls, at the prices of the model.';
comment on column howdah_private.recognition_totals.error is
  'Why the last call failed: {code, message}; null if it did not.';

-- a call of a model may be one for a document
alter table howdah_private.limited_calls
  alter column execution_id drop not null,
  add column document_id uuid,
  add constraint a_call_is_of_a_run_or_a_document
    check (num_nonnulls(execution_id, document_id) = 1);
comment on column howdah_private.limited_calls.document_id is
  'The document whose images are recognized; null for a call of a run.';

-- they gain arguments and columns
drop function if exists howdah_private.due_knowledge_bases();
drop function if exists
  howdah_private.claim_documents(uuid, uuid, int, boolean, boolean, boolean);
drop function if exists
  howdah_private.lock_due_documents(uuid, uuid, int, boolean, boolean, boolean);
drop function if exists howdah_private.begin_recognition(uuid, text);

-- Down Migration
drop function if exists howdah_private.due_knowledge_bases(boolean);
drop function if exists
  howdah_private.claim_documents(uuid, uuid, int, boolean, boolean, boolean, boolean, boolean);
drop function if exists
  howdah_private.lock_due_documents(uuid, uuid, int, boolean, boolean, boolean, boolean, boolean);
drop function if exists howdah_private.begin_recognition(uuid, text);
-- row-level security applies to the owner as well
alter table howdah_private.limited_calls no force row level security;
delete from howdah_private.limited_calls as c where c.document_id is not null;
alter table howdah_private.limited_calls force row level security;
alter table howdah_private.limited_calls
  drop column document_id, alter column execution_id set not null;
drop table howdah_private.recognition_totals;
drop table howdah_private.recognized_pages;
drop index howdah_private.due_documents_knowledge_base_id_idx;
alter table howdah_private.due_documents drop column needs_recognition;
create index due_documents_knowledge_base_id_idx
  on howdah_private.due_documents (tenant_id, knowledge_base_id, due_at);
alter table howdah.knowledge_bases drop column ocr_model_id;
