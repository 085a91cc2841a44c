-- Up Migration
-- Documents have a language of their own, which a worker detects. Bases from before keep one
-- language for all of their documents: else each edit of a document would silently change how
-- searches find it, beside documents that are still indexed in the language of the base.
alter table howdah.knowledge_bases
  add column detects_language boolean not null default false;
alter table howdah.knowledge_bases alter column detects_language set default true;
comment on column howdah.knowledge_bases.detects_language is
  'Whether workers detect the language of each document that has none. If not, or if a text is too '
  'short, a document has the language of the base. A change divides documents again whose language '
  'changes.';
comment on column howdah.knowledge_bases.language is
  'Language of documents that have no other one: the name of a text search configuration of '
  'Postgres, such as english, german or simple. A change divides all documents again.';

alter table howdah.documents add column language text, add column detected_language text;
comment on column howdah.documents.language is
  'Language of the document: a code of ISO 639-1 such as de, or simple for words without stems. '
  'Null to detect it, or for the language of the base.';
comment on column howdah.documents.detected_language is
  'Language that a worker has found in the text; null if it is undecided, or is not detected.';

alter table howdah.chunks add column language text;
comment on column howdah.chunks.language is
  'Text search configuration of the terms of the chunk; null for that of the base.';
comment on column howdah.chunks.digest is
  'MD5 of the language of the base, the title, the headings and the text, as hex.';
alter table howdah_private.knowledge_base_sizes add column language text;
comment on column howdah_private.knowledge_base_sizes.language is
  'Text search configuration of these chunks; null for that of the base.';
comment on column howdah_private.chunk_terms.term is
  'The term, as the text search configuration of the chunk writes it. If that is not the one of '
  'the base, its name and a space come before the term.';

-- Down Migration
-- Earlier schemas know no terms of other languages. Documents with such terms are divided again:
-- no piece has the empty digest. Row-level security applies to the owner as well.
alter table howdah.chunks no force row level security;
alter table howdah.documents no force row level security;
alter table howdah_private.due_documents no force row level security;
alter table howdah.documents disable trigger user;
insert into howdah_private.due_documents as u (document_id, tenant_id, knowledge_base_id)
select d.id, d.tenant_id, d.knowledge_base_id from howdah.documents as d
where exists (
  select from howdah.chunks as c
  where c.tenant_id = d.tenant_id and c.document_id = d.id and c.language is not null)
on conflict (document_id) do update
set due_at = clock_timestamp(), attempts = 0, etag = null, last_modified = null;
update howdah.documents as d set status = 'pending', status_at = now(), error = null
where exists (
  select from howdah.chunks as c
  where c.tenant_id = d.tenant_id and c.document_id = d.id and c.language is not null);
update howdah.chunks as c set digest = '' where c.language is not null;
alter table howdah.documents enable trigger user;
alter table howdah_private.due_documents force row level security;
alter table howdah.documents force row level security;
alter table howdah.chunks force row level security;
alter table howdah_private.knowledge_base_sizes drop column language;
alter table howdah.chunks drop column language;
alter table howdah.documents drop column language, drop column detected_language;
alter table howdah.knowledge_bases drop column detects_language;
