-- Up Migration
-- Filters look wherever something leaves a run. What stands in its own log is what it says; what leaves it are the answer,
-- questions, arguments that go out, and what others read: functions of the database, mails and tasks, boards, files.
-- A filter that is there keeps looking where its writer said.
drop function if exists howdah_private.filtered(uuid, howdah.filter_place, jsonb);
-- of a database in use: it names the column, and is made again behind the migrations
drop trigger if exists _990_refuse_invalid on howdah.output_filters;
alter table howdah.output_filters alter column places drop default;
alter type howdah.filter_place rename to filter_place_before;
create type howdah.filter_place as enum ('output', 'question', 'arguments', 'sql', 'message', 'board', 'file');
comment on type howdah.filter_place is
  'Where a filter looks: what an agent says, what it asks people, arguments that leave the installation, those of functions and queries of the database, what other agents are told, what stands on boards and todo lists, files.';
alter table howdah.output_filters
  alter column places type howdah.filter_place[] using places::text[]::howdah.filter_place[],
  alter column places set default '{output,question,arguments,sql,message,board,file}';
drop type howdah.filter_place_before;
comment on column howdah.output_filters.places is
  'Where it looks: output, question, arguments (of tools that leave the installation), sql (arguments of tools in SQL, queries), message (mails, tasks of sub-agents), board (boards, todos), file. Left out: everywhere.';

-- Down Migration
alter table howdah.output_filters no force row level security;
delete from howdah.output_filters where not places && '{output,question,arguments}';
update howdah.output_filters set places = array(
  select p from unnest(places) as p where p in ('output', 'question', 'arguments'));
alter table howdah.output_filters force row level security;
alter table howdah.output_filters alter column places drop default;
alter type howdah.filter_place rename to filter_place_after;
create type howdah.filter_place as enum ('output', 'question', 'arguments');
comment on type howdah.filter_place is
  'Where a filter looks: what an agent says, what it asks people, the arguments of calls that leave the installation.';
alter table howdah.output_filters
  alter column places type howdah.filter_place[] using places::text[]::howdah.filter_place[],
  alter column places set default '{output,question,arguments}';
drop type howdah.filter_place_after;
comment on column howdah.output_filters.places is 'Where it looks: output, question, arguments (of tools that leave the installation).';
