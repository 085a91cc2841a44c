-- Up Migration
-- MCP servers may ask back while they serve a call: a model, where an admin names one, and people, where an admin allows it.
alter table howdah.mcp_servers
  add column sampling_model_id uuid,
  add column allows_elicitation boolean not null default false,
  add foreign key (tenant_id, sampling_model_id) references howdah.models (tenant_id, id)
    on delete set null (sampling_model_id);
create index mcp_servers_sampling_model_id_idx on howdah.mcp_servers (tenant_id, sampling_model_id);
comment on column howdah.mcp_servers.sampling_model_id is
  'The model that answers what the server asks of one (sampling), within the budget of the run; null: it is refused.';
comment on column howdah.mcp_servers.allows_elicitation is
  'It may ask people: what it asks is a row of questions, in its words, and the run waits.';

alter table howdah.questions add column trust howdah.trust not null default 'internal';
comment on column howdah.questions.trust is
  'Whose words the prompt is: internal, of an agent or of Howdah; external, of an MCP server.';

-- Down Migration
alter table howdah.questions drop column trust;
alter table howdah.mcp_servers drop column allows_elicitation, drop column sampling_model_id;
