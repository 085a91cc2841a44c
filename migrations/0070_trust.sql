-- Up Migration
-- How far a run is trusted is how far the least is that it has read; what it may do then is for policies to say.
-- Of runs that are there nobody knows what they have read: they count as having read anything. Both are constants, so no row
-- is written.
alter table howdah.executions
  add column input_trust howdah.trust not null default 'user',
  add column trust howdah.trust not null default 'external';
alter table howdah.executions alter column trust set default 'user';
comment on column howdah.executions.input_trust is
  'Whose words the input is: user, or what a program that inserts somebody else''s words says of them (external); of a child the level of its parent.';
comment on column howdah.executions.trust is
  'The lowest trust of anything it has read: user, internal or external. It never rises.';

alter table howdah_private.inbox add column trust howdah.trust;
comment on column howdah_private.inbox.trust is 'How far what came is trusted; null: a person''s word.';

alter table howdah.approvals add column trust howdah.trust not null default 'user';
comment on column howdah.approvals.trust is
  'How far the run was trusted that asked: for runs that are trusted less, a policy asks again.';

alter table howdah.questions add column reason jsonb, add constraint reason_is_an_object check (jsonb_typeof(reason) = 'object');
comment on column howdah.questions.reason is
  'Of an approval a policy asked for: {policy, trust, tool, message_seq}: how far the run is trusted, and which message made it so.';

create type howdah.policy_decision as enum ('allow', 'ask', 'deny');
comment on type howdah.policy_decision is 'What a policy says of a call, the strictest last.';

create table howdah.tool_policies (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
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
  'What a run may call that has read something it is trusted less for than min_trust. The row that says most of a call decides: one that names the tool before one that does not, then agent, kind, effect; of equals the strictest. No row: allowed.';
comment on constraint tool_policies_tenant_id_agent_id_tool_id_kind_effect_min_tr_key on howdah.tool_policies is
  E'@behavior -*\nOne decision for each; a policy is named by its id.';
comment on column howdah.tool_policies.agent_id is 'Whose runs; null: those of all agents.';
comment on column howdah.tool_policies.tool_id is 'Which tool; with neither tool nor kind all but sub-agents, workflows and ask_user.';
comment on column howdah.tool_policies.kind is 'Tools of this kind.';
comment on column howdah.tool_policies.effect is 'Tools of this effect; null: of any.';
comment on column howdah.tool_policies.min_trust is
  'For runs that are trusted less the row counts: internal: those that have read what is external; user: what is internal, too; system: all.';
comment on column howdah.tool_policies.decision is 'allow; ask: an admin approves the call; deny: the model is told that it may not.';

create type howdah.filter_action as enum ('flag', 'redact', 'block');
comment on type howdah.filter_action is 'What a filter does about what it finds, the strictest last.';
create type howdah.filter_place as enum ('output', 'question', 'arguments');
comment on type howdah.filter_place is
  'Where a filter looks: what an agent says, what it asks people, the arguments of calls that leave the installation.';

create table howdah.output_filters (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  name text not null,
  pattern text not null,
  places howdah.filter_place[] not null default '{output,question,arguments}',
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
  'What must not leave a run: looked for before it is recorded, in the same commit. Live: no version pins it.';
comment on column howdah.output_filters.agent_id is 'Whose runs; null: those of all agents.';
comment on column howdah.output_filters.pattern is 'A regular expression of Postgres without back-references; (?i) in front ignores case.';
comment on column howdah.output_filters.places is 'Where it looks: output, question, arguments (of tools that leave the installation).';
comment on column howdah.output_filters.action is
  'flag: noted in the log; redact: [name withheld] stands in its place; block: the call is refused, an answer is asked for once more and then fails the run.';

-- Down Migration
drop table howdah.output_filters;
drop type howdah.filter_place;
drop type howdah.filter_action;
drop table howdah.tool_policies;
drop type howdah.policy_decision;
alter table howdah.questions drop column reason;
alter table howdah.approvals drop column trust;
alter table howdah_private.inbox drop column trust;
alter table howdah.executions drop column trust, drop column input_trust;
