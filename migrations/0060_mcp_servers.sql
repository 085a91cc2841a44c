-- Up Migration
-- MCP servers are rows, what they offer is found by a worker, and a tool is given to agents as it was accepted.
create type howdah.mcp_server_type as enum ('stdio', 'http');
comment on type howdah.mcp_server_type is 'How an MCP server is reached: stdio, a command on the worker''s machine; http, a URL.';
create type howdah.mcp_tool_status as enum ('accepted', 'new', 'changed', 'refused', 'gone');
comment on type howdah.mcp_tool_status is
  'accepted tools are offered to agents; new and changed ones wait for accept_mcp_tool; refused ones cannot be offered; gone are those the server has no more.';

create table howdah.mcp_servers (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  type howdah.mcp_server_type not null,
  configuration jsonb not null,
  trusts_annotations boolean not null default false,
  is_active boolean not null default true,
  server_info jsonb,
  discovered_at timestamptz,
  error text,
  failed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  constraint name_is_a_short_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$' and name !~ '__|_$'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint server_info_is_an_object check (jsonb_typeof(server_info) = 'object')
);
alter table howdah.mcp_servers enable row level security, force row level security;
comment on table howdah.mcp_servers is
  'Servers of the Model Context Protocol. A worker asks a new one what it offers; agents that are given it have its accepted tools.';
comment on column howdah.mcp_servers.configuration is
  'stdio: {command, args, env, cwd, secrets}; http: {url, headers, secret_name, secrets}. secrets: names of secrets by environment variable or header.';
comment on column howdah.mcp_servers.trusts_annotations is
  'Its word is taken for it that a tool only reads or may be repeated; else each of its tools has effect once.';
comment on column howdah.mcp_servers.server_info is 'What it said of itself: name, version.';
comment on column howdah.mcp_servers.discovered_at is 'When it was first asked what it offers, and answered.';
comment on column howdah.mcp_servers.error is 'Why it could not be asked the last time; null when it could.';

create table howdah.agent_servers (
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  server_id uuid not null,
  allowed_tools text[],
  created_at timestamptz not null default now(),
  primary key (agent_id, server_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, server_id) references howdah.mcp_servers (tenant_id, id) on delete cascade
);
create index agent_servers_agent_id_idx on howdah.agent_servers (tenant_id, agent_id);
create index agent_servers_server_id_idx on howdah.agent_servers (tenant_id, server_id);
alter table howdah.agent_servers enable row level security, force row level security;
comment on table howdah.agent_servers is 'Which MCP servers an agent has: all their accepted tools, or those that are allowed.';
comment on column howdah.agent_servers.allowed_tools is 'Of the server''s tools only these, by the names the server gives them; null: all.';

create table howdah.mcp_tools (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  server_id uuid not null,
  name text not null,
  description text not null,
  parameters jsonb not null,
  annotations jsonb not null,
  digest text not null,
  is_whole boolean not null default true,
  status howdah.mcp_tool_status not null,
  fault text,
  accepted_digest text,
  accepted_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, server_id, name),
  foreign key (tenant_id, server_id) references howdah.mcp_servers (tenant_id, id) on delete cascade,
  constraint parameters_are_an_object check (jsonb_typeof(parameters) = 'object'),
  constraint annotations_are_an_object check (jsonb_typeof(annotations) = 'object'),
  constraint refused_tools_have_a_fault check ((status = 'refused') = (fault is not null)),
  constraint an_accepted_tool_is_what_was_accepted check (status <> 'accepted' or digest = accepted_digest)
);
alter table howdah.mcp_tools enable row level security, force row level security;
comment on table howdah.mcp_tools is
  'What MCP servers offer, as they last said it; written by workers. What agents have is the row of tools made when it was accepted.';
comment on column howdah.mcp_tools.digest is 'SHA-256 of what the server says of the tool: name, title, description, schemas, annotations.';
comment on column howdah.mcp_tools.is_whole is 'False where what the server says of it is too large or cannot be kept: fault says why.';
comment on column howdah.mcp_tools.fault is 'Why it cannot be offered.';
comment on column howdah.mcp_tools.accepted_digest is 'Of what was accepted last: calls are made only while the server says the same.';

alter table howdah.tools
  add column server_id uuid,
  add foreign key (tenant_id, server_id) references howdah.mcp_servers (tenant_id, id) on delete cascade,
  add constraint mcp_tools_name_their_server check ((kind = 'mcp') = (server_id is not null)),
  drop constraint only_tools_that_do_something_exist,
  add constraint only_tools_that_do_something_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent', 'workflow', 'mcp'));
create index tools_server_id_idx on howdah.tools (tenant_id, server_id);
comment on column howdah.tools.server_id is 'Of kind mcp: the server that does the work.';

-- Down Migration
alter table howdah.tools no force row level security;
delete from howdah.tools where kind = 'mcp';
alter table howdah.tools force row level security;
alter table howdah.tools
  drop constraint only_tools_that_do_something_exist,
  drop column server_id,
  add constraint only_tools_that_do_something_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent', 'workflow'));
drop table howdah.mcp_tools;
drop table howdah.agent_servers;
drop table howdah.mcp_servers;
drop type howdah.mcp_tool_status, howdah.mcp_server_type;
