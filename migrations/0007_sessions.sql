-- Up Migration
create table howdah.sessions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  user_id uuid,
  agent_id uuid,
  title text,
  state jsonb not null default '{}',
  turns int not null default 0,
  live_execution_id uuid,
  last_activity_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete set null (user_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete set null (agent_id),
  constraint state_is_an_object check (jsonb_typeof(state) = 'object')
);
create index sessions_user_id_idx on howdah.sessions (tenant_id, user_id);
create index sessions_agent_id_idx on howdah.sessions (tenant_id, agent_id);
alter table howdah.sessions enable row level security, force row level security;
comment on table howdah.sessions is
  'Conversations over many runs. One run of a session is live at a time, the next waits for its turn.';
comment on column howdah.sessions.live_execution_id is 'The root run whose turn it is; changed under this row''s lock.';
comment on column howdah.sessions.turns is 'Runs begun so far; the last one''s turn.';

-- Down Migration
drop table howdah.sessions;
