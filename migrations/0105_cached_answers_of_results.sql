-- Up Migration
alter table howdah.evaluation_results add column cached_answers int not null default 0;
comment on column howdah.evaluation_results.cached_answers is
  'Answers of models and tools that the run took from an answer cache. Comparisons of cost and '
  'latency leave out results with such answers.';

-- Down Migration
alter table howdah.evaluation_results drop column cached_answers;
