-- Up Migration
-- Reranking: a model of purpose rerank orders the best chunks of a search again.
alter table howdah.knowledge_bases
  add column rerank_model_id uuid,
  add column rerank_candidates int not null default 30,
  add foreign key (tenant_id, rerank_model_id)
    references howdah.models (tenant_id, id) on delete set null (rerank_model_id),
  add constraint rerank_candidates_is_from_1_to_100 check (rerank_candidates between 1 and 100);
create index knowledge_bases_rerank_model_id_idx
  on howdah.knowledge_bases (tenant_id, rerank_model_id);
comment on column howdah.knowledge_bases.rerank_model_id is
  'Model of purpose rerank that orders the best chunks of a search again; null for none. The '
  'texts of these chunks are sent to its provider.';
comment on column howdah.knowledge_bases.rerank_candidates is
  'How many of the best chunks the model of rerank_model_id orders, from 1 to 100.';
comment on constraint rerank_candidates_is_from_1_to_100 on howdah.knowledge_bases is
  'Set rerank_candidates to a whole number from 1 to 100.';

alter table howdah.searches add column rerank_error text;
comment on column howdah.searches.rerank_error is
  'Why chunks kept their order without the reranker, as a code such as timeout or limit_reached; '
  'null if it ordered all candidates, or if the bases have none.';
alter table howdah.search_results add column rerank_score float8, add column rerank_rank int;
comment on column howdah.search_results.rerank_score is
  'Score by the reranker of the base, on the scale of its model; null without one.';
comment on column howdah.search_results.rerank_rank is
  'Rank by the reranker among the chunks that it was sent; null without one.';

create table howdah_private.query_rankings (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  knowledge_base_id uuid not null,
  requested_at timestamptz not null default clock_timestamp(),
  model_digest text not null,
  digest text not null,
  model jsonb not null,
  chunk_numbers bigint[] not null,
  query text,
  error jsonb,
  scores float8[],
  primary key (tenant_id, model_digest, digest),
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  constraint model_is_an_object check (jsonb_typeof(model) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index query_rankings_requested_at_idx on howdah_private.query_rankings (requested_at);
create index query_rankings_knowledge_base_id_idx
  on howdah_private.query_rankings (tenant_id, knowledge_base_id);
create index query_rankings_pending_idx
  on howdah_private.query_rankings (tenant_id, requested_at) where query is not null;
alter table howdah_private.query_rankings enable row level security, force row level security;
comment on table howdah_private.query_rankings is
  'How models ranked the candidates of the last searches. A worker calls the model, since the '
  'database calls none.';
comment on column howdah_private.query_rankings.knowledge_base_id is
  'The knowledge base whose totals have the call. Candidates may be of several.';
comment on column howdah_private.query_rankings.requested_at is 'Time of the last request.';
comment on column howdah_private.query_rankings.model_digest is
  'MD5 of what decides about the ranking: the provider, the model, its address and parameters.';
comment on column howdah_private.query_rankings.digest is
  'MD5 of the query and of the numbers of the candidates, in order.';
comment on column howdah_private.query_rankings.model is 'The model, as providers take it.';
comment on column howdah_private.query_rankings.chunk_numbers is
  'Numbers of the candidates, the best of the search first.';
comment on column howdah_private.query_rankings.query is
  'The query; null as soon as the model has answered, and for searches of runs.';
comment on column howdah_private.query_rankings.error is
  'Why the model ranked nothing: {code, message}.';
comment on column howdah_private.query_rankings.scores is
  'Score of each candidate; null for one that the model did not return.';

create table howdah_private.rerank_totals (
  knowledge_base_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  calls bigint not null default 0,
  tokens bigint not null default 0,
  failures bigint not null default 0,
  cost numeric not null default 0,
  error jsonb,
  foreign key (tenant_id, knowledge_base_id)
    references howdah.knowledge_bases (tenant_id, id) on delete cascade,
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index rerank_totals_knowledge_base_id_idx
  on howdah_private.rerank_totals (tenant_id, knowledge_base_id);
alter table howdah_private.rerank_totals enable row level security, force row level security;
comment on table howdah_private.rerank_totals is
  'Calls of the rerankers of knowledge bases, with their tokens and cost.';
comment on column howdah_private.rerank_totals.knowledge_base_id is 'The knowledge base.';
comment on column howdah_private.rerank_totals.calls is 'Calls that ranked.';
comment on column howdah_private.rerank_totals.tokens is 'Tokens of all calls.';
comment on column howdah_private.rerank_totals.failures is 'Calls that failed.';
comment on column howdah_private.rerank_totals.cost is
  'Cost of all calls, at the prices of the model.';
comment on column howdah_private.rerank_totals.error is
  'Why the last call failed: {code, message}; null if it did not.';

-- gains an argument and columns
drop function if exists howdah.replay_searches(text, timestamptz, text, int);

-- Down Migration
drop function if exists howdah.replay_searches(text, timestamptz, text, int, boolean);
drop table howdah_private.rerank_totals;
drop table howdah_private.query_rankings;
alter table howdah.search_results drop column rerank_score, drop column rerank_rank;
alter table howdah.searches drop column rerank_error;
alter table howdah.knowledge_bases drop column rerank_model_id, drop column rerank_candidates;
