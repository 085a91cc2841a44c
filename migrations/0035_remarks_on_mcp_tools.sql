-- Up Migration
-- A tool of an MCP server may be odd and work nevertheless: its fault is told beside its status.
alter table howdah.mcp_tools drop constraint refused_tools_have_a_fault,
  add constraint refused_tools_have_a_fault check (status <> 'refused' or fault is not null);

-- Long names get a short form now. Such a tool waits for an admin, as every tool that is found
-- after the first discovery of its server.
alter table howdah.mcp_tools no force row level security;
update howdah.mcp_tools set status = 'new', fault = null
where status = 'refused' and is_whole and fault like '%would exceed the maximum of 64 characters';
alter table howdah.mcp_tools force row level security;

-- Down Migration
alter table howdah.mcp_tools no force row level security;
update howdah.mcp_tools set fault = null where status <> 'refused' and fault is not null;
alter table howdah.mcp_tools force row level security;
alter table howdah.mcp_tools drop constraint refused_tools_have_a_fault,
  add constraint refused_tools_have_a_fault check ((status = 'refused') = (fault is not null));
