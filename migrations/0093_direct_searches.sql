-- Up Migration
-- Searches of people and applications are rows as well (10_private/knowledge/record_search.sql). A
-- search has an id, since they have no run.
alter table howdah.knowledge_bases
  add column records_searches boolean not null default true;
comment on column howdah.knowledge_bases.records_searches is
  'Whether searches of people and applications are rows of howdah.searches. If one of the bases of '
  'a search is false, the search is not recorded. Searches of runs always are.';

alter table howdah.search_results
  drop constraint search_results_tenant_id_execution_id_step_seq_fkey;
alter table howdah.searches
  drop constraint searches_tenant_id_execution_id_step_seq_key,
  drop constraint searches_pkey,
  alter column execution_id drop not null,
  alter column step_seq drop not null,
  add column id uuid not null default howdah.uuid_v7(),
  add column user_id uuid,
  add column k int,
  add column created_by text,
  add column query text,
  add column filter jsonb,
  add primary key (id),
  add unique (tenant_id, id),
  add unique (execution_id, step_seq),
  add foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  add constraint search_of_a_run_has_a_step
    check (execution_id is null = (step_seq is null)),
  add constraint step_of_a_run_has_the_query
    check (execution_id is null or (query is null and filter is null and user_id is null)),
  add constraint filter_is_an_object check (jsonb_typeof(filter) = 'object');
create index searches_user_id_idx on howdah.searches (tenant_id, user_id, id)
  where user_id is not null;
create index searches_direct_idx on howdah.searches (tenant_id, created_at)
  where execution_id is null;
comment on table howdah.searches is
  E'@name knowledge_searches\n@behavior -query:resource:list -query:resource:connection\n'
  '@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName searches\n'
  'Searches in knowledge bases. Those of runs are calls of the tool knowledge_search, whose step '
  'has the query and the texts. Those of people and applications are calls of howdah.search: each '
  'person sees their own, and admins see all.';
comment on column howdah.searches.id is 'Id of the search.';
comment on column howdah.searches.execution_id is
  'The run that searched; null for a search of a person or an application.';
comment on column howdah.searches.step_seq is
  'The step of the call: howdah.steps.seq; null without a run.';
comment on column howdah.searches.user_id is
  'The user who searched; null for a run, and for an application without a user.';
comment on column howdah.searches.created_by is
  'Who searched: the user, the API key or the database login; null for a run.';
comment on column howdah.searches.k is 'The most chunks that were asked for; null for a run.';
comment on column howdah.searches.query is
  E'@behavior -attribute:select -attribute:filterBy -condition:attribute:filterBy '
  '-attribute:orderBy\n'
  'The query of a person or an application. Null for a run, whose step has it '
  '(howdah.searches_query has both), and if the tenant encrypts or does not keep contents, or if '
  'an input filter blocks it.';
comment on column howdah.searches.filter is
  'What the metadata of documents had to contain; null without a query.';
comment on constraint search_of_a_run_has_a_step on howdah.searches is
  'Give a search of a run both execution_id and step_seq, and any other search neither.';
comment on constraint step_of_a_run_has_the_query on howdah.searches is
  'Leave out query, filter and user_id of a search of a run, since its step and run have them.';
comment on constraint filter_is_an_object on howdah.searches is
  'Write filter as a JSON object, such as {"year": 2026}.';

alter table howdah.search_results
  drop constraint search_results_pkey,
  alter column execution_id drop not null,
  alter column step_seq drop not null,
  add column search_id uuid;
-- Row-level security applies to the owner as well.
alter table howdah.searches no force row level security;
alter table howdah.search_results no force row level security;
update howdah.search_results as r set search_id = s.id from howdah.searches as s
where s.execution_id = r.execution_id and s.step_seq = r.step_seq;
alter table howdah.search_results force row level security;
alter table howdah.searches force row level security;
alter table howdah.search_results
  alter column search_id set not null,
  add primary key (search_id, rank),
  add foreign key (tenant_id, search_id)
    references howdah.searches (tenant_id, id) on delete cascade;
create index search_results_search_id_idx on howdah.search_results (tenant_id, search_id);
comment on constraint search_results_tenant_id_search_id_fkey on howdah.search_results is
  E'@fieldName search\n@foreignFieldName results\nOnly searches write search_results.';
comment on table howdah.search_results is
  E'@behavior -query:resource:list -query:resource:connection\n'
  'Versions of chunks that a search returned. A chunk whose text changes gets another number, so '
  'the number names a version. The text that a run has read stays in the step of the search.';
comment on column howdah.search_results.search_id is 'The search.';
comment on column howdah.search_results.execution_id is
  'The run that searched; null without a run.';
comment on column howdah.search_results.step_seq is
  'The step of the search; null without a run.';

-- they gain columns or arguments
drop function if exists howdah.replay_searches(text, timestamptz, text, int, boolean);
drop function if exists howdah_private.searches_to_replay(uuid, timestamptz);
drop function if exists
  howdah_private.compare_search(uuid, int, uuid, uuid[], text, text, boolean);

-- Down Migration
-- Row-level security applies to the owner as well.
alter table howdah.searches no force row level security;
delete from howdah.searches where execution_id is null;
alter table howdah.searches force row level security;
alter table howdah.search_results
  drop constraint search_results_pkey,
  drop column search_id,
  alter column execution_id set not null,
  alter column step_seq set not null,
  add primary key (execution_id, step_seq, rank);
alter table howdah.searches
  drop constraint searches_execution_id_step_seq_key,
  drop constraint search_of_a_run_has_a_step,
  drop constraint step_of_a_run_has_the_query,
  drop column id,
  drop column user_id,
  drop column created_by,
  drop column k,
  drop column query,
  drop column filter,
  alter column execution_id set not null,
  alter column step_seq set not null,
  add primary key (execution_id, step_seq),
  add unique (tenant_id, execution_id, step_seq);
alter table howdah.search_results
  add foreign key (tenant_id, execution_id, step_seq)
    references howdah.searches (tenant_id, execution_id, step_seq) on delete cascade;
drop index howdah.searches_direct_idx;
alter table howdah.knowledge_bases drop column records_searches;
