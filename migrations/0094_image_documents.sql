-- Up Migration
-- Documents may be images, whose text workers recognize (OCR).
alter table howdah.documents
  drop constraint type_is_of_a_document,
  add constraint type_is_of_a_document check (type in ('text/plain', 'text/markdown', 'text/html',
    'text/csv', 'application/pdf', 'message/rfc822', 'image/png', 'image/jpeg', 'image/webp',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.presentation',
    'application/vnd.oasis.opendocument.spreadsheet'));
comment on column howdah.documents.type is
  'MIME type: text/markdown, text/plain, text/html or text/csv; for a document of a file the type '
  'of the file, which may also be PDF, Word, PowerPoint, Excel, OpenDocument, e-mail or an image.';
comment on constraint type_is_of_a_document on howdah.documents is
  'Set type to text/markdown (the default), text/plain, text/html or text/csv. A file may also be '
  'PDF (.pdf), Office (.docx, .pptx, .xlsx), OpenDocument (.odt, .odp, .ods), e-mail (.eml) or an '
  'image (.png, .jpg, .webp).';

-- they gain an argument
drop function if exists howdah_private.claim_documents(uuid, uuid, int, boolean, boolean);
drop function if exists howdah_private.lock_due_documents(uuid, uuid, int, boolean, boolean);

-- Down Migration
drop function if exists
  howdah_private.claim_documents(uuid, uuid, int, boolean, boolean, boolean);
drop function if exists
  howdah_private.lock_due_documents(uuid, uuid, int, boolean, boolean, boolean);
-- Earlier schemas have no documents of these types. Row-level security applies to the owner as
-- well.
alter table howdah.documents no force row level security;
alter table howdah.documents disable trigger user;
delete from howdah.documents as d where d.type like 'image/%';
alter table howdah.documents enable trigger user;
alter table howdah.documents force row level security;
alter table howdah.documents
  drop constraint type_is_of_a_document,
  add constraint type_is_of_a_document check (type in ('text/plain', 'text/markdown', 'text/html',
    'text/csv', 'application/pdf', 'message/rfc822',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.presentation',
    'application/vnd.oasis.opendocument.spreadsheet'));
comment on column howdah.documents.type is
  'MIME type: text/markdown, text/plain, text/html or text/csv; for a document of a file the type '
  'of the file, which may also be PDF, Word, PowerPoint, Excel, OpenDocument or e-mail.';
comment on constraint type_is_of_a_document on howdah.documents is
  'Set type to text/markdown (the default), text/plain, text/html or text/csv. A file may also be '
  'PDF (.pdf), Office (.docx, .pptx, .xlsx), OpenDocument (.odt, .odp, .ods) or e-mail (.eml).';
