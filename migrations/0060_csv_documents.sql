-- Up Migration
-- Documents of type text/csv. An older worker reads one as Markdown.
alter table howdah.documents
  drop constraint type_is_a_text_type,
  add constraint type_is_a_text_type
    check (type in ('text/plain', 'text/markdown', 'text/html', 'text/csv'));
comment on column howdah.documents.type is
  'MIME type of the content: text/markdown, text/plain, text/html or text/csv.';
comment on constraint type_is_a_text_type on howdah.documents is
  'Set type to text/markdown (the default), text/plain, text/html or text/csv.';

-- Down Migration
-- Row-level security applies to the owner as well. The triggers do not run, as the documents stay
-- divided as they are.
alter table howdah.documents no force row level security;
alter table howdah.documents disable trigger user;
update howdah.documents set type = 'text/plain' where type = 'text/csv';
alter table howdah.documents enable trigger user;
alter table howdah.documents force row level security;
alter table howdah.documents
  drop constraint type_is_a_text_type,
  add constraint type_is_a_text_type check (type in ('text/plain', 'text/markdown', 'text/html'));
comment on column howdah.documents.type is
  'MIME type of the content: text/markdown, text/plain or text/html.';
comment on constraint type_is_a_text_type on howdah.documents is
  'Set type to text/markdown (the default), text/plain or text/html.';
