-- Up Migration
-- Names what a run gets from its agent, which functions passed on as an array.

create type howdah_private.run_defaults as (
  agent_id uuid,
  tenant_id uuid,
  version_id uuid,
  max_steps int,
  max_tokens bigint,
  max_cost numeric,
  max_seconds int,
  prompt_id uuid,
  is_filtered boolean
);
comment on type howdah_private.run_defaults is
  'What a new run gets from its agent. version_id is null if the agent has changed since its last '
  'version, and is_filtered is true if a filter checks the input of its runs.';

-- Down Migration
drop type howdah_private.run_defaults cascade;
