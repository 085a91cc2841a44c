-- Accepts the current description of a tool that an MCP server offers. The digest names the
-- description that the admin has read, so a description that changes in the meantime is not
-- accepted unread. Locks the row of the server first, in the same order as workers.
create or replace function howdah.accept_mcp_tool(server text, tool text, digest text default null)
  returns howdah.mcp_tools
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
  where m.tenant_id = howdah.current_tenant() and m.server_id = v_server_id
    and m.name = accept_mcp_tool.tool;
  if v_tool.id is null then
    raise exception using errcode = 'HWNTF',
      message = case when v_server_id is null
        then format('there is no MCP server %L', accept_mcp_tool.server)
        else format('MCP server %L has no tool %L', accept_mcp_tool.server,
          accept_mcp_tool.tool) end,
      detail = jsonb_build_object('server', accept_mcp_tool.server,
        'tool', accept_mcp_tool.tool)::text,
      hint = 'See howdah.mcp_tools for the tools that servers offer.';
  elsif v_tool.status = 'gone' or v_tool.digest <> coalesce(accept_mcp_tool.digest, v_tool.digest)
    then
    raise exception using errcode = 'HWCNF',
      message = case v_tool.status when 'gone'
        then format('MCP server %L no longer offers tool %L', server, tool)
        else format('MCP server %L has changed tool %L', server, tool) end,
      detail = jsonb_build_object('server', server, 'tool', tool, 'status', v_tool.status,
        'digest', v_tool.digest)::text,
      hint = 'Read its description again, and pass the current digest.';
  end if;
  perform howdah_private.offer_mcp_tool(v_tool);
  select m.* into v_tool from howdah.mcp_tools as m where m.id = v_tool.id;
  return v_tool;
end $$;
comment on function howdah.accept_mcp_tool(text, text, text) is
  'Makes a tool of an MCP server available to agents, with its current description. If a '
  'digest is given, the description must have this digest. Raises HWNTF if there is no such tool, '
  'HWCNF if the tool is gone or has changed.';
