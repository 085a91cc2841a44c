-- Up Migration
-- Embeddings of the chunks of knowledge bases, and how their searches are ranked.
alter table howdah.knowledge_bases
  add column embedding_model_id uuid,
  add column ranking jsonb not null default '{}',
  add foreign key (tenant_id, embedding_model_id)
    references howdah.models (tenant_id, id) on delete set null (embedding_model_id),
  add constraint ranking_is_an_object check (jsonb_typeof(ranking) = 'object');
create index knowledge_bases_embedding_model_id_idx
  on howdah.knowledge_bases (tenant_id, embedding_model_id);
comment on column howdah.knowledge_bases.embedding_model_id is
  'Model of purpose embedding that makes the vectors of the chunks; null for a base without '
  'vectors. A change makes new vectors, and searches use the earlier ones until all are there.';
comment on column howdah.knowledge_bases.ranking is
  'How searches rank: {"weights": {"text": 8, "vector": 1}} for the mode hybrid, and {"expansion": '
  '{"chunks": 5, "terms": 10, "keep": 0.7}} to add terms of the best chunks to the query.';
comment on constraint ranking_is_an_object on howdah.knowledge_bases is
  'Write ranking as a JSON object, such as {"weights": {"text": 8, "vector": 1}}.';

create table howdah_private.embedding_generations (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  due_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp(),
  tokens bigint not null default 0,
  dimensions int,
  failures int not null default 0,
  sampled int not null default 0,
  is_current boolean not null default false,
  cost numeric not null default 0,
  model_digest text not null,
  model jsonb not null,
  error jsonb,
  center real[],
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  unique (tenant_id, id),
  constraint model_is_an_object check (jsonb_typeof(model) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  constraint a_base_has_one_generation_of_each_kind
    unique (tenant_id, knowledge_base_id, is_current)
);
alter table howdah_private.embedding_generations enable row level security,
  force row level security;
comment on table howdah_private.embedding_generations is
  'The vectors of a knowledge base by one model. Searches use the current generation. A new one is '
  'built beside it, and takes its place when each chunk has its vector.';
comment on column howdah_private.embedding_generations.knowledge_base_id is 'The knowledge base.';
comment on column howdah_private.embedding_generations.due_at is
  'Time of the next call of the model. It is later after a failed call.';
comment on column howdah_private.embedding_generations.tokens is 'Tokens of all calls.';
comment on column howdah_private.embedding_generations.dimensions is
  'Length of the vectors; null before the first one.';
comment on column howdah_private.embedding_generations.failures is
  'Calls that have failed since the last one that did not.';
comment on column howdah_private.embedding_generations.sampled is
  'Number of vectors whose mean is the center.';
comment on column howdah_private.embedding_generations.is_current is 'Whether searches use it.';
comment on column howdah_private.embedding_generations.cost is
  'Cost of all calls, at the prices of the model.';
comment on column howdah_private.embedding_generations.model_digest is
  'MD5 of what decides about the vectors: the provider, the model, its address and parameters.';
comment on column howdah_private.embedding_generations.model is
  'The model, as providers take it. Queries are embedded by it until the generation ends.';
comment on column howdah_private.embedding_generations.error is
  'Why the last call failed: {code, message}; null if it did not.';
comment on column howdah_private.embedding_generations.center is
  'Mean of a sample of the vectors; null for zero. The signs of a vector are those of its '
  'difference from the mean.';

create table howdah_private.chunk_embeddings (
  generation_id uuid not null references howdah_private.embedding_generations (id)
    on delete cascade,
  chunk_number bigint not null,
  signs bit varying not null,
  vector real[] not null,
  primary key (generation_id, chunk_number)
);
create index chunk_embeddings_chunk_number_idx on howdah_private.chunk_embeddings (chunk_number);
-- A search reads the signs of all rows, and the vectors of 200. Vectors are stored apart.
alter table howdah_private.chunk_embeddings
  alter column signs set storage main,
  alter column vector set storage external,
  set (toast_tuple_target = 128);
alter table howdah_private.chunk_embeddings enable row level security, force row level security;
comment on table howdah_private.chunk_embeddings is
  'Vectors of chunks. They are deleted with the chunk.';
comment on column howdah_private.chunk_embeddings.generation_id is 'The generation.';
comment on column howdah_private.chunk_embeddings.chunk_number is 'The number of the chunk.';
comment on column howdah_private.chunk_embeddings.signs is
  'A bit for each dimension: whether the vector is above the center of the generation.';
comment on column howdah_private.chunk_embeddings.vector is 'The vector, of length 1.';

create table howdah_private.due_embeddings (
  generation_id uuid not null references howdah_private.embedding_generations (id)
    on delete cascade,
  chunk_number bigint not null,
  due_at timestamptz not null default clock_timestamp(),
  attempts int not null default 0,
  error jsonb,
  primary key (generation_id, chunk_number),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index due_embeddings_due_at_idx on howdah_private.due_embeddings (generation_id, due_at);
create index due_embeddings_chunk_number_idx on howdah_private.due_embeddings (chunk_number);
alter table howdah_private.due_embeddings enable row level security, force row level security;
comment on table howdah_private.due_embeddings is 'Chunks that have no vector yet.';
comment on column howdah_private.due_embeddings.generation_id is 'The generation.';
comment on column howdah_private.due_embeddings.chunk_number is 'The number of the chunk.';
comment on column howdah_private.due_embeddings.due_at is
  'Time of the next attempt; infinity for a chunk that the model refuses.';
comment on column howdah_private.due_embeddings.attempts is 'Attempts that have begun.';
comment on column howdah_private.due_embeddings.error is
  'Why the model refuses the chunk: {code, message}.';

create table howdah_private.query_embeddings (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  requested_at timestamptz not null default clock_timestamp(),
  model_digest text not null,
  digest text not null,
  model jsonb not null,
  query text,
  error jsonb,
  vector real[],
  primary key (tenant_id, model_digest, digest),
  constraint model_is_an_object check (jsonb_typeof(model) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index query_embeddings_requested_at_idx on howdah_private.query_embeddings (requested_at);
create index query_embeddings_pending_idx
  on howdah_private.query_embeddings (tenant_id, requested_at) where query is not null;
alter table howdah_private.query_embeddings enable row level security, force row level security;
comment on table howdah_private.query_embeddings is
  'Vectors of the last queries. A worker makes them, since the database calls no model.';
comment on column howdah_private.query_embeddings.requested_at is 'Time of the last request.';
comment on column howdah_private.query_embeddings.model_digest is
  'The digest of the model, as in embedding_generations.';
comment on column howdah_private.query_embeddings.digest is 'MD5 of the query.';
comment on column howdah_private.query_embeddings.model is 'The model, as providers take it.';
comment on column howdah_private.query_embeddings.query is
  'The query; null as soon as it has a vector.';
comment on column howdah_private.query_embeddings.error is
  'Why the model made no vector: {code, message}.';
comment on column howdah_private.query_embeddings.vector is 'The vector, of length 1.';

-- Down Migration
drop table howdah_private.query_embeddings;
drop table howdah_private.due_embeddings;
drop table howdah_private.chunk_embeddings;
drop table howdah_private.embedding_generations;
alter table howdah.knowledge_bases drop column ranking, drop column embedding_model_id;
