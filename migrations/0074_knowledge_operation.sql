-- Up Migration
-- A generation of vectors that another one has replaced stays until a batch job has deleted its
-- vectors. So a switch of generations changes two rows, whatever the size of the base.
alter table howdah_private.embedding_generations
  add column retired_at timestamptz,
  add column deleted_up_to bigint not null default 0,
  drop constraint a_base_has_one_generation_of_each_kind,
  add constraint a_retired_generation_is_not_current check (retired_at is null or not is_current);
create unique index embedding_generations_of_each_kind_key
  on howdah_private.embedding_generations (tenant_id, knowledge_base_id, is_current)
  where retired_at is null;
create index embedding_generations_retired_at_idx
  on howdah_private.embedding_generations (retired_at) where retired_at is not null;
create index embedding_generations_knowledge_base_id_idx
  on howdah_private.embedding_generations (tenant_id, knowledge_base_id);
comment on column howdah_private.embedding_generations.retired_at is
  'Time at which no search and no worker used it any more. The batch job delete_vector then '
  'deletes its vectors.';
comment on column howdah_private.embedding_generations.deleted_up_to is
  'Number of the last chunk whose vector the batch job has deleted.';

-- Documents of URLs: a worker fetches the text, and reads it again by a schedule.
alter table howdah.documents
  add column url text,
  add column reread_seconds int,
  add column read_at timestamptz,
  drop constraint other_types_are_of_files,
  add constraint other_types_are_of_files
    check (type like 'text/%' or resource_id is not null or url is not null),
  add constraint url_is_http
    check (url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$' and length(url) <= 2000),
  add constraint a_document_has_a_file_or_a_url check (resource_id is null or url is null),
  add constraint reread_seconds_is_from_a_minute_to_a_year
    check (reread_seconds between 60 and 31536000),
  add constraint reread_seconds_is_for_a_url check (url is not null or reread_seconds is null);
comment on column howdah.documents.url is
  'Address of the document, whose text a worker fetches. Null for a text and for a file.';
comment on column howdah.documents.reread_seconds is
  'Time after which a worker fetches the URL again, from 60 seconds; null for never.';
comment on column howdah.documents.read_at is
  'Time at which the URL was last fetched with success; null if it never was.';
comment on constraint other_types_are_of_files on howdah.documents is
  'Store the file in howdah.resources, and set resource_id. Only texts have content.';
comment on constraint url_is_http on howdah.documents is
  'Write url as https://host/path or http://host/path, at most 2000 characters, without a login.';
comment on constraint a_document_has_a_file_or_a_url on howdah.documents is
  'Set either resource_id or url.';
comment on constraint reread_seconds_is_from_a_minute_to_a_year on howdah.documents is
  'Set reread_seconds to a whole number from 60 to 31536000, such as 86400 for each day.';
comment on constraint reread_seconds_is_for_a_url on howdah.documents is
  'Set reread_seconds only with url.';
alter table howdah_private.due_documents add column etag text, add column last_modified text;
comment on column howdah_private.due_documents.etag is
  'ETag of the last answer of the URL; null to fetch it even if it has not changed.';
comment on column howdah_private.due_documents.last_modified is
  'Last-Modified of the last answer of the URL, as etag.';

-- A document whose file a worker cannot read waits for another worker, and has not failed.
alter table howdah_private.due_documents
  add column first_postponed_at timestamptz,
  add column postponed int not null default 0;
comment on column howdah_private.due_documents.first_postponed_at is
  'Time since which workers could not read the file of the document; null if none has tried.';
comment on column howdah_private.due_documents.postponed is
  'Attempts that ended because the worker could not read the file.';
alter table howdah.documents
  drop constraint error_is_of_a_failed_document,
  add constraint error_is_of_a_document_that_failed_or_waits check (case status
    when 'failed' then error is not null when 'ready' then error is null or url is not null
    else true end);
comment on constraint error_is_of_a_document_that_failed_or_waits on howdah.documents is
  'Workers write error.';
comment on column howdah.documents.error is
  'Why the document could not be divided, or waits: {code, message}; null if it could.';

-- Down Migration
-- Row-level security applies to the owner as well.
alter table howdah.documents no force row level security;
alter table howdah.documents disable trigger user;
delete from howdah.documents where url is not null;
update howdah.documents set error = null where status <> 'failed';
alter table howdah.documents enable trigger user;
alter table howdah.documents force row level security;
alter table howdah_private.due_documents drop column etag, drop column last_modified;
alter table howdah.documents
  drop constraint other_types_are_of_files,
  drop constraint error_is_of_a_document_that_failed_or_waits,
  drop column url,
  drop column reread_seconds,
  drop column read_at,
  add constraint other_types_are_of_files
    check (type like 'text/%' or resource_id is not null),
  add constraint error_is_of_a_failed_document
    check ((error is not null) = (status = 'failed'));
comment on constraint other_types_are_of_files on howdah.documents is
  'Store the file in howdah.resources, and set resource_id. Only texts have content.';
comment on constraint error_is_of_a_failed_document on howdah.documents is
  'Workers write error.';
comment on column howdah.documents.error is
  'Why the document could not be divided: {code, message}; null if it could.';
alter table howdah_private.due_documents drop column first_postponed_at, drop column postponed;
alter table howdah_private.embedding_generations no force row level security;
delete from howdah_private.embedding_generations where retired_at is not null;
alter table howdah_private.embedding_generations force row level security;
drop index howdah_private.embedding_generations_knowledge_base_id_idx;
drop index howdah_private.embedding_generations_of_each_kind_key;
alter table howdah_private.embedding_generations
  drop constraint a_retired_generation_is_not_current,
  drop column retired_at,
  drop column deleted_up_to,
  add constraint a_base_has_one_generation_of_each_kind
    unique (tenant_id, knowledge_base_id, is_current);
