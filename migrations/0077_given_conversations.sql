-- Up Migration
-- Who keeps a conversation himself says with each run what was said before, and which tools he calls himself.
alter table howdah.executions
  add column history jsonb,
  add column client_tools jsonb,
  add constraint history_is_a_list check (jsonb_typeof(history) = 'array'),
  add constraint client_tools_are_a_list check (jsonb_typeof(client_tools) = 'array');
comment on column howdah.executions.history is
  'What was said before, by whoever keeps the conversation himself: [{"role": "user", "content": "…"}, …], after what its session says. Messages of role system hold for this run alone.';
comment on column howdah.executions.client_tools is
  'Tools that whoever began the run calls himself: [{"name", "description", "parameters"}]. A call is a question whose answer is the tool''s result.';

-- Down Migration
alter table howdah.executions drop column client_tools, drop column history;
