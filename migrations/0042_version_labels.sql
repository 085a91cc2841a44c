-- Up Migration
-- Names for versions, such as production and candidate: a run may be begun by one.
alter table howdah.agent_versions add unique (tenant_id, agent_id, version);
comment on constraint agent_versions_tenant_id_agent_id_version_key on howdah.agent_versions is
  E'@behavior -*\nWhat labels refer to.';
alter table howdah.workflow_versions add unique (tenant_id, workflow_id, version);
comment on constraint workflow_versions_tenant_id_workflow_id_version_key on howdah.workflow_versions is
  E'@behavior -*\nWhat labels refer to.';

create table howdah.version_labels (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  workflow_id uuid,
  label text not null,
  version int not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, agent_id, workflow_id, label),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id, version)
    references howdah.agent_versions (tenant_id, agent_id, version) on delete cascade,
  foreign key (tenant_id, workflow_id, version)
    references howdah.workflow_versions (tenant_id, workflow_id, version) on delete cascade,
  constraint a_label_is_of_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1),
  constraint a_label_is_a_word check (label ~ '^[a-z][a-z0-9_-]{0,62}$')
);
create index version_labels_agent_id_idx on howdah.version_labels (tenant_id, agent_id, version);
create index version_labels_workflow_id_idx on howdah.version_labels (tenant_id, workflow_id, version);
alter table howdah.version_labels enable row level security, force row level security;
comment on table howdah.version_labels is
  'Names for versions of agents and workflows, such as production and candidate. A label names one version; moving it is an update.';
comment on constraint version_labels_tenant_id_agent_id_workflow_id_label_key on howdah.version_labels is
  E'@behavior -*\nA label is named by its id.';

-- Down Migration
drop table howdah.version_labels;
alter table howdah.workflow_versions drop constraint workflow_versions_tenant_id_workflow_id_version_key;
alter table howdah.agent_versions drop constraint agent_versions_tenant_id_agent_id_version_key;
