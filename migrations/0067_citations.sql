-- Up Migration
-- Searches of runs with what they found, and the citations of answers. The texts stay where they
-- are: the query and the chunks in the step of the search, the answer in its run. They are erased
-- and encrypted there.
create table howdah.searches (
  execution_id uuid not null,
  step_seq int not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  mode text not null,
  knowledge_base_ids uuid[] not null,
  primary key (execution_id, step_seq),
  unique (tenant_id, execution_id, step_seq)
);
create index searches_created_at_idx on howdah.searches (tenant_id, created_at);
alter table howdah.searches enable row level security, force row level security;
comment on table howdah.searches is
  E'@name knowledge_searches\n@behavior -query:resource:list -query:resource:connection\n'
  '@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName searches\n'
  'Searches in knowledge bases by runs: the calls of the tool knowledge_search. The step of the '
  'call has the query and the texts.';
comment on column howdah.searches.execution_id is 'The run that searched.';
comment on column howdah.searches.step_seq is 'The step of the call: howdah.steps.seq.';
comment on column howdah.searches.mode is 'The mode of the search, as in howdah.search.';
comment on column howdah.searches.knowledge_base_ids is 'The knowledge bases that were searched.';

create table howdah.search_results (
  execution_id uuid not null,
  step_seq int not null,
  rank int not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  document_id uuid not null,
  chunk_number bigint not null,
  score double precision not null,
  digest text not null,
  primary key (execution_id, step_seq, rank),
  unique (tenant_id, execution_id, step_seq, rank),
  foreign key (tenant_id, execution_id, step_seq)
    references howdah.searches (tenant_id, execution_id, step_seq) on delete cascade
);
create index search_results_document_id_idx on howdah.search_results (tenant_id, document_id);
alter table howdah.search_results enable row level security, force row level security;
comment on constraint search_results_tenant_id_execution_id_step_seq_fkey
  on howdah.search_results is
  E'@fieldName search\n@foreignFieldName results\nOnly runs write search_results.';
comment on table howdah.search_results is
  E'@behavior -query:resource:list -query:resource:connection\n'
  'Versions of chunks that a search of a run returned. A chunk whose text changes gets another '
  'number, so the number names a version. Its text stays in the step of the search.';
comment on column howdah.search_results.execution_id is 'The run that searched.';
comment on column howdah.search_results.step_seq is 'The step of the search.';
comment on column howdah.search_results.rank is 'Place among the results: 1 is the best.';
comment on column howdah.search_results.knowledge_base_id is 'The knowledge base.';
comment on column howdah.search_results.document_id is
  'The document. It may have been deleted since.';
comment on column howdah.search_results.chunk_number is
  'The chunk, as answers cite it: howdah.chunks.number.';
comment on column howdah.search_results.score is
  'Score of the chunk, multiplied by the weight of its base.';
comment on column howdah.search_results.digest is 'MD5 of the text that was returned, as hex.';

create table howdah.citations (
  execution_id uuid not null,
  start_offset int not null,
  end_offset int not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  message_seq int,
  step_seq int not null,
  rank int not null,
  primary key (execution_id, start_offset),
  foreign key (tenant_id, execution_id, step_seq, rank)
    references howdah.search_results (tenant_id, execution_id, step_seq, rank) on delete cascade
);
create index citations_search_result_idx
  on howdah.citations (tenant_id, execution_id, step_seq, rank);
alter table howdah.citations enable row level security, force row level security;
comment on constraint citations_tenant_id_execution_id_step_seq_rank_fkey
  on howdah.citations is
  E'@fieldName searchResult\n@foreignFieldName citations\nOnly runs write citations.';
comment on table howdah.citations is
  E'@behavior -query:resource:list -query:resource:connection\n'
  '@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName citations\n'
  'Citations in the answers of runs, such as [^4711]. Each one points at a chunk that a search of '
  'the same run returned. They are written with the answer, in one transaction.';
comment on column howdah.citations.execution_id is 'The run that answered.';
comment on column howdah.citations.start_offset is
  'Number of characters of the answer before the citation. A quoted text before it is a part of '
  'the citation.';
comment on column howdah.citations.end_offset is
  'Number of characters of the answer up to the end of the citation.';
comment on column howdah.citations.message_seq is 'The message with the answer, as in messages.';
comment on column howdah.citations.step_seq is 'The step of the search that returned the chunk.';
comment on column howdah.citations.rank is 'Place of the chunk among the results of this search.';

-- Down Migration
drop table howdah.citations;
drop table howdah.search_results;
drop table howdah.searches;
