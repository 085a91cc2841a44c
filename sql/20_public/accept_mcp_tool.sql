-- An admin takes what a server says of a tool now. The digest is what he has read: a server that says something else in the
-- meantime is not accepted unread. The server's row is locked first, as workers lock it.
create or replace function howdah.accept_mcp_tool(server text, tool text, digest text default null) returns howdah.mcp_tools
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server_id uuid;
  v_tool howdah.mcp_tools;
begin
  perform howdah_private.permit('tools', 'manage');
  select s.id into v_server_id from howdah.mcp_servers as s
  where s.tenant_id = howdah.current_tenant() and s.name = accept_mcp_tool.server for no key update;
  select m.* into v_tool from howdah.mcp_tools as m
  where m.tenant_id = howdah.current_tenant() and m.server_id = v_server_id and m.name = accept_mcp_tool.tool;
  if v_tool.id is null then
    raise exception using errcode = 'HWNTF',
      message = case when v_server_id is null then format('there is no MCP server %L', accept_mcp_tool.server)
        else format('MCP server %L has no tool %L', accept_mcp_tool.server, accept_mcp_tool.tool) end,
      detail = jsonb_build_object('server', accept_mcp_tool.server, 'tool', accept_mcp_tool.tool)::text,
      hint = 'What servers offer stands in howdah.mcp_tools, by the names they give it.';
  elsif v_tool.status = 'gone' or v_tool.digest <> coalesce(accept_mcp_tool.digest, v_tool.digest) then
    raise exception using errcode = 'HWCNF',
      message = case v_tool.status when 'gone' then format('MCP server %L no longer offers %L', server, tool)
        else format('MCP server %L says something else of %L by now', server, tool) end,
      detail = jsonb_build_object('server', server, 'tool', tool, 'status', v_tool.status, 'digest', v_tool.digest)::text,
      hint = 'Read its row of howdah.mcp_tools again, and give the digest that stands there.';
  end if;
  perform howdah_private.offer_mcp_tool(v_tool);
  select m.* into v_tool from howdah.mcp_tools as m where m.id = v_tool.id;
  return v_tool;
end $$;
comment on function howdah.accept_mcp_tool(text, text, text) is
  'Lets agents have a tool of an MCP server as the server describes it now (or only as the digest says). HWNTF when there is none, HWCNF when it is gone or another by now.';
