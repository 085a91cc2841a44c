-- Up Migration
-- A member without a place comes after the others (30_triggers/workflows.sql), where a default of 1 was taken by the first.
alter table howdah.workflow_agents alter column sequence_order drop default;
comment on column howdah.workflow_agents.sequence_order is
  E'@hasDefault\nIts place among the members, counted from 1; left out, the end.';

-- Down Migration
comment on column howdah.workflow_agents.sequence_order is null;
alter table howdah.workflow_agents alter column sequence_order set default 1;
