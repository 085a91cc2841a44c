-- Up Migration
-- What model providers accept as the name of a tool.
create function howdah_private.fit_the_wire(names text[]) returns boolean
  language sql immutable parallel safe
  set search_path = ''
  as $$ select coalesce(bool_and(n.name ~ '^[A-Za-z0-9_-]{1,64}$'), true) from unnest(fit_the_wire.names) as n (name) $$;

create table howdah.tools (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  aliases text[] not null default '{}',
  description text not null default '',
  kind howdah.tool_kind not null,
  parameters jsonb not null default '{"type": "object", "properties": {}}',
  configuration jsonb not null default '{}',
  effect howdah.tool_effect not null default 'idempotent',
  requires_approval boolean not null default false,
  timeout_ms int not null default 60000,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  constraint name_fits_the_wire check (howdah_private.fit_the_wire(array[name])),
  constraint aliases_fit_the_wire check (howdah_private.fit_the_wire(aliases)),
  constraint only_sql_and_custom_tools_exist check (kind in ('sql', 'custom')),
  constraint parameters_are_a_schema_of_an_object
    check (jsonb_typeof(parameters) = 'object' and coalesce(parameters ->> 'type', 'object') = 'object'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint timeout_is_between_a_millisecond_and_an_hour check (timeout_ms between 1 and 3600000)
);
alter table howdah.tools enable row level security, force row level security;
comment on table howdah.tools is
  'What agents can do. kind sql: a function of this database (register_sql_tool); kind custom: a TypeScript function registered in code.';
comment on column howdah.tools.parameters is 'A JSON Schema; arguments are checked against it before the tool runs.';
comment on column howdah.tools.effect is 'pure and idempotent calls may be repeated after a crash; a sql tool runs in the transaction that commits its step.';
comment on column howdah.tools.requires_approval is 'A call waits for a person; where nobody can be asked yet it is refused.';

-- A model calls a tool by its name or an alias: both are unique together within a tenant.
create table howdah_private.tool_names (
  tenant_id uuid not null,
  name text not null,
  tool_id uuid not null,
  primary key (tenant_id, name),
  foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade
);
create index tool_names_tool_id_idx on howdah_private.tool_names (tenant_id, tool_id);
alter table howdah_private.tool_names enable row level security, force row level security;
comment on table howdah_private.tool_names is 'Every name and alias a tool of a tenant answers to.';

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
create index agent_tools_agent_id_idx on howdah.agent_tools (tenant_id, agent_id);
create index agent_tools_tool_id_idx on howdah.agent_tools (tenant_id, tool_id);
alter table howdah.agent_tools enable row level security, force row level security;
comment on table howdah.agent_tools is
  'Which tools an agent may call; its configuration goes over the tool''s own, key by key.';

-- Down Migration
drop table howdah.agent_tools;
drop table howdah_private.tool_names;
drop table howdah.tools;
drop function if exists howdah_private.fit_the_wire(text[]);
