-- Records the prompts that an MCP server offers. No prompt is accepted automatically, not even at
-- the first discovery: the text of a tool is data, but the text of a prompt becomes an instruction
-- of an agent. A stored prompt never changes with its server. Prompts that the server no longer
-- offers are kept only if they were accepted. Returns the prompts that wait for review.
create or replace function howdah_private.record_mcp_prompts(
  server_id uuid, revision text, prompts jsonb
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
begin
  select s.* into v_server from howdah.mcp_servers as s
  where s.id = record_mcp_prompts.server_id for no key update;
  if not found or not v_server.is_active
    or howdah_private.mcp_revision(v_server) <> record_mcp_prompts.revision then
    return '[]'; -- the row has changed since, and another discovery handles it
  end if;
  insert into howdah.mcp_prompts as m (tenant_id, server_id, name, description, template, variables,
    digest, status, fault)
  select v_server.tenant_id, v_server.id, p.name, p.description, p.template, p.variables, p.digest,
    case when p.fault is null then 'new' else 'refused' end::howdah.mcp_tool_status, p.fault
  from jsonb_to_recordset(record_mcp_prompts.prompts)
    as p (name text, description text, template text, variables jsonb, digest text, fault text)
  on conflict on constraint mcp_prompts_tenant_id_server_id_name_key do update
  set description = excluded.description, template = excluded.template,
    variables = excluded.variables, digest = excluded.digest,
    fault = excluded.fault,
    status = howdah_private.mcp_prompt_status(m, excluded.digest, excluded.fault)
  where m.digest <> excluded.digest
    or m.status <> howdah_private.mcp_prompt_status(m, excluded.digest, excluded.fault);
  update howdah.mcp_prompts as m set status = 'gone', fault = null
  where m.tenant_id = v_server.tenant_id and m.server_id = v_server.id and m.status <> 'gone'
    and m.accepted_digest is not null
    and not exists (select from jsonb_to_recordset(record_mcp_prompts.prompts) as p (name text)
      where p.name = m.name);
  delete from howdah.mcp_prompts as m
  where m.tenant_id = v_server.tenant_id and m.server_id = v_server.id and m.accepted_digest is null
    and not exists (select from jsonb_to_recordset(record_mcp_prompts.prompts) as p (name text)
      where p.name = m.name);
  return coalesce((
    select to_jsonb(array_agg(
      jsonb_build_object('prompt', m.name, 'status', m.status) order by m.name))
    from howdah.mcp_prompts as m
    where m.tenant_id = v_server.tenant_id and m.server_id = v_server.id and m.status = 'changed'
  ), '[]');
end $$;

-- Returns the status of a prompt for what its server offers now.
create or replace function howdah_private.mcp_prompt_status(
  known howdah.mcp_prompts, digest text, fault text
) returns howdah.mcp_tool_status
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when mcp_prompt_status.fault is not null then 'refused'
    when mcp_prompt_status.digest = known.accepted_digest then 'accepted'
    when known.accepted_digest is not null then 'changed'
    else 'new'
  end::howdah.mcp_tool_status
$$;

-- Stores an accepted prompt and returns the id of the stored prompt. An earlier accepted version is
-- updated, if it still exists.
create or replace function howdah_private.store_mcp_prompt(prompt howdah.mcp_prompts, server text)
  returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  update howdah.prompts as p
  set description = prompt.description, template = prompt.template, variables = prompt.variables
  where p.tenant_id = prompt.tenant_id and p.id = prompt.prompt_id and p.deleted_at is null
  returning p.id into v_id;
  if v_id is null then
    insert into howdah.prompts (tenant_id, name, description, template, variables)
    values (prompt.tenant_id, store_mcp_prompt.server || '__' || prompt.name, prompt.description,
      prompt.template, prompt.variables)
    returning id into v_id;
  end if;
  return v_id;
exception when unique_violation then
  raise exception using errcode = 'HWCNF',
    message = format('a prompt named %L already exists',
      store_mcp_prompt.server || '__' || prompt.name),
    detail = jsonb_build_object('server', store_mcp_prompt.server, 'prompt', prompt.name,
      'name', store_mcp_prompt.server || '__' || prompt.name)::text,
    hint = 'Rename that prompt or the server.';
end $$;
