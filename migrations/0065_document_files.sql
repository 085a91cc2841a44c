-- Up Migration
-- Documents of files: a document names a resource, whose text a worker reads.
alter table howdah.documents
  add column resource_id uuid,
  add column owns_resource boolean not null default false,
  add foreign key (tenant_id, resource_id)
    references howdah.resources (tenant_id, id) on delete cascade,
  drop constraint type_is_a_text_type,
  add constraint type_is_of_a_document check (type in ('text/plain', 'text/markdown', 'text/html',
    'text/csv', 'application/pdf', 'message/rfc822',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.presentation',
    'application/vnd.oasis.opendocument.spreadsheet')),
  add constraint other_types_are_of_files
    check (type like 'text/%' or resource_id is not null),
  add constraint owns_resource_is_for_a_file check (resource_id is not null or not owns_resource);
create index documents_resource_id_idx
  on howdah.documents (tenant_id, resource_id) where resource_id is not null;
comment on column howdah.documents.resource_id is
  'File of the document, whose text a worker reads. The document is deleted with it. Null for a '
  'document that was written as text.';
comment on column howdah.documents.owns_resource is
  'Whether the file is deleted with the document, as for an upload. Only for a file of no session '
  'and no run.';
comment on column howdah.documents.type is
  'MIME type: text/markdown, text/plain, text/html or text/csv; for a document of a file the type '
  'of the file, which may also be PDF, Word, PowerPoint, Excel, OpenDocument or e-mail.';
comment on column howdah.documents.content is
  E'@hasDefault\n'
  'The text. For a document of a file, a worker writes it, with a form feed between pages.';
comment on constraint type_is_of_a_document on howdah.documents is
  'Set type to text/markdown (the default), text/plain, text/html or text/csv. A file may also be '
  'PDF (.pdf), Office (.docx, .pptx, .xlsx), OpenDocument (.odt, .odp, .ods) or e-mail (.eml).';
comment on constraint other_types_are_of_files on howdah.documents is
  'Store the file in howdah.resources, and set resource_id. Only texts have content.';
comment on constraint owns_resource_is_for_a_file on howdah.documents is
  'Set owns_resource only with resource_id.';

alter table howdah.chunks add column page int;
comment on column howdah.chunks.page is
  'Page, slide or sheet of the file on which the chunk is, from 1. Null for a document without '
  'pages.';

-- Down Migration
-- Row-level security applies to the owner as well. Documents of files have no place in the earlier
-- tables, so they are deleted. Their files stay.
alter table howdah.documents no force row level security;
alter table howdah.documents disable trigger user;
delete from howdah.documents where resource_id is not null;
alter table howdah.documents enable trigger user;
alter table howdah.documents force row level security;
alter table howdah.chunks drop column page;
alter table howdah.documents
  drop column resource_id,
  drop column owns_resource,
  drop constraint type_is_of_a_document,
  add constraint type_is_a_text_type
    check (type in ('text/plain', 'text/markdown', 'text/html', 'text/csv'));
comment on column howdah.documents.type is
  'MIME type of the content: text/markdown, text/plain, text/html or text/csv.';
comment on constraint type_is_a_text_type on howdah.documents is
  'Set type to text/markdown (the default), text/plain, text/html or text/csv.';
