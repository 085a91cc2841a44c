-- Up Migration
-- Knowledge bases: documents, their chunks, and the terms of the chunks for search.
create type howdah.document_status as enum ('pending', 'working', 'ready', 'failed');
comment on type howdah.document_status is
  'State of a document: `pending` waits for a worker, `working` is divided into chunks, `ready` can '
  'be searched, `failed` has an error.';

create table howdah.knowledge_bases (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  domain text,
  language text not null default 'english',
  chunking jsonb not null default '{}',
  trust howdah.trust not null default 'external',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint knowledge_base_names_are_unique unique (tenant_id, name),
  constraint name_is_one_short_line check (name ~ '^[^[:cntrl:]]{1,100}$' and name ~ '\S'),
  constraint chunking_is_an_object check (jsonb_typeof(chunking) = 'object'),
  constraint trust_is_internal_or_external check (trust in ('internal', 'external'))
);
alter table howdah.knowledge_bases enable row level security, force row level security;
comment on table howdah.knowledge_bases is
  'Collections of documents that people and agents search (howdah.search).';
comment on column howdah.knowledge_bases.name is 'Unique among the knowledge bases of the tenant.';
comment on column howdah.knowledge_bases.domain is 'Subject of the documents, in a word or two.';
comment on column howdah.knowledge_bases.language is
  'Language of the documents: the name of a text search configuration of Postgres, such as english, '
  'german or simple. A change divides all documents again.';
comment on column howdah.knowledge_bases.chunking is
  'How documents are divided: {"max_characters": 2000}, from 200 to 8000. A change divides all '
  'documents again.';
comment on column howdah.knowledge_bases.trust is
  'How far the documents are trusted: external (may say anything), or internal. A run that reads a '
  'chunk has at most this trust.';
comment on constraint name_is_one_short_line on howdah.knowledge_bases is
  'Write name as one line of 1 to 100 characters.';
comment on constraint chunking_is_an_object on howdah.knowledge_bases is
  'Write chunking as a JSON object, such as {"max_characters": 2000}.';
comment on constraint trust_is_internal_or_external on howdah.knowledge_bases is
  'Set trust to external, or to internal if nobody else writes the documents.';

create table howdah.documents (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  status_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  status howdah.document_status not null default 'pending',
  title text not null,
  type text not null default 'text/markdown',
  created_by text not null,
  digest text not null generated always as (md5(content)) stored,
  metadata jsonb not null default '{}',
  content text not null,
  error jsonb,
  unique (tenant_id, id),
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  constraint title_is_one_line check (title !~ '[[:cntrl:]]' and title ~ '\S'),
  constraint type_is_a_text_type check (type in ('text/plain', 'text/markdown', 'text/html')),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  constraint error_is_of_a_failed_document check ((error is not null) = (status = 'failed'))
);
create index documents_knowledge_base_id_idx
  on howdah.documents (tenant_id, knowledge_base_id, id);
create index documents_title_idx on howdah.documents (tenant_id, title, id);
alter table howdah.documents enable row level security, force row level security;
comment on table howdah.documents is
  'Texts of a knowledge base. To insert one is enough: a worker divides it into chunks, and again '
  'after each change of its title, type or content.';
comment on column howdah.documents.knowledge_base_id is 'The knowledge base.';
comment on column howdah.documents.status is
  'pending, working, ready or failed. Set a failed document to pending to try it again.';
comment on column howdah.documents.status_at is 'Time since which the document has its status.';
comment on column howdah.documents.title is 'Title of the document. It is searched too.';
comment on column howdah.documents.type is
  'MIME type of the content: text/markdown, text/plain or text/html.';
comment on column howdah.documents.digest is 'MD5 of the content, as hex.';
comment on column howdah.documents.metadata is
  'Tags of the application, which searches filter by, such as {"year": 2026}.';
comment on column howdah.documents.error is
  'Why the document could not be divided: {code, message}; null if it could.';
comment on constraint title_is_one_line on howdah.documents is
  'Write title as one line of 1 to 500 characters.';
comment on constraint type_is_a_text_type on howdah.documents is
  'Set type to text/markdown (the default), text/plain or text/html.';
comment on constraint metadata_is_an_object on howdah.documents is
  'Write metadata as a JSON object, such as {"year": 2026}.';
comment on constraint error_is_an_object on howdah.documents is 'Workers write error.';
comment on constraint error_is_of_a_failed_document on howdah.documents is
  'Workers write error.';

create table howdah.chunks (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  document_id uuid not null,
  number bigint not null generated always as identity,
  seq int not null,
  start_offset int not null,
  end_offset int not null,
  length int not null,
  trust howdah.trust not null,
  digest text not null,
  heading_path text[] not null,
  content text not null,
  foreign key (tenant_id, document_id)
    references howdah.documents (tenant_id, id) on delete cascade,
  constraint chunks_of_a_document_have_an_order
    unique (tenant_id, document_id, seq) deferrable initially immediate
);
create unique index chunks_number_idx on howdah.chunks (number);
create index chunks_knowledge_base_id_idx on howdah.chunks (tenant_id, knowledge_base_id, id);
alter table howdah.chunks enable row level security, force row level security;
comment on constraint chunks_of_a_document_have_an_order on howdah.chunks is
  E'@behavior -single\nWorkers write chunks.';
comment on table howdah.chunks is
  'Parts of documents, which searches find. A chunk whose text stays the same after a change of the '
  'document keeps its id.';
comment on column howdah.chunks.number is
  'A number of the chunk, which its terms name: half as long as the id.';
comment on column howdah.chunks.knowledge_base_id is 'The knowledge base of the document.';
comment on column howdah.chunks.document_id is 'The document.';
comment on column howdah.chunks.seq is 'Position in the document: 1, 2, 3 and so on.';
comment on column howdah.chunks.start_offset is
  'Number of characters of the content of the document before the chunk.';
comment on column howdah.chunks.end_offset is
  'Number of characters of the content of the document up to the end of the chunk.';
comment on column howdah.chunks.length is
  'Number of terms: of the title, the headings and the text.';
comment on column howdah.chunks.trust is
  'Trust of the knowledge base when the document was divided. A search takes the lower one of it '
  'and that of the base now.';
comment on column howdah.chunks.digest is
  'MD5 of the language, the title, the headings and the text, as hex.';
comment on column howdah.chunks.heading_path is
  'Headings above the text, from the outermost one, without the title.';
comment on column howdah.chunks.content is 'The text. HTML is converted to plain text.';

create table howdah.agent_knowledge_bases (
  agent_id uuid not null,
  knowledge_base_id uuid not null,
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  k int not null default 5,
  weight float8 not null default 1,
  primary key (agent_id, knowledge_base_id),
  foreign key (tenant_id, agent_id)
    references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  constraint k_is_from_1_to_20 check (k between 1 and 20),
  constraint weight_is_positive check (weight > 0 and weight <= 1000)
);
create index agent_knowledge_bases_agent_id_idx
  on howdah.agent_knowledge_bases (tenant_id, agent_id);
create index agent_knowledge_bases_knowledge_base_id_idx
  on howdah.agent_knowledge_bases (tenant_id, knowledge_base_id);
alter table howdah.agent_knowledge_bases enable row level security, force row level security;
comment on table howdah.agent_knowledge_bases is
  'The knowledge bases that an agent searches by the tool knowledge_search. A change applies at '
  'once, also to live runs. It is in no version of the agent.';
comment on column howdah.agent_knowledge_bases.knowledge_base_id is 'The knowledge base.';
comment on column howdah.agent_knowledge_bases.k is
  'The most chunks of this base in one search, from 1 to 20.';
comment on column howdah.agent_knowledge_bases.weight is
  'Factor of the scores of this base, among several bases of an agent.';
comment on constraint k_is_from_1_to_20 on howdah.agent_knowledge_bases is
  'Set k to a whole number from 1 to 20.';
comment on constraint weight_is_positive on howdah.agent_knowledge_bases is
  'Set weight to a number above 0, at most 1000.';

-- The inverted index. The primary key holds all that a search reads of a term.
create table howdah_private.chunk_terms (
  knowledge_base_id uuid not null,
  chunk_number bigint not null,
  length int not null,
  frequency int not null,
  term text collate "C" not null,
  primary key (knowledge_base_id, term, chunk_number) include (frequency, length)
);
create index chunk_terms_chunk_number_idx on howdah_private.chunk_terms (chunk_number);
alter table howdah_private.chunk_terms enable row level security, force row level security;
comment on table howdah_private.chunk_terms is
  'Terms of chunks, a row for each term of a chunk. They are deleted with the chunk.';
comment on column howdah_private.chunk_terms.knowledge_base_id is 'The knowledge base.';
comment on column howdah_private.chunk_terms.chunk_number is 'The number of the chunk.';
comment on column howdah_private.chunk_terms.length is 'Number of all terms of the chunk.';
comment on column howdah_private.chunk_terms.frequency is 'How often the chunk has the term.';
comment on column howdah_private.chunk_terms.term is
  'The term, as the text search configuration of the base writes it.';

create table howdah_private.knowledge_base_sizes (
  id bigint generated always as identity primary key,
  knowledge_base_id uuid not null,
  chunks bigint not null,
  terms bigint not null
);
create index knowledge_base_sizes_knowledge_base_id_idx
  on howdah_private.knowledge_base_sizes (knowledge_base_id) include (chunks, terms);
alter table howdah_private.knowledge_base_sizes enable row level security,
  force row level security;
comment on table howdah_private.knowledge_base_sizes is
  'Sizes of knowledge bases as sums of changes. Each statement that adds or deletes chunks adds a '
  'row, so it waits for no other. Ingestion merges the rows of a base.';
comment on column howdah_private.knowledge_base_sizes.id is 'Primary key.';
comment on column howdah_private.knowledge_base_sizes.knowledge_base_id is 'The knowledge base.';
comment on column howdah_private.knowledge_base_sizes.chunks is 'Chunks that were added.';
comment on column howdah_private.knowledge_base_sizes.terms is 'Terms of these chunks.';

create table howdah_private.due_documents (
  document_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  due_at timestamptz not null default clock_timestamp(),
  attempts int not null default 0,
  foreign key (tenant_id, document_id)
    references howdah.documents (tenant_id, id) on delete cascade
);
create index due_documents_knowledge_base_id_idx
  on howdah_private.due_documents (tenant_id, knowledge_base_id, due_at);
create index due_documents_document_id_idx
  on howdah_private.due_documents (tenant_id, document_id);
alter table howdah_private.due_documents enable row level security, force row level security;
comment on table howdah_private.due_documents is
  'Documents that a worker has to divide into chunks.';
comment on column howdah_private.due_documents.document_id is 'The document.';
comment on column howdah_private.due_documents.knowledge_base_id is 'Its knowledge base.';
comment on column howdah_private.due_documents.due_at is
  'Time of the next attempt. It identifies an attempt under way.';
comment on column howdah_private.due_documents.attempts is 'Attempts that have begun.';

-- Down Migration
drop table howdah_private.due_documents;
drop table howdah_private.knowledge_base_sizes;
drop table howdah_private.chunk_terms;
drop table howdah.agent_knowledge_bases;
drop table howdah.chunks;
drop table howdah.documents;
drop table howdah.knowledge_bases;
drop type howdah.document_status;
