-- Up Migration
-- Know-how that an agent is told of in one line and reads when it needs it.
create table howdah.skills (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null,
  content text not null,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  constraint name_is_a_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
  constraint description_is_one_short_line check (description ~ '\S' and description !~ '[\n\r]' and length(description) <= 500),
  constraint content_is_not_empty check (content ~ '\S')
);
create unique index skills_living_name_key on howdah.skills (tenant_id, name) where deleted_at is null;
alter table howdah.skills enable row level security, force row level security;
comment on table howdah.skills is
  'Know-how in Markdown. Agents that have one are told its name and description, and read it by the tool load_skill.';
comment on column howdah.skills.description is 'One line: when to read it.';
comment on column howdah.skills.content is 'What the agent reads, as Markdown: at most 60 kB, which is given in one piece.';
comment on column howdah.skills.is_active is 'One that is not active is left out of its agents'' next versions.';
comment on column howdah.skills.deleted_at is 'Skills are deleted softly: their versions stay.';

create table howdah.skill_versions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  skill_id uuid not null,
  version int not null,
  definition jsonb not null,
  digest text not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant_id, id),
  unique (tenant_id, skill_id, version),
  foreign key (tenant_id, skill_id) references howdah.skills (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
alter table howdah.skill_versions enable row level security, force row level security;
comment on table howdah.skill_versions is
  'What a skill was: one row per transaction of edits that changed something. Never updated, never deleted.';
comment on column howdah.skill_versions.digest is 'SHA-256 of the definition, in hex.';
comment on constraint skill_versions_tenant_id_skill_id_version_key on howdah.skill_versions is
  E'@behavior -*\nA version is named by its id.';

create table howdah.agent_skills (
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  skill_id uuid not null,
  position int not null default 1,
  created_at timestamptz not null default now(),
  primary key (agent_id, skill_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, skill_id) references howdah.skills (tenant_id, id) on delete restrict,
  constraint position_counts_from_one check (position >= 1)
);
create index agent_skills_agent_id_idx on howdah.agent_skills (tenant_id, agent_id);
create index agent_skills_skill_id_idx on howdah.agent_skills (tenant_id, skill_id);
alter table howdah.agent_skills enable row level security, force row level security;
comment on table howdah.agent_skills is 'Which skills an agent has, in the order it is told of them.';

-- Down Migration
drop table howdah.agent_skills;
drop table howdah.skill_versions;
drop table howdah.skills;
