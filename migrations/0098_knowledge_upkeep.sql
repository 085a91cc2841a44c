-- Up Migration
-- The bases of each search, so that lists find the searches of a base (30_triggers/knowledge.sql).
create table howdah_private.searched_bases (
  tenant_id uuid not null,
  knowledge_base_id uuid not null,
  search_id uuid not null,
  primary key (tenant_id, knowledge_base_id, search_id),
  foreign key (tenant_id, search_id) references howdah.searches (tenant_id, id) on delete cascade
);
create index searched_bases_search_id_idx
  on howdah_private.searched_bases (tenant_id, search_id);
alter table howdah_private.searched_bases enable row level security, force row level security;
comment on table howdah_private.searched_bases is
  'Bases of searches, one row each: knowledge_base_ids of howdah.searches in a form that an index '
  'serves for tenants.';
comment on column howdah_private.searched_bases.tenant_id is 'Tenant of the search.';
comment on column howdah_private.searched_bases.knowledge_base_id is
  'The base that was searched. It may be deleted.';
comment on column howdah_private.searched_bases.search_id is 'The search.';
-- Row-level security applies to the owner as well.
alter table howdah.searches no force row level security;
alter table howdah_private.searched_bases no force row level security;
insert into howdah_private.searched_bases (tenant_id, knowledge_base_id, search_id)
select distinct s.tenant_id, b.id, s.id
from howdah.searches as s cross join lateral unnest(s.knowledge_base_ids) as b (id);
alter table howdah_private.searched_bases force row level security;
alter table howdah.searches force row level security;

-- A document of a URL whose language changes is not fetched again.
alter table howdah_private.due_documents
  add column reads_source boolean not null default true;
comment on column howdah_private.due_documents.reads_source is
  'Whether the file or URL is read. False for a URL whose stored text is divided or indexed again.';

-- they gain arguments and columns
drop function if exists howdah_private.enqueue_documents(uuid[]);
drop function if exists howdah_private.schedule_reading(howdah.documents);
drop function if exists
  howdah_private.claim_documents(uuid, uuid, int, boolean, boolean, boolean, boolean, boolean);
drop function if exists
  howdah_private.lock_due_documents(uuid, uuid, int, boolean, boolean, boolean, boolean, boolean);

-- Down Migration
drop function if exists howdah_private.enqueue_documents(uuid[], uuid[]);
drop function if exists howdah_private.schedule_reading(howdah.documents, timestamptz);
drop function if exists howdah_private.claim_documents(
  uuid, uuid, int, boolean, boolean, boolean, boolean, boolean, boolean);
drop function if exists howdah_private.lock_due_documents(
  uuid, uuid, int, boolean, boolean, boolean, boolean, boolean, boolean);
alter table howdah_private.due_documents drop column reads_source;
drop table howdah_private.searched_bases;
