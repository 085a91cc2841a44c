-- Up Migration
-- Lets output filters check what people send: the place `input`, and the matches of a run and of a
-- message to an agent.

alter type howdah.filter_place add value if not exists 'input';
comment on type howdah.filter_place is
  'Place that an output filter checks: answers, questions to people, arguments that leave the '
  'installation, arguments of SQL tools and queries, messages to other agents, boards and todo '
  'lists, files, and what people send (input).';

alter table howdah.executions add column input_hits jsonb;
comment on column howdah.executions.input_hits is
  'Filters that matched what people sent to the run: [{filter, action, matches}]. Null if none '
  'did.';

alter table howdah.mail add column input_hits jsonb;
comment on column howdah.mail.input_hits is
  'Filters that matched a message of a person: [{filter, action, matches}]. Null if none did.';

comment on column howdah.output_filters.places is
  'Places to check: output, question, arguments (of tools that leave the installation), sql '
  '(arguments of SQL tools and queries), message (mail, tasks of sub-agents), board (boards, '
  'todos), file, input (what people send). The default is all but input.';
comment on column howdah.output_filters.action is
  'flag notes the match in the log, or at the place input in input_hits of the run; redact '
  'replaces it by [name withheld]; block refuses the call or input, or asks for another answer '
  'once before the run fails.';

-- Down Migration
-- The label input stays: PostgreSQL removes no label of an enum. No filter keeps it, since earlier
-- releases do not know it.
alter table howdah.output_filters no force row level security;
delete from howdah.output_filters where array_remove(places::text[], 'input') = '{}';
update howdah.output_filters
set places = array_remove(places::text[], 'input')::howdah.filter_place[]
where 'input' = any (places::text[]);
alter table howdah.output_filters force row level security;
alter table howdah.mail drop column input_hits;
alter table howdah.executions drop column input_hits;
comment on type howdah.filter_place is
  'Place that an output filter checks: answers, questions to people, arguments that leave the '
  'installation, arguments of SQL tools and queries, messages to other agents, boards and todo '
  'lists, files.';
comment on column howdah.output_filters.places is
  'Places to check: output, question, arguments (of tools that leave the installation), sql '
  '(arguments of SQL tools and queries), message (mail, tasks of sub-agents), board (boards, '
  'todos), file. The default is all of them.';
comment on column howdah.output_filters.action is
  'flag notes the match in the log; redact replaces it by [name withheld]; block refuses the '
  'call, or asks for another answer once before the run fails.';
