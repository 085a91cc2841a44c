-- MCP servers: what may stand in a row, what a worker reads of it, and what becomes of what it finds there.

-- A configuration is what the schema of its type says; keys are named and do not stand in it, nor in its URL.
create or replace function howdah_private.refuse_mcp_server(s howdah.mcp_servers) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults(howdah.mcp_server_schema(s.type), s.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('configuration of MCP server %L: %s', s.name, array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = format('What may stand in it says howdah.mcp_server_schema(%L).', s.type);
  end if;
  perform howdah_private.refuse_plain_secrets('configuration', s.configuration - 'secrets');
  perform howdah_private.refuse_plain_secrets('configuration', jsonb_path_query_array(s.configuration, '$.secrets.*'));
  perform howdah_private.refuse_key('configuration', 'headers.' || h.name)
  from jsonb_object_keys(coalesce(s.configuration -> 'headers', '{}')) as h (name)
  where h.name ~* '(auth|key|token|secret|passw|credential|cookie|session)';
  if s.configuration ->> 'url' ~* '^https?://[^/?#\s]*@' then
    raise exception using errcode = 'HWINV', message = 'configuration.url holds a user name or a password before its host',
      detail = jsonb_build_object('field', 'configuration', 'path', 'configuration.url')::text,
      hint = 'Leave it out. Store a key as a secret (howdah secret set NAME) and name it in secret_name or secrets.';
  end if;
  if exists (
    select from howdah.models as m
    where m.tenant_id = s.tenant_id and m.id = s.sampling_model_id and m.purpose <> 'llm'
      and howdah_private.may_act_for(s.tenant_id) -- a caller may pass an invented row
  ) then
    raise exception using errcode = 'HWINV',
      message = format('the sampling model of MCP server %L is none that answers', s.name),
      detail = jsonb_build_object('field', 'sampling_model_id', 'server', s.name)::text,
      hint = 'Name a model whose purpose is llm, or none: what the server asks of a model is refused then.';
  end if;
end $$;

-- The names of the secrets that are handed to a server.
create or replace function howdah_private.mcp_secrets(configuration jsonb) returns text[]
  language sql immutable
  return array(
    select x #>> '{}' from jsonb_path_query(mcp_secrets.configuration, '$.secrets.*') as x
    union select mcp_secrets.configuration ->> 'secret_name' where mcp_secrets.configuration ? 'secret_name'
    order by 1
  );

-- Whoever has a connection compares it: another one means another connection. What a server may ask for it is told as the
-- connection begins.
create or replace function howdah_private.mcp_revision(s howdah.mcp_servers) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(s.type || ' ' || s.configuration
    || case when s.sampling_model_id is null then '' else ' sampling' end
    || case when s.allows_elicitation then ' elicitation' else '' end, 'UTF8')), 'hex')
$$;

-- The model that answers what a server asks of one, as it is now.
create or replace function howdah_private.sampling_model(server howdah.mcp_servers) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', m.id, 'name', m.name, 'provider', m.provider, 'model', m.model, 'base_url', m.base_url,
    'context_tokens', m.context_tokens, 'request_params', '{}'::jsonb)
    || case when m.secret_name is null then '{}' else jsonb_build_object('secret_name', m.secret_name) end
  from howdah.models as m where m.tenant_id = server.tenant_id and m.id = server.sampling_model_id
$$;

-- What a worker has to know to reach it, of the tenant whose run asks; null when it is not active or not there.
create or replace function howdah_private.mcp_server(tenant_id uuid, server_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', s.id, 'tenant_id', s.tenant_id, 'name', s.name, 'type', s.type,
    'configuration', s.configuration, 'revision', howdah_private.mcp_revision(s),
    'allows_elicitation', s.allows_elicitation, 'sampling_model', howdah_private.sampling_model(s))
  from howdah.mcp_servers as s
  where s.tenant_id = mcp_server.tenant_id and s.id = mcp_server.server_id and s.is_active
$$;

-- A server is asked what it offers by whichever worker takes the job. It puts the next attempt into the queue before it
-- begins, since a server may take long and take the worker along: what comes of it takes that one out again.
create or replace function howdah_private.enqueue_discovery(tenant_id uuid, server_id uuid, attempt int) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('discover_tools',
    json_build_object('id', enqueue_discovery.server_id, 'tenant_id', enqueue_discovery.tenant_id,
      'attempt', enqueue_discovery.attempt),
    run_at => clock_timestamp() + (enqueue_discovery.attempt - 1) * interval '2 minutes',
    job_key => 'mcp ' || enqueue_discovery.server_id, max_attempts => 3)
$$;

create or replace function howdah_private.begin_discovery(tenant_id uuid, server_id uuid, attempt int) returns jsonb
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

-- Why a server could not be asked.
create or replace function howdah_private.record_mcp_failure(server_id uuid, revision text, error text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
begin
  update howdah.mcp_servers as s set error = record_mcp_failure.error, failed_at = now()
  where s.id = record_mcp_failure.server_id and howdah_private.mcp_revision(s) = record_mcp_failure.revision
    and s.error is distinct from record_mcp_failure.error
  returning * into v_server;
  if found and v_server.discovered_at is null then
    perform howdah_private.wake_for_discovery(v_server.tenant_id, v_server.id);
  end if;
end $$;

-- What may be done with a tool of which the server says this now.
create or replace function howdah_private.mcp_status(known howdah.mcp_tools, digest text, fault text)
  returns howdah.mcp_tool_status
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

-- The rows of what a server says it offers. Of what it no longer does only that is kept which somebody accepted, so that a
-- server with other names every time fills nothing.
create or replace function howdah_private.write_mcp_tools(server howdah.mcp_servers, tools jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.mcp_tools as m
    (tenant_id, server_id, name, description, parameters, annotations, digest, is_whole, status, fault)
  select server.tenant_id, server.id, t.name, t.description, t.parameters, t.annotations, t.digest, t.fault is null,
    case when t.fault is null then 'new' else 'refused' end::howdah.mcp_tool_status, t.fault
  from jsonb_to_recordset(write_mcp_tools.tools)
    as t (name text, description text, parameters jsonb, annotations jsonb, digest text, fault text)
  on conflict (tenant_id, server_id, name) do update
  set description = excluded.description, parameters = excluded.parameters, annotations = excluded.annotations,
    digest = excluded.digest, is_whole = excluded.is_whole, status = howdah_private.mcp_status(m, excluded.digest, excluded.fault),
    fault = case howdah_private.mcp_status(m, excluded.digest, excluded.fault)
      when 'refused' then coalesce(excluded.fault, m.fault) end
  where m.digest <> excluded.digest or m.status <> howdah_private.mcp_status(m, excluded.digest, excluded.fault);
  update howdah.mcp_tools as m set status = 'gone', fault = null
  where m.server_id = server.id and m.status <> 'gone' and m.accepted_digest is not null and not exists (
    select from jsonb_to_recordset(write_mcp_tools.tools) as t (name text) where t.name = m.name
  );
  delete from howdah.mcp_tools as m
  where m.server_id = server.id and m.accepted_digest is null and not exists (
    select from jsonb_to_recordset(write_mcp_tools.tools) as t (name text) where t.name = m.name
  )
$$;

-- Keeps what a server offers. Of one that is asked for the first time everything is accepted with it, but for tools that hide
-- something; from then on what is new or says something else waits for an admin. The server's row is locked, so that
-- two workers come one after the other, and who gives it to an agent waits. Gives what is not accepted.
create or replace function howdah_private.record_mcp_tools(
  server_id uuid, revision text, server_info jsonb, tools jsonb
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
begin
  select s.* into v_server from howdah.mcp_servers as s where s.id = record_mcp_tools.server_id for no key update;
  if not found or not v_server.is_active or howdah_private.mcp_revision(v_server) <> record_mcp_tools.revision then
    return '[]'; -- another row by now, about which somebody else asks
  end if;
  perform howdah_private.write_mcp_tools(v_server, record_mcp_tools.tools);
  if v_server.discovered_at is null then
    perform howdah_private.try_mcp_tool(m) from howdah.mcp_tools as m
    join jsonb_to_recordset(record_mcp_tools.tools) as t (name text, hides_something boolean) on t.name = m.name
    where m.server_id = v_server.id and m.status = 'new' and not t.hides_something;
  end if;
  update howdah.mcp_servers as s
  set server_info = record_mcp_tools.server_info, discovered_at = coalesce(s.discovered_at, now()), error = null, failed_at = null
  where s.id = v_server.id and (s.server_info, s.error, s.discovered_at is null)
    is distinct from (record_mcp_tools.server_info, null::text, false);
  perform graphile_worker.remove_job('mcp ' || v_server.id);
  if v_server.discovered_at is null then
    perform howdah_private.wake_for_discovery(v_server.tenant_id, v_server.id);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('tool', m.name, 'status', m.status) order by m.name) from howdah.mcp_tools as m
    where m.server_id = v_server.id and m.status not in ('accepted', 'gone')
  ), '[]');
end $$;

-- Offers a tool, or keeps why it cannot be.
create or replace function howdah_private.try_mcp_tool(tool howdah.mcp_tools) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.offer_mcp_tool(tool);
exception when sqlstate 'HWINV' or sqlstate 'HWCNF' then
  update howdah.mcp_tools as m set status = 'refused', fault = sqlerrm where m.id = tool.id;
end $$;

-- Its own word counts where the server is trusted that far; anything else must not be called twice. What reads by the protocol,
-- resources and prompts, is not the server's word but a worker's: those tools it makes itself.
create or replace function howdah_private.mcp_effect(annotations jsonb, is_trusted boolean) returns howdah.tool_effect
  language sql immutable
  return case
    when mcp_effect.annotations ? 'protocol' then 'pure'
    when not mcp_effect.is_trusted then 'once'
    when mcp_effect.annotations -> 'readOnlyHint' = 'true' then 'pure'
    when mcp_effect.annotations -> 'idempotentHint' = 'true' then 'idempotent'
    else 'once'
  end::howdah.tool_effect;

-- As models call it: the server's name and its own, of the characters a name may have.
create or replace function howdah_private.mcp_tool_name(server text, tool text) returns text
  language sql immutable
  return mcp_tool_name.server || '__' || regexp_replace(mcp_tool_name.tool, '[^A-Za-z0-9_-]', '_', 'g');

-- The row of tools that agents are given is what the server said when it was accepted. What an admin has set there stays.
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
      detail = jsonb_build_object('tool', tool.name)::text, hint = 'Its server has to say it otherwise.';
  end if;
  select s.* into v_server from howdah.mcp_servers as s where s.id = tool.server_id;
  v_name := howdah_private.mcp_tool_name(v_server.name, tool.name);
  if not howdah_private.fit_the_wire(array[v_name]) then
    raise exception using errcode = 'HWINV',
      message = format('the tool would be called %L, which is longer than the 64 characters models take', v_name),
      detail = jsonb_build_object('server', v_server.name, 'tool', tool.name)::text,
      hint = 'Give the server a shorter name.';
  end if;
  update howdah.tools as t
  set description = tool.description, parameters = tool.parameters, configuration = v_configuration,
    effect = case when v_server.trusts_annotations then howdah_private.mcp_effect(tool.annotations, true) else t.effect end
  where t.server_id = tool.server_id and t.configuration ->> 'tool' = tool.name;
  if not found then
    insert into howdah.tools (tenant_id, server_id, name, description, kind, parameters, configuration, effect)
    values (tool.tenant_id, tool.server_id, v_name, tool.description, 'mcp', tool.parameters, v_configuration,
      howdah_private.mcp_effect(tool.annotations, v_server.trusts_annotations));
  end if;
  update howdah.mcp_tools as m
  set status = 'accepted', fault = null, accepted_digest = m.digest, accepted_at = now()
  where m.id = tool.id;
exception when unique_violation then
  raise exception using errcode = 'HWCNF', message = format('there is a tool %L already', v_name),
    detail = jsonb_build_object('server', v_server.name, 'tool', tool.name, 'name', v_name)::text,
    hint = 'Rename that one, or give the server another name.';
end $$;

-- A tool of a server is there for agents while the server is, and says of it what was accepted.
create or replace function howdah_private.is_offered(tool howdah.tools) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select tool.is_active and (tool.kind <> 'mcp' or exists (
    select from howdah.mcp_servers as s
    join howdah.mcp_tools as m on m.tenant_id = s.tenant_id and m.server_id = s.id
    where s.id = tool.server_id and s.is_active and m.name = tool.configuration ->> 'tool' and m.status = 'accepted'
  ))
$$;

-- The tools an agent has by its servers, but for those it is given by themselves.
create or replace function howdah_private.tools_of_servers(agent_id uuid) returns setof howdah.tools
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select t.* from howdah.agent_servers as g
  join howdah.tools as t on t.server_id = g.server_id
  where g.agent_id = tools_of_servers.agent_id and howdah_private.is_offered(t)
    and (g.allowed_tools is null or t.configuration ->> 'tool' = any (g.allowed_tools))
    and not exists (select from howdah.agent_tools as o where o.agent_id = g.agent_id and o.tool_id = t.id)
$$;

-- Why a run whose version pinned what the digest says may not call the tool now; null when it may.
create or replace function howdah_private.mcp_refusal(tool howdah.tools, agent_id uuid, digest text) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when not s.is_active then 'its server is not active any more'
    when m.status = 'gone' then 'its server no longer offers it'
    when m.status <> 'accepted' then 'its server says something else of it now, which an admin has to accept'
    when m.accepted_digest <> mcp_refusal.digest then 'something else was accepted of it since this run began'
    when not exists (
        select from howdah.agent_servers as g where g.agent_id = mcp_refusal.agent_id and g.server_id = s.id
          and (g.allowed_tools is null or m.name = any (g.allowed_tools)))
      and not exists (
        select from howdah.agent_tools as g where g.agent_id = mcp_refusal.agent_id and g.tool_id = tool.id)
      then 'it was taken from the agent'
  end
  from howdah.mcp_servers as s
  join howdah.mcp_tools as m on m.tenant_id = s.tenant_id and m.server_id = s.id
  where s.id = tool.server_id and m.name = tool.configuration ->> 'tool'
$$;

-- The servers of an agent, for its version; nothing where it has none, so that other versions stay what they were.
create or replace function howdah_private.pinned_servers(agent_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case count(*) when 0 then '{}' else jsonb_build_object('servers', jsonb_agg(
    jsonb_build_object('id', s.id, 'name', s.name, 'allowed_tools', g.allowed_tools) order by s.name)) end
  from howdah.agent_servers as g
  join howdah.mcp_servers as s on s.id = g.server_id
  where g.agent_id = pinned_servers.agent_id
$$;

-- Agents that have a tool of the server, or all of them.
create or replace function howdah_private.mark_server_agents_stale(server_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.mark_agents_stale(array(
    select g.agent_id from howdah.agent_servers as g where g.server_id = mark_server_agents_stale.server_id
    union
    select g.agent_id from howdah.agent_tools as g join howdah.tools as t on t.id = g.tool_id
    where t.server_id = mark_server_agents_stale.server_id
  ))
$$;

-- A file that came with a result, as a row (run_files.sql), and the model is told its name and id. What a server gives may say
-- anything.
create or replace function howdah_private.store_mcp_file(execution_id uuid, name text, type text, bytes bytea, origin jsonb)
  returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(store_mcp_file.execution_id);
begin
  perform howdah_private.lock_files(v_run);
  return howdah_private.store_file(v_run, name, type, bytes, origin || '{"trust": "external"}');
end $$;
