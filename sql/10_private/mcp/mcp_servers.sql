-- Implements MCP servers: validation of a row, the data that a worker reads from it, and the
-- storage of the tools that a worker discovers.

-- Checks the configuration of a server against the schema of its type. Keys are referred to by
-- name; the configuration and its URL must not contain them.
create or replace function howdah_private.check_mcp_server(s howdah.mcp_servers) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults(howdah.mcp_server_schema(s.type), s.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('configuration of MCP server %L: %s', s.name,
        array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = format('For the schema, call howdah.mcp_server_schema(%L).', s.type);
  end if;
  perform howdah_private.check_plain_secrets('configuration', s.configuration - 'secrets');
  perform howdah_private.check_plain_secrets('configuration',
    jsonb_path_query_array(s.configuration, '$.secrets.*'));
  perform howdah_private.raise_plain_secret('configuration', 'headers.' || h.name)
  from jsonb_object_keys(coalesce(s.configuration -> 'headers', '{}')) as h (name)
  where h.name ~* '(auth|key|token|secret|passw|credential|cookie|session)';
  if s.configuration ? 'integration' and s.configuration ? 'secret_name' then
    raise exception using errcode = 'HWINV',
      message = 'configuration names both an integration and a secret_name',
      detail = jsonb_build_object('field', 'configuration',
        'path', 'configuration.integration')::text,
      hint = 'Both are sent as Authorization: Bearer. Leave one out.';
  end if;
  if s.configuration ->> 'url' ~* '^https?://[^/?#\s]*@' then
    raise exception using errcode = 'HWINV',
      message = 'configuration.url contains a user name or password',
      detail = jsonb_build_object('field', 'configuration', 'path', 'configuration.url')::text,
      hint = 'Remove it. Store a key as a secret (howdah admin secret set NAME) '
        'and name the secret in secret_name or secrets.';
  end if;
  if exists (
    select from howdah.models as m
    where m.tenant_id = s.tenant_id and m.id = s.sampling_model_id and m.purpose <> 'llm'
      and howdah_private.can_act_for(s.tenant_id) -- a caller may pass an invented row
  ) then
    raise exception using errcode = 'HWINV',
      message = format('the purpose of the sampling model of MCP server %L is not llm', s.name),
      detail = jsonb_build_object('field', 'sampling_model_id', 'server', s.name)::text,
      hint = 'Name a model with purpose llm. '
        'Without a model, sampling requests of the server are refused.';
  end if;
end $$;

-- Returns the names of the secrets that are passed to a server.
create or replace function howdah_private.mcp_secrets(configuration jsonb) returns text[]
  language sql immutable
  return array(
    select x #>> '{}' from jsonb_path_query(mcp_secrets.configuration, '$.secrets.*') as x
    union
    select mcp_secrets.configuration ->> 'secret_name'
    where mcp_secrets.configuration ? 'secret_name'
    order by 1
  );

-- Returns the revision of a server. A worker with a connection compares it and reconnects if it
-- differs. The features that a server may request are part of it, because they are announced when
-- the connection begins.
create or replace function howdah_private.mcp_revision(s howdah.mcp_servers) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(s.type || ' ' || s.configuration
    || case when s.sampling_model_id is null then '' else ' sampling' end
    || case when s.allows_elicitation then ' elicitation' else '' end
    || case when s.is_guarded then '' else ' unguarded' end, 'UTF8')), 'hex')
$$;

-- Returns the current definition of the model that answers sampling requests of a server.
create or replace function howdah_private.sampling_model(server howdah.mcp_servers) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', m.id, 'name', m.name, 'provider', m.provider, 'model', m.model,
    'base_url', m.base_url,
    'context_tokens', m.context_tokens, 'request_params', '{}'::jsonb)
    || case when m.secret_name is null then '{}'
      else jsonb_build_object('secret_name', m.secret_name) end
    || howdah_private.guard_of(m.is_guarded)
  from howdah.models as m where m.tenant_id = server.tenant_id and m.id = server.sampling_model_id
$$;

-- Returns what a worker needs to connect to a server, for the tenant of the calling run. Returns
-- null if the server is inactive or missing.
create or replace function howdah_private.mcp_server(tenant_id uuid, server_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', s.id, 'tenant_id', s.tenant_id, 'name', s.name, 'type', s.type,
    'configuration', s.configuration, 'revision', howdah_private.mcp_revision(s),
    'is_guarded', s.is_guarded, 'allows_elicitation', s.allows_elicitation,
    'sampling_model', howdah_private.sampling_model(s))
  from howdah.mcp_servers as s
  where s.tenant_id = mcp_server.tenant_id and s.id = mcp_server.server_id and s.is_active
$$;

-- Enqueues the discovery of a server, which any worker may run. The worker enqueues the next
-- attempt before it begins, since a server may hang and take the worker along. A result removes
-- that job.
create or replace function howdah_private.enqueue_discovery(
  tenant_id uuid, server_id uuid, attempt int
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('discover_tools',
    json_build_object('id', enqueue_discovery.server_id, 'tenant_id', enqueue_discovery.tenant_id,
      'attempt', enqueue_discovery.attempt),
    run_at => clock_timestamp() + (enqueue_discovery.attempt - 1) * interval '2 minutes',
    job_key => 'mcp ' || enqueue_discovery.server_id, max_attempts => 3)
$$;

-- Returns the server to discover and enqueues the next attempt.
create or replace function howdah_private.begin_discovery(
  tenant_id uuid, server_id uuid, attempt int
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server jsonb := howdah_private.mcp_server(begin_discovery.tenant_id, begin_discovery.server_id);
begin
  if v_server is not null and begin_discovery.attempt < 5 then
    perform howdah_private.enqueue_discovery(begin_discovery.tenant_id, begin_discovery.server_id,
      begin_discovery.attempt + 1);
  end if;
  return v_server;
end $$;

-- Records the error of a failed discovery.
create or replace function howdah_private.record_mcp_failure(
  server_id uuid, revision text, error text
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
begin
  update howdah.mcp_servers as s set error = record_mcp_failure.error, failed_at = now()
  where s.id = record_mcp_failure.server_id
    and howdah_private.mcp_revision(s) = record_mcp_failure.revision
    and s.error is distinct from record_mcp_failure.error
  returning * into v_server;
  if found and v_server.discovered_at is null then
    perform howdah_private.wake_for_discovery(v_server.tenant_id, v_server.id);
  end if;
end $$;

-- Returns the status of a tool for what its server offers now.
create or replace function howdah_private.mcp_status(
  known howdah.mcp_tools, digest text, fault text
) returns howdah.mcp_tool_status
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when mcp_status.fault is not null then 'refused'
    when mcp_status.digest = known.accepted_digest then 'accepted'
    when known.status = 'refused' and mcp_status.digest = known.digest then 'refused'
    when known.accepted_digest is not null then 'changed'
    else 'new'
  end::howdah.mcp_tool_status
$$;

-- Returns the fault of a tool for what its server offers now. `remark` tells what is odd about a
-- tool that works. An offer that was refused for another reason, such as a taken name, keeps it.
create or replace function howdah_private.mcp_fault(
  known howdah.mcp_tools, digest text, fault text, remark text
) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when mcp_fault.fault is null
      and howdah_private.mcp_status(known, mcp_fault.digest, mcp_fault.fault) = 'refused'
      then known.fault
    else coalesce(mcp_fault.fault, mcp_fault.remark)
  end
$$;

-- Writes the tools that a server offers. Tools that it no longer offers are kept only if they were
-- accepted, so a server with new names at every discovery does not fill the table.
create or replace function howdah_private.write_mcp_tools(server howdah.mcp_servers, tools jsonb)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.mcp_tools as m
    (tenant_id, server_id, name, description, parameters, annotations, digest, is_whole,
      status, fault)
  select server.tenant_id, server.id, t.name, t.description, t.parameters, t.annotations, t.digest,
    t.fault is null,
    case when t.fault is null then 'new' else 'refused' end::howdah.mcp_tool_status,
    coalesce(t.fault, t.remark)
  from jsonb_to_recordset(write_mcp_tools.tools)
    as t (name text, description text, parameters jsonb, annotations jsonb, digest text, fault text,
      remark text)
  on conflict (tenant_id, server_id, name) do update
  set description = excluded.description, parameters = excluded.parameters,
    annotations = excluded.annotations,
    digest = excluded.digest, is_whole = excluded.is_whole,
    status = howdah_private.mcp_status(m, excluded.digest,
      case when not excluded.is_whole then excluded.fault end),
    fault = howdah_private.mcp_fault(m, excluded.digest,
      case when not excluded.is_whole then excluded.fault end,
      case when excluded.is_whole then excluded.fault end)
  where m.digest <> excluded.digest
    or m.status <> howdah_private.mcp_status(m, excluded.digest,
      case when not excluded.is_whole then excluded.fault end)
    or m.fault is distinct from howdah_private.mcp_fault(m, excluded.digest,
      case when not excluded.is_whole then excluded.fault end,
      case when excluded.is_whole then excluded.fault end);
  update howdah.mcp_tools as m set status = 'gone', fault = null
  where m.server_id = server.id and m.status <> 'gone' and m.accepted_digest is not null
    and not exists (
    select from jsonb_to_recordset(write_mcp_tools.tools) as t (name text) where t.name = m.name
  );
  delete from howdah.mcp_tools as m
  where m.server_id = server.id and m.accepted_digest is null and not exists (
    select from jsonb_to_recordset(write_mcp_tools.tools) as t (name text) where t.name = m.name
  )
$$;

-- Records the tools that a server offers. The first discovery accepts all tools, except those with
-- hidden content. Later, new and changed tools wait for an admin. The row of the server is locked,
-- so two workers run one after the other, and a session that gives the server to an agent waits.
-- Returns the tools that are not accepted.
create or replace function howdah_private.record_mcp_tools(
  server_id uuid, revision text, server_info jsonb, tools jsonb
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
begin
  select s.* into v_server from howdah.mcp_servers as s
  where s.id = record_mcp_tools.server_id for no key update;
  if not found or not v_server.is_active
    or howdah_private.mcp_revision(v_server) <> record_mcp_tools.revision then
    return '[]'; -- the row has changed since, and another discovery handles it
  end if;
  perform howdah_private.write_mcp_tools(v_server, record_mcp_tools.tools);
  if v_server.discovered_at is null then
    perform howdah_private.accept_or_refuse_mcp_tool(m) from howdah.mcp_tools as m
    join jsonb_to_recordset(record_mcp_tools.tools) as t (name text, hides_something boolean)
      on t.name = m.name
    where m.server_id = v_server.id and m.status = 'new' and not t.hides_something
    -- a tool that keeps its name comes before one that would get the same name
    order by m.name ~ '[^A-Za-z0-9_-]', m.name collate "C";
  end if;
  update howdah.mcp_servers as s
  set server_info = record_mcp_tools.server_info, discovered_at = coalesce(s.discovered_at, now()),
    error = null, failed_at = null
  where s.id = v_server.id and (s.server_info, s.error, s.discovered_at is null)
    is distinct from (record_mcp_tools.server_info, null::text, false);
  perform graphile_worker.remove_job('mcp ' || v_server.id);
  if v_server.discovered_at is null then
    perform howdah_private.wake_for_discovery(v_server.tenant_id, v_server.id);
  end if;
  return coalesce((
    select to_jsonb(array_agg(
      jsonb_build_object('tool', m.name, 'status', m.status) order by m.name))
    from howdah.mcp_tools as m
    where m.server_id = v_server.id and m.status not in ('accepted', 'gone')
  ), '[]');
end $$;

-- Accepts a tool, or records why it cannot be accepted.
create or replace function howdah_private.accept_or_refuse_mcp_tool(tool howdah.mcp_tools)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.offer_mcp_tool(tool);
exception when sqlstate 'HWINV' or sqlstate 'HWCNF' then
  update howdah.mcp_tools as m set status = 'refused', fault = sqlerrm where m.id = tool.id;
end $$;

-- Returns the effect of a tool. The annotations of a tool count only if the server is trusted; any
-- other tool must not be called twice. Tools that read resources and prompts by the protocol are
-- pure: the worker generates them itself.
create or replace function howdah_private.mcp_effect(annotations jsonb, is_trusted boolean)
  returns howdah.tool_effect
  language sql immutable
  return case
    when mcp_effect.annotations ? 'protocol' then 'pure'
    when not mcp_effect.is_trusted then 'once'
    when mcp_effect.annotations -> 'readOnlyHint' = 'true' then 'pure'
    when mcp_effect.annotations -> 'idempotentHint' = 'true' then 'idempotent'
    else 'once'
  end::howdah.tool_effect;

-- Returns the short form of the name of a tool for models: the beginning of its name and a digest
-- of the tool name. It is the same at each discovery, whatever other tools there are.
create or replace function howdah_private.short_mcp_tool_name(server text, tool text) returns text
  language sql immutable
  return left(short_mcp_tool_name.server || '__'
    || regexp_replace(short_mcp_tool_name.tool, '[^A-Za-z0-9_-]', '_', 'g'), 55)
    || '_' || left(md5(short_mcp_tool_name.tool), 8);

-- Returns the name of a tool for models: the server name and the tool name, with the allowed
-- characters only. A name that is too long, or that has no allowed letter, gets its short form.
create or replace function howdah_private.mcp_tool_name(server text, tool text) returns text
  language sql immutable
  return case
    when length(mcp_tool_name.server || '__' || mcp_tool_name.tool) <= 64
      and mcp_tool_name.tool ~ '[A-Za-z0-9]'
    then mcp_tool_name.server || '__'
      || regexp_replace(mcp_tool_name.tool, '[^A-Za-z0-9_-]', '_', 'g')
    else howdah_private.short_mcp_tool_name(mcp_tool_name.server, mcp_tool_name.tool)
  end;

-- Returns the name of a new tool for models: its short form, if another tool of the server has the
-- same name.
create or replace function howdah_private.free_mcp_tool_name(tool howdah.mcp_tools, server text)
  returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when exists (
    select from howdah.tools as t
    where t.tenant_id = tool.tenant_id and t.server_id = tool.server_id
      and t.name = howdah_private.mcp_tool_name(free_mcp_tool_name.server, tool.name)
      and t.configuration ->> 'tool' <> tool.name
  ) then howdah_private.short_mcp_tool_name(free_mcp_tool_name.server, tool.name)
  else howdah_private.mcp_tool_name(free_mcp_tool_name.server, tool.name) end
$$;

-- Copies a tool, as its server described it when it was accepted, to the tools that agents may be
-- given. Settings of an admin in that row stay.
create or replace function howdah_private.offer_mcp_tool(tool howdah.mcp_tools) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
  v_name text;
  v_configuration jsonb := jsonb_build_object('tool', tool.name, 'digest', tool.digest);
begin
  if not tool.is_whole then
    raise exception using errcode = 'HWINV', message = tool.fault,
      detail = jsonb_build_object('tool', tool.name)::text,
      hint = 'The server has to change the tool.';
  end if;
  select s.* into v_server from howdah.mcp_servers as s where s.id = tool.server_id;
  v_name := howdah_private.free_mcp_tool_name(tool, v_server.name);
  update howdah.tools as t
  set description = tool.description, parameters = tool.parameters, configuration = v_configuration,
    effect = case when v_server.trusts_annotations
      then howdah_private.mcp_effect(tool.annotations, true) else t.effect end
  where t.server_id = tool.server_id and t.configuration ->> 'tool' = tool.name;
  if not found then
    insert into howdah.tools (tenant_id, server_id, name, description, kind, parameters,
      configuration, effect)
    values (tool.tenant_id, tool.server_id, v_name, tool.description, 'mcp', tool.parameters,
      v_configuration,
      howdah_private.mcp_effect(tool.annotations, v_server.trusts_annotations));
  end if;
  update howdah.mcp_tools as m
  set status = 'accepted', fault = case when m.status <> 'refused' then m.fault end,
    accepted_digest = m.digest, accepted_at = now()
  where m.id = tool.id;
exception when unique_violation then
  raise exception using errcode = 'HWCNF',
    message = format('a tool named %L already exists', v_name),
    detail = jsonb_build_object('server', v_server.name, 'tool', tool.name, 'name', v_name)::text,
    hint = 'Rename that tool or the server.';
end $$;

-- Reports whether agents may use a tool. A tool of a server needs an active server and must be
-- accepted as it is.
create or replace function howdah_private.is_offered(tool howdah.tools) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select tool.is_active and (tool.kind <> 'mcp' or exists (
    select from howdah.mcp_servers as s
    join howdah.mcp_tools as m on m.tenant_id = s.tenant_id and m.server_id = s.id
    where s.id = tool.server_id and s.is_active and m.name = tool.configuration ->> 'tool'
      and m.status = 'accepted'
  ))
$$;

-- Returns the tools that an agent has through its servers, except those given to it directly.
create or replace function howdah_private.tools_of_servers(agent_id uuid) returns setof howdah.tools
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select t.* from howdah.agent_servers as g
  join howdah.tools as t on t.server_id = g.server_id
  where g.agent_id = tools_of_servers.agent_id and howdah_private.is_offered(t)
    and (g.allowed_tools is null or t.configuration ->> 'tool' = any (g.allowed_tools))
    and not exists (select from howdah.agent_tools as o
      where o.agent_id = g.agent_id and o.tool_id = t.id)
$$;

-- Returns why a run may not call a tool now, or null if it may. `digest` is what the version of the
-- run pinned.
create or replace function howdah_private.mcp_call_fault(
  tool howdah.tools, agent_id uuid, digest text
) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when not s.is_active then 'its server is no longer active'
    when m.status = 'gone' then 'its server no longer offers it'
    when m.status <> 'accepted'
      then 'its server has changed it, and an admin has to accept the change'
    when m.accepted_digest <> mcp_call_fault.digest
      then 'another version of it was accepted after this run began'
    when not exists (
        select from howdah.agent_servers as g
        where g.agent_id = mcp_call_fault.agent_id and g.server_id = s.id
          and (g.allowed_tools is null or m.name = any (g.allowed_tools)))
      and not exists (
        select from howdah.agent_tools as g
        where g.agent_id = mcp_call_fault.agent_id and g.tool_id = tool.id)
      then 'it was removed from the agent'
  end
  from howdah.mcp_servers as s
  join howdah.mcp_tools as m on m.tenant_id = s.tenant_id and m.server_id = s.id
  where s.id = tool.server_id and m.name = tool.configuration ->> 'tool'
$$;

-- Returns the servers part of an agent definition. An agent without servers gets an empty object,
-- so that its definition does not change.
create or replace function howdah_private.pinned_servers(agent_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case count(*) when 0 then '{}' else jsonb_build_object('servers', to_jsonb(array_agg(
    jsonb_build_object('id', s.id, 'name', s.name, 'allowed_tools', g.allowed_tools)
      order by s.name))) end
  from howdah.agent_servers as g
  join howdah.mcp_servers as s on s.id = g.server_id
  where g.agent_id = pinned_servers.agent_id
$$;

-- Marks agents that have some or all tools of a server as stale.
create or replace function howdah_private.mark_server_agents_stale(server_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.mark_agents_stale(array(
    select g.agent_id from howdah.agent_servers as g
    where g.server_id = mark_server_agents_stale.server_id
    union
    select g.agent_id from howdah.agent_tools as g join howdah.tools as t on t.id = g.tool_id
    where t.server_id = mark_server_agents_stale.server_id
  ))
$$;

-- Stores a file from a result as a resource (run_files.sql) and returns its id, which the model
-- sees with the name. Files of a server may contain anything and are external.
create or replace function howdah_private.store_mcp_file(
  execution_id uuid, name text, type text, bytes bytea, origin jsonb
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(store_mcp_file.execution_id);
begin
  perform howdah_private.lock_files(v_run);
  return howdah_private.store_file(v_run, name, type, bytes, origin || '{"trust": "external"}');
end $$;
