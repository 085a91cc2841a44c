-- Up Migration
-- Tools that are requests of an API, and agent systems that bring functions of the database along.
alter table howdah.tools
  drop constraint only_tools_that_do_something_exist,
  add constraint only_tools_that_do_something_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent', 'workflow', 'mcp', 'http'));
alter table howdah.agent_systems add column functions text[] not null default '{}';
comment on column howdah.agent_systems.functions is 'The functions its file describes, by name; they stand in the schema that is called as the system.';

-- Down Migration
-- What an older release cannot call goes.
alter table howdah.tools no force row level security;
delete from howdah.tools where kind = 'http';
alter table howdah.tools force row level security;
alter table howdah.tools
  drop constraint only_tools_that_do_something_exist,
  add constraint only_tools_that_do_something_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent', 'workflow', 'mcp'));
alter table howdah.agent_systems drop column functions;
