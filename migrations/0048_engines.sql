-- Up Migration
-- An agent's answers are made here, or by somebody else: another program over HTTP, another agent that speaks OpenAI's
-- format, a function registered in code.
create type howdah.agent_engine as enum ('builtin', 'http', 'openai', 'a2a', 'custom');
comment on type howdah.agent_engine is 'What makes the answers of an agent: its models, or another program; see docs/engines.md.';

alter table howdah.agents
  add column engine howdah.agent_engine not null default 'builtin',
  add column engine_configuration jsonb not null default '{}',
  add constraint engine_configuration_is_an_object check (jsonb_typeof(engine_configuration) = 'object');
comment on column howdah.agents.engine is 'What makes its answers: builtin, its models and tools; http, openai and custom, another program.';
comment on column howdah.agents.engine_configuration is 'By engine: howdah.engine_schema(engine) is its JSON Schema. Keys are named by secret_name and never stand here.';

-- A run may be handed over to another agent, which goes on with it.
alter table howdah.executions add column handoffs int not null default 0;
comment on column howdah.executions.handoffs is
  'So often it was handed over: agent_id is who has it now, steps of kind handoff say who had it before.';

-- Down Migration
alter table howdah.executions drop column handoffs;
alter table howdah.agents
  drop constraint engine_configuration_is_an_object,
  drop column engine_configuration,
  drop column engine;
drop type howdah.agent_engine;
