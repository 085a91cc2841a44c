-- Accepts the current definition of a prompt that an MCP server offers. The digest names the
-- definition that the admin has read, as for tools. The prompt becomes a stored prompt, which
-- agents can use. A later change on the server is a new definition, which an admin has to accept
-- again.
create or replace function howdah.accept_mcp_prompt(server text, prompt text,
  digest text default null) returns howdah.prompts
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server_id uuid;
  v_found howdah.mcp_prompts;
  v_stored howdah.prompts;
begin
  perform howdah_private.permit('tools', 'manage');
  select s.id into v_server_id from howdah.mcp_servers as s
  where s.tenant_id = howdah.current_tenant()
    and s.name = accept_mcp_prompt.server for no key update;
  select m.* into v_found from howdah.mcp_prompts as m
  where m.tenant_id = howdah.current_tenant() and m.server_id = v_server_id
    and m.name = accept_mcp_prompt.prompt;
  if v_found.id is null then
    raise exception using errcode = 'HWNTF',
      message = case when v_server_id is null
        then format('there is no MCP server %L', accept_mcp_prompt.server)
        else format('MCP server %L has no prompt %L', accept_mcp_prompt.server,
          accept_mcp_prompt.prompt) end,
      detail = jsonb_build_object('server', accept_mcp_prompt.server,
        'prompt', accept_mcp_prompt.prompt)::text,
      hint = 'See howdah.mcp_prompts for the prompts that servers offer.';
  elsif v_found.status = 'refused' then
    raise exception using errcode = 'HWINV', message = v_found.fault,
      detail = jsonb_build_object('server', server, 'prompt', prompt)::text,
      hint = 'Agents that have the server can still read the prompt with its tool get_prompt.';
  elsif v_found.status = 'gone'
    or v_found.digest <> coalesce(accept_mcp_prompt.digest, v_found.digest) then
    raise exception using errcode = 'HWCNF',
      message = case v_found.status when 'gone'
        then format('MCP server %L no longer offers prompt %L', server, prompt)
        else format('MCP server %L has changed prompt %L', server, prompt) end,
      detail = jsonb_build_object('server', server, 'prompt', prompt, 'status', v_found.status,
        'digest', v_found.digest)::text,
      hint = 'Read the row in howdah.mcp_prompts again and pass its current digest.';
  end if;
  v_found.prompt_id := howdah_private.store_mcp_prompt(v_found, accept_mcp_prompt.server);
  update howdah.mcp_prompts as m
  set status = 'accepted', accepted_digest = m.digest, accepted_at = now(),
    prompt_id = v_found.prompt_id
  where m.id = v_found.id;
  select p.* into v_stored from howdah.prompts as p where p.id = v_found.prompt_id;
  return v_stored;
end $$;
comment on function howdah.accept_mcp_prompt(text, text, text) is
  'Stores a prompt of an MCP server as server__prompt, with its current definition. If a '
  'digest is given, the definition must have this digest. Raises HWNTF if there is no such prompt, '
  'HWCNF if the prompt is gone or has changed, HWINV if it is not a valid template.';
