-- Up Migration
-- Creates the tools of agents and the rules for their calls: MCP servers, tool policies, output
-- filters and hooks.

create table howdah.mcp_servers (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  type howdah.mcp_server_type not null,
  configuration jsonb not null,
  trusts_annotations boolean not null default false,
  allows_elicitation boolean not null default false,
  sampling_model_id uuid,
  is_active boolean not null default true,
  agent_system_id uuid,
  server_info jsonb,
  discovered_at timestamptz,
  error text,
  failed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  foreign key (tenant_id, sampling_model_id)
    references howdah.models (tenant_id, id) on delete set null (sampling_model_id),
  constraint name_is_a_short_word
    check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$' and name !~ '__|_$'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint server_info_is_an_object check (jsonb_typeof(server_info) = 'object')
);
create index mcp_servers_agent_system_id_idx on howdah.mcp_servers (tenant_id, agent_system_id);
create index mcp_servers_sampling_model_id_idx on howdah.mcp_servers (tenant_id, sampling_model_id);
alter table howdah.mcp_servers enable row level security, force row level security;
comment on table howdah.mcp_servers is
  'Servers of the Model Context Protocol, written by admins. A worker discovers the tools and '
  'prompts of each server. Agents that have the server have its accepted tools.';
comment on column howdah.mcp_servers.configuration is
  'stdio: {command, args, env, cwd, secrets}; http: {url, headers, secret_name, secrets}. secrets '
  'maps environment variables or headers to names of secrets.';
comment on column howdah.mcp_servers.trusts_annotations is
  'True uses the annotations of the server to tell which tools only read or may be repeated. '
  'False treats every tool as effect once.';
comment on column howdah.mcp_servers.allows_elicitation is
  'True lets the server ask people. Its request becomes a row of questions, in the words of the '
  'server, and the run waits.';
comment on column howdah.mcp_servers.sampling_model_id is
  'Model that answers sampling requests of the server, within the budget of the run. Null refuses '
  'these requests.';
comment on column howdah.mcp_servers.agent_system_id is
  'The agent system whose file describes the server.';
comment on column howdah.mcp_servers.server_info is
  'Name and version that the server reports: {"name", "version"}.';
comment on column howdah.mcp_servers.discovered_at is
  'Time of the first successful discovery of its tools.';
comment on column howdah.mcp_servers.error is 'Error of the last discovery. Null after a success.';

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
  foreign key (tenant_id, server_id)
    references howdah.mcp_servers (tenant_id, id) on delete cascade,
  constraint parameters_are_an_object check (jsonb_typeof(parameters) = 'object'),
  constraint annotations_are_an_object check (jsonb_typeof(annotations) = 'object'),
  constraint refused_tools_have_a_fault check ((status = 'refused') = (fault is not null)),
  constraint an_accepted_tool_is_what_was_accepted
    check (status <> 'accepted' or digest = accepted_digest)
);
alter table howdah.mcp_tools enable row level security, force row level security;
comment on table howdah.mcp_tools is
  'Tools that MCP servers offer, as last reported. Workers write the rows. Accepting a tool makes '
  'a row of howdah.tools, which agents use.';
comment on column howdah.mcp_tools.digest is
  'SHA-256 of the reported tool, in hex: name, title, description, schemas, annotations.';
comment on column howdah.mcp_tools.is_whole is
  'False if the reported tool is too large or cannot be stored. fault gives the reason.';
comment on column howdah.mcp_tools.fault is 'Reason why the tool cannot be offered.';
comment on column howdah.mcp_tools.accepted_digest is
  'Digest of the tool when it was last accepted. Calls are allowed only while the server reports '
  'the same digest.';

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
  foreign key (tenant_id, server_id)
    references howdah.mcp_servers (tenant_id, id) on delete cascade,
  foreign key (tenant_id, prompt_id)
    references howdah.prompts (tenant_id, id) on delete set null (prompt_id),
  constraint variables_are_an_object check (jsonb_typeof(variables) = 'object'),
  constraint refused_prompts_have_a_fault check ((status = 'refused') = (fault is not null)),
  constraint an_accepted_prompt_is_what_was_accepted
    check (status <> 'accepted' or digest = accepted_digest)
);
create index mcp_prompts_prompt_id_idx on howdah.mcp_prompts (tenant_id, prompt_id);
alter table howdah.mcp_prompts enable row level security, force row level security;
comment on table howdah.mcp_prompts is
  'Prompts that MCP servers offer, as last reported. Workers write the rows. Accepting a prompt '
  'makes a row of howdah.prompts, which agents use.';
comment on column howdah.mcp_prompts.template is
  'Text that the server returns if each argument has the value {{its name}}.';
comment on column howdah.mcp_prompts.variables is
  'Arguments of the prompt: JSON Schemas by name, as in howdah.prompts.';
comment on column howdah.mcp_prompts.digest is
  'SHA-256 of the reported prompt, in hex: name, title, description, arguments, text.';
comment on column howdah.mcp_prompts.status is
  'new and changed prompts wait for accept_mcp_prompt. refused prompts cannot become templates; '
  'fault gives the reason. gone prompts were accepted and are no longer on the server.';
comment on column howdah.mcp_prompts.fault is 'Reason why the prompt cannot become a template.';
comment on column howdah.mcp_prompts.accepted_digest is
  'Digest of the prompt when it was last accepted, which is the text of the stored prompt.';
comment on column howdah.mcp_prompts.prompt_id is
  'Stored prompt, made when this prompt was accepted.';

create table howdah.agent_servers (
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  server_id uuid not null,
  allowed_tools text[],
  created_at timestamptz not null default now(),
  primary key (agent_id, server_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, server_id)
    references howdah.mcp_servers (tenant_id, id) on delete cascade
);
create index agent_servers_server_id_idx on howdah.agent_servers (tenant_id, server_id);
create index agent_servers_agent_id_idx on howdah.agent_servers (tenant_id, agent_id);
alter table howdah.agent_servers enable row level security, force row level security;
comment on table howdah.agent_servers is
  'MCP servers of an agent, each with all of its accepted tools or some of them.';
comment on column howdah.agent_servers.allowed_tools is
  'Tools of the server that the agent may use, by their names on the server. Null allows all.';

create table howdah.tools (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  aliases text[] not null default '{}',
  description text not null default '',
  kind howdah.tool_kind not null,
  agent_id uuid,
  workflow_id uuid,
  server_id uuid,
  parameters jsonb not null default '{"type": "object", "properties": {}}',
  configuration jsonb not null default '{}',
  effect howdah.tool_effect not null default 'idempotent',
  compensation_tool_id uuid,
  requires_approval boolean not null default false,
  timeout_ms int not null default 60000,
  is_active boolean not null default true,
  agent_system_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  foreign key (tenant_id, compensation_tool_id)
    references howdah.tools (tenant_id, id) on delete set null (compensation_tool_id),
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete restrict,
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  foreign key (tenant_id, server_id)
    references howdah.mcp_servers (tenant_id, id) on delete cascade,
  constraint name_fits_the_wire check (howdah_private.fit_the_wire(array[name])),
  constraint aliases_fit_the_wire check (howdah_private.fit_the_wire(aliases)),
  constraint parameters_are_a_schema_of_an_object
    check (jsonb_typeof(parameters) = 'object' and coalesce(parameters ->> 'type',
      'object') = 'object'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint timeout_is_between_a_millisecond_and_an_hour check (timeout_ms between 1 and 3600000),
  constraint compensation_is_another_tool check (compensation_tool_id <> id),
  constraint agent_tools_name_their_agent check ((kind = 'agent') = (agent_id is not null)),
  constraint workflow_tools_name_their_workflow
    check ((kind = 'workflow') = (workflow_id is not null)),
  constraint mcp_tools_name_their_server check ((kind = 'mcp') = (server_id is not null)),
  constraint only_tools_that_do_something_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent', 'workflow', 'mcp', 'http'))
);
create index tools_agent_id_idx on howdah.tools (tenant_id, agent_id);
create index tools_compensation_tool_id_idx on howdah.tools (tenant_id, compensation_tool_id);
create index tools_workflow_id_idx on howdah.tools (tenant_id, workflow_id);
create index tools_agent_system_id_idx on howdah.tools (tenant_id, agent_system_id);
create index tools_server_id_idx on howdah.tools (tenant_id, server_id);
alter table howdah.tools enable row level security, force row level security;
comment on table howdah.tools is
  'Tools that agents may call. A tool of kind sql is a function of this database '
  '(register_sql_tool); a tool of kind custom is a TypeScript function registered in code.';
comment on column howdah.tools.agent_id is
  'Kind agent: the agent that does the work, in a child run of the caller.';
comment on column howdah.tools.workflow_id is
  'Kind workflow: the workflow that does the work, in a child run of the caller.';
comment on column howdah.tools.server_id is 'Kind mcp: the server that does the work.';
comment on column howdah.tools.parameters is
  'JSON Schema of the arguments, which are checked before each call.';
comment on column howdah.tools.effect is
  'Effect of repeating a call. Calls of pure and idempotent tools may be repeated after a crash. '
  'A sql tool runs in the transaction that commits its step.';
comment on column howdah.tools.compensation_tool_id is
  'Tool that undoes a finished call if its run fails or is cancelled.';
comment on column howdah.tools.requires_approval is
  'True makes each call wait for the approval of a person. If no person can be asked, the call is '
  'refused.';
comment on column howdah.tools.agent_system_id is 'The agent system whose file describes the tool.';

create table howdah_private.tool_names (
  tenant_id uuid not null,
  name text not null,
  tool_id uuid not null,
  primary key (tenant_id, name),
  foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade
);
create index tool_names_tool_id_idx on howdah_private.tool_names (tenant_id, tool_id);
alter table howdah_private.tool_names enable row level security, force row level security;
comment on table howdah_private.tool_names is
  'Names and aliases of the tools of a tenant, written by a trigger on tools. A model may call a '
  'tool by any of them, so names and aliases are unique together.';

create table howdah.agent_tools (
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  tool_id uuid not null,
  configuration jsonb not null default '{}',
  requires_approval boolean,
  primary key (agent_id, tool_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade,
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object')
);
create index agent_tools_tool_id_idx on howdah.agent_tools (tenant_id, tool_id);
create index agent_tools_agent_id_idx on howdah.agent_tools (tenant_id, agent_id);
alter table howdah.agent_tools enable row level security, force row level security;
comment on table howdah.agent_tools is
  'Tools of an agent. The configuration here overrides the configuration of the tool, key by key.';

create table howdah.tool_policies (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  tool_id uuid,
  kind howdah.tool_kind,
  effect howdah.tool_effect,
  min_trust howdah.trust not null default 'internal',
  decision howdah.policy_decision not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, agent_id, tool_id, kind, effect, min_trust),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade,
  constraint a_policy_is_about_a_tool_or_a_kind check (num_nonnulls(tool_id, kind) <= 1),
  constraint min_trust_is_above_external check (min_trust <> 'external')
);
create index tool_policies_tool_id_idx on howdah.tool_policies (tenant_id, tool_id);
alter table howdah.tool_policies enable row level security, force row level security;
comment on table howdah.tool_policies is
  'Rules for calls of runs that have read text of a trust below min_trust. The most specific row '
  'decides: tool before no tool, then agent, kind, effect; among equals the strictest. If no row '
  'applies, the call is allowed.';
comment on column howdah.tool_policies.agent_id is
  'Agent whose runs the row applies to. Null means all agents.';
comment on column howdah.tool_policies.tool_id is
  'Tool that the row applies to. Without tool_id and kind, the row applies to every tool except '
  'sub-agents, workflows and ask_user.';
comment on column howdah.tool_policies.kind is 'Kind of tools that the row applies to.';
comment on column howdah.tool_policies.effect is
  'Effect of tools that the row applies to. Null means any.';
comment on column howdah.tool_policies.min_trust is
  'The row applies to runs of a lower trust. internal: runs that have read external text; user: '
  'also runs that have read internal text; system: all runs.';
comment on column howdah.tool_policies.decision is
  'allow the call, ask an admin for approval, or deny the call and report the denial to the model.';
comment on constraint tool_policies_tenant_id_agent_id_tool_id_kind_effect_min_tr_key
  on howdah.tool_policies is
  E'@behavior -*\n'
  'One decision per combination; the API addresses a policy by its id.';

create table howdah.output_filters (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  name text not null,
  pattern text not null,
  places howdah.filter_place[] not null
    default '{output,question,arguments,sql,message,board,file}',
  action howdah.filter_action not null default 'redact',
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  constraint name_is_a_word check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
  constraint pattern_is_up_to_1000_characters_long check (length(pattern) between 1 and 1000),
  constraint places_are_named check (cardinality(places) > 0)
);
create index output_filters_agent_id_idx on howdah.output_filters (tenant_id, agent_id);
alter table howdah.output_filters enable row level security, force row level security;
comment on table howdah.output_filters is
  'Patterns of text that must not leave a run. The commit that records a text checks it. A change '
  'of a filter applies at once, also to runs in flight.';
comment on column howdah.output_filters.agent_id is
  'Agent whose runs the filter applies to. Null means all agents.';
comment on column howdah.output_filters.pattern is
  'Regular expression of PostgreSQL without back-references. (?i) at the start ignores case.';
comment on column howdah.output_filters.places is
  'Places to check: output, question, arguments (of tools that leave the installation), sql '
  '(arguments of SQL tools and queries), message (mail, tasks of sub-agents), board (boards, '
  'todos), file. The default is all of them.';
comment on column howdah.output_filters.action is
  'flag notes the match in the log; redact replaces it by [name withheld]; block refuses the '
  'call, or asks for another answer once before the run fails.';

create table howdah.hooks (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  event howdah.hook_event not null,
  function text not null,
  agent_id uuid,
  workflow_id uuid,
  position int not null default 1,
  timeout_ms int not null default 5000,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint hooks_tenant_id_event_function_agent_id_workflow_id_key
    unique nulls not distinct (tenant_id, event, function, agent_id, workflow_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint timeout_is_up_to_a_minute check (timeout_ms between 1 and 60000),
  constraint a_hook_is_for_an_agent_or_a_workflow_or_for_all
    check (num_nonnulls(agent_id, workflow_id) <= 1)
);
create index hooks_agent_id_idx on howdah.hooks (tenant_id, agent_id);
create index hooks_workflow_id_idx
  on howdah.hooks (tenant_id, workflow_id) where workflow_id is not null;
alter table howdah.hooks enable row level security, force row level security;
comment on table howdah.hooks is
  'Functions of this database that are called on events of a run. They may write, annotate and '
  'refuse. Only an owner of the database writes the rows.';
comment on column howdah.hooks.function is
  'Name with schema, such as shop.check_refund. The function takes the event as jsonb and returns '
  'jsonb or null.';
comment on column howdah.hooks.agent_id is
  'Agent whose runs call the hook. Without agent_id and workflow_id, all runs of the tenant call '
  'it.';
comment on column howdah.hooks.workflow_id is
  'Workflow whose runs call the hook, without the runs of its members. Without agent_id and '
  'workflow_id, all runs of the tenant call it.';
comment on column howdah.hooks.position is 'Order among the hooks of an event, smaller first.';
comment on column howdah.hooks.timeout_ms is
  'Time limit of one call in milliseconds. A longer call fails.';
comment on constraint hooks_tenant_id_event_function_agent_id_workflow_id_key on howdah.hooks is
  E'@behavior -*\nOne call per function and event; the API addresses a hook by its id.';

-- Down Migration
drop table howdah.hooks;
drop table howdah.output_filters;
drop table howdah.tool_policies;
drop table howdah.agent_tools;
drop table howdah_private.tool_names;
drop table howdah.tools;
drop table howdah.agent_servers;
drop table howdah.mcp_prompts;
drop table howdah.mcp_tools;
drop table howdah.mcp_servers;
