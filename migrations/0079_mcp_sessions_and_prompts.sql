-- Up Migration
-- Clients of revisions up to 2025-11-25 say in one request what they want to hear in another, which any process may answer.
create table howdah_private.mcp_sessions (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  session text not null,
  log_level text,
  subscriptions jsonb not null default '{}',
  expires_at timestamptz not null,
  primary key (tenant_id, session),
  constraint subscriptions_are_an_object check (jsonb_typeof(subscriptions) = 'object')
);
create index mcp_sessions_expires_at_idx on howdah_private.mcp_sessions (expires_at);
alter table howdah_private.mcp_sessions enable row level security, force row level security;
comment on table howdah_private.mcp_sessions is
  'What clients of our MCP server asked to be told of. Only those that asked have a row.';

-- Prompts of MCP servers, as templates: what an agent is told is the stored prompt that somebody accepted.
create table howdah.mcp_prompts (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  server_id uuid not null,
  name text not null,
  description text not null,
  template text not null,
  variables jsonb not null,
  digest text not null,
  status howdah.mcp_tool_status not null,
  fault text,
  accepted_digest text,
  accepted_at timestamptz,
  prompt_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, server_id, name),
  foreign key (tenant_id, server_id) references howdah.mcp_servers (tenant_id, id) on delete cascade,
  foreign key (tenant_id, prompt_id) references howdah.prompts (tenant_id, id) on delete set null (prompt_id),
  constraint variables_are_an_object check (jsonb_typeof(variables) = 'object'),
  constraint refused_prompts_have_a_fault check ((status = 'refused') = (fault is not null)),
  constraint an_accepted_prompt_is_what_was_accepted check (status <> 'accepted' or digest = accepted_digest)
);
create index mcp_prompts_prompt_id_idx on howdah.mcp_prompts (tenant_id, prompt_id);
alter table howdah.mcp_prompts enable row level security, force row level security;
comment on table howdah.mcp_prompts is
  'Prompts that MCP servers offer, as they last said them; written by workers. What agents are told is the row of prompts made when one was accepted.';
comment on column howdah.mcp_prompts.template is 'What the server says when each argument is given as {{its name}}.';
comment on column howdah.mcp_prompts.variables is 'Its arguments, as a prompt has them: JSON Schemas by name.';
comment on column howdah.mcp_prompts.digest is 'SHA-256 of what the server says: name, title, description, arguments, text.';
comment on column howdah.mcp_prompts.status is
  'new and changed ones wait for accept_mcp_prompt; refused ones cannot be templates: fault says why; gone are accepted ones that the server has no more.';
comment on column howdah.mcp_prompts.fault is 'Why no template can be made of it.';
comment on column howdah.mcp_prompts.accepted_digest is 'Of what was accepted last: that stands in the stored prompt.';
comment on column howdah.mcp_prompts.prompt_id is 'The stored prompt it was accepted as.';

-- Down Migration
drop table howdah.mcp_prompts;
drop table howdah_private.mcp_sessions;
