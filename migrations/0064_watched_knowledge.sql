-- Up Migration
-- Watched knowledge: tables of users whose rows are documents of a knowledge base.
create table howdah.knowledge_watches (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  table_name text not null,
  type text not null default 'text/markdown',
  content text not null,
  title text,
  metadata text,
  condition text,
  key_columns text[] not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint a_base_watches_a_table_once unique (tenant_id, knowledge_base_id, table_name),
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  constraint rows_are_found_by_a_key check (cardinality(key_columns) > 0),
  constraint type_is_a_text_type check (type in ('text/plain', 'text/markdown', 'text/html'))
);
alter table howdah.knowledge_watches enable row level security, force row level security;
comment on table howdah.knowledge_watches is
  'Tables of users whose rows are documents of a knowledge base. howdah.watch_knowledge makes a '
  'row, howdah.unwatch_knowledge removes it.';
comment on column howdah.knowledge_watches.knowledge_base_id is
  'The knowledge base of the documents.';
comment on column howdah.knowledge_watches.table_name is
  'Name of the table when the watch was made.';
comment on column howdah.knowledge_watches.type is 'MIME type of the documents.';
comment on column howdah.knowledge_watches.content is
  'SQL expression over the columns of the row, whose value is the content of the document. A row '
  'of which it is null or blank is no document.';
comment on column howdah.knowledge_watches.title is
  'SQL expression over the columns of the row, whose value is the title of the document. Null '
  'titles documents by table and key, such as public.articles:4711.';
comment on column howdah.knowledge_watches.metadata is
  'SQL expression over the columns of the row, whose value is a JSON object: the metadata of the '
  'document. Null leaves them empty.';
comment on column howdah.knowledge_watches.condition is
  'SQL expression over the columns of the row that must be true. Null accepts every row.';
comment on column howdah.knowledge_watches.key_columns is
  'Primary key of the table, by which the document of a row is found again.';
comment on constraint rows_are_found_by_a_key on howdah.knowledge_watches is
  'Watch a table that has a primary key.';
comment on constraint type_is_a_text_type on howdah.knowledge_watches is
  'Set type to text/markdown (the default), text/plain or text/html.';

alter table howdah.documents add column source text;
comment on column howdah.documents.source is
  'Row of a watched table that the document is a copy of: table and key, such as '
  'public.articles:4711. Null for other documents.';
create unique index documents_source_idx
  on howdah.documents (tenant_id, knowledge_base_id, source) where source is not null;

-- Down Migration
-- The triggers on tables of users go with the function.
drop function if exists howdah_private.tg__watch_knowledge() cascade;
drop index howdah.documents_source_idx;
alter table howdah.documents drop column source;
drop table howdah.knowledge_watches;
