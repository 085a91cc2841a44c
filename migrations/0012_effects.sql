-- Up Migration
-- The ledger of effects stands in the log itself: a finished or begun call says its id, its key and what
-- repeating it would do. A tool may name another that takes its effect back.
alter table howdah.steps
  add column call_id text,
  add column effect howdah.tool_effect,
  add column idempotency_key text;
comment on column howdah.steps.call_id is 'The tool call it belongs to.';
comment on column howdah.steps.effect is 'What repeating the call would do, as the tool declares it.';
comment on column howdah.steps.idempotency_key is 'Given to the tool; the same over every attempt of the call.';

alter table howdah.messages
  add column parent_seq int,
  add column covers_from_seq int,
  add column covers_to_seq int,
  add constraint summaries_say_what_they_cover check (
    (covers_from_seq is null) = (covers_to_seq is null) and covers_from_seq <= covers_to_seq
  );
comment on column howdah.messages.parent_seq is 'The message it answers: of a tool''s result the one that asked for the call.';
comment on column howdah.messages.covers_from_seq is 'Of a summary: the first message it stands for; 0 means earlier turns of the session too.';
comment on column howdah.messages.covers_to_seq is 'Of a summary: the last message it stands for. The originals stay.';

create type howdah.context_policy as enum ('trim', 'summarize', 'none');
comment on type howdah.context_policy is 'What happens when a conversation outgrows its model: the oldest is left out, summed up, or nothing.';

alter table howdah.agents
  add column human_input boolean not null default false,
  add column context_policy howdah.context_policy not null default 'trim';
comment on column howdah.agents.human_input is 'Whether it may ask people: true gives it the tool ask_user.';
comment on column howdah.agents.context_policy is 'What happens when the conversation outgrows the model''s context_tokens.';

alter table howdah.tools
  add column agent_id uuid,
  add column compensation_tool_id uuid,
  add foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  add foreign key (tenant_id, compensation_tool_id)
    references howdah.tools (tenant_id, id) on delete set null (compensation_tool_id),
  drop constraint only_sql_and_custom_tools_exist,
  add constraint only_builtin_sql_custom_and_agent_tools_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent')),
  add constraint compensation_is_another_tool check (compensation_tool_id <> id),
  add constraint agent_tools_name_their_agent check ((kind = 'agent') = (agent_id is not null));
create index tools_agent_id_idx on howdah.tools (tenant_id, agent_id);
create index tools_compensation_tool_id_idx on howdah.tools (tenant_id, compensation_tool_id);
comment on column howdah.tools.agent_id is 'Of kind agent: the agent that does the work, in a run of its own below the caller''s.';
comment on column howdah.tools.compensation_tool_id is 'The tool that takes a finished call back when its run fails or is cancelled.';

-- Down Migration
-- A schema of before knows neither tools of these kinds nor calls of them.
alter table howdah.tools no force row level security;
delete from howdah.tools where kind in ('builtin', 'agent');
alter table howdah.tools force row level security;
alter table howdah.tools
  drop constraint agent_tools_name_their_agent, drop constraint compensation_is_another_tool,
  drop constraint only_builtin_sql_custom_and_agent_tools_exist,
  add constraint only_sql_and_custom_tools_exist check (kind in ('sql', 'custom')),
  drop column agent_id, drop column compensation_tool_id;
alter table howdah.agents drop column human_input, drop column context_policy;
drop type howdah.context_policy;
alter table howdah.messages
  drop column parent_seq, drop column covers_from_seq, drop column covers_to_seq;
alter table howdah.steps drop column call_id, drop column effect, drop column idempotency_key;
