-- Writes the parts of an agent system with the privileges of the caller. Each part is written as by
-- hand, so that its triggers check it. A row that already matches its entry is not written. A field
-- that an entry leaves out gets its default.

-- Returns a JSON array of texts as text[].
create or replace function howdah_private.text_array(list jsonb) returns text[]
  language sql immutable
  return array(select e.one #>> '{}'
    from jsonb_array_elements(coalesce(list, '[]')) with ordinality as e (one, place)
    order by e.place);

-- Refuses a name that belongs to another agent system, until that system releases it.
create or replace function howdah_private.check_part_owner(what text, name text, owner_id uuid,
  system_name text) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_owner text := (select s.name from howdah.agent_systems as s
    where s.id = check_part_owner.owner_id and s.tenant_id = v_tenant_id);
begin
  perform howdah_private.permit('agent_systems', 'read');
  if v_owner <> check_part_owner.system_name then
    raise exception using errcode = 'HWCNF',
      message = format('%s %s belongs to the agent system %s', what,
        to_jsonb(check_part_owner.name),
        to_jsonb(v_owner)),
      detail = jsonb_build_object(
        'what', what, 'name', check_part_owner.name, 'owner', v_owner)::text,
      hint = case what when 'model'
        then 'To share the model, describe it exactly as that system does, or choose another name.'
        else 'Choose another name, or change the object in the file of that system.' end;
  end if;
end $$;

create or replace function howdah_private.apply_model(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model howdah.models;
  v_wanted jsonb := howdah_private.stored_model_entry(apply_model.entry);
begin
  select m.* into v_model from howdah.models as m
  where m.name = apply_model.name and m.tenant_id = howdah.current_tenant();
  if howdah_private.model_entry(v_model) = v_wanted and v_model.id is not null then
    return;
  end if;
  perform howdah_private.check_part_owner('model', apply_model.name, v_model.agent_system_id,
    system_name);
  if v_model.id is null then
    insert into howdah.models (name, provider, model, base_url, secret_name)
    values (apply_model.name, v_wanted ->> 'provider', v_wanted ->> 'model',
      v_wanted ->> 'base_url', v_wanted ->> 'secret_name')
    returning id into v_model.id;
  end if;
  update howdah.models as m
  set (provider, model, purpose, domain, base_url, secret_name, capabilities, input_price,
    output_price, cached_input_price, cache_write_price, unit_price, price_unit, context_tokens,
    request_params, fallback_position) = (
    select r.provider, r.model, coalesce(r.purpose, 'llm'), r.domain, r.base_url, r.secret_name,
      coalesce(r.capabilities, '{}'), r.input_price, r.output_price, r.cached_input_price,
      r.cache_write_price, r.unit_price, r.price_unit, r.context_tokens,
      coalesce(r.request_params, '{}'), r.fallback_position
    from jsonb_to_record(v_wanted) as r (
      provider text, model text, purpose howdah.model_purpose, domain text, base_url text,
      secret_name text, capabilities jsonb, input_price numeric, output_price numeric,
      cached_input_price numeric, cache_write_price numeric, unit_price numeric, price_unit text,
      context_tokens int, request_params jsonb, fallback_position int))
  where m.id = v_model.id and howdah_private.model_entry(m) <> v_wanted;
end $$;

create or replace function howdah_private.apply_prompt(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_prompt howdah.prompts;
  v_description text := coalesce(apply_prompt.entry ->> 'description', '');
  v_template text := apply_prompt.entry ->> 'template';
  v_variables jsonb := coalesce(apply_prompt.entry -> 'variables', '{}');
begin
  select p.* into v_prompt from howdah.prompts as p
  where p.name = apply_prompt.name and p.tenant_id = howdah.current_tenant()
    and p.deleted_at is null;
  perform howdah_private.check_part_owner('prompt', apply_prompt.name, v_prompt.agent_system_id,
    system_name);
  if v_prompt.id is null then
    insert into howdah.prompts (name, description, template, variables)
    values (apply_prompt.name, v_description, v_template, v_variables);
  end if;
  update howdah.prompts as p set description = v_description, template = v_template,
    variables = v_variables
  where p.id = v_prompt.id
    and (p.description, p.template, p.variables) is distinct from (v_description, v_template,
      v_variables);
end $$;

create or replace function howdah_private.apply_skill(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_skill howdah.skills;
  v_description text := apply_skill.entry ->> 'description';
  v_content text := apply_skill.entry ->> 'content';
  v_is_active boolean := coalesce((apply_skill.entry ->> 'is_active')::boolean, true);
begin
  select s.* into v_skill from howdah.skills as s
  where s.name = apply_skill.name and s.tenant_id = howdah.current_tenant()
    and s.deleted_at is null;
  perform howdah_private.check_part_owner('skill', apply_skill.name, v_skill.agent_system_id,
    system_name);
  if v_skill.id is null then
    insert into howdah.skills (name, description, content, is_active)
    values (apply_skill.name, v_description, v_content, v_is_active);
  end if;
  update howdah.skills as s set description = v_description, content = v_content,
    is_active = v_is_active
  where s.id = v_skill.id
    and (s.description, s.content, s.is_active) is distinct from (v_description, v_content,
      v_is_active);
end $$;

-- Replaces a preset of a neighbouring system by its well-known command. The command is what the
-- database stores and an export shows.
create or replace function howdah_private.without_preset(entry jsonb) returns jsonb
  language sql immutable
  return case without_preset.entry ->> 'type'
    when 'filesystem'
      then without_preset.entry || jsonb_build_object('type', 'stdio', 'command', 'npx',
        'args', '["-y", "@modelcontextprotocol/server-filesystem"]'::jsonb
          || (without_preset.entry -> 'args'))
    when 'fetch' then without_preset.entry || jsonb_build_object('type', 'stdio', 'command', 'uvx',
      'args', '["mcp-server-fetch"]'::jsonb || coalesce(without_preset.entry -> 'args', '[]'))
    else without_preset.entry end;

-- Writes only what differs. A change of a server makes workers query its offer again, and only an
-- owner may write a command.
create or replace function howdah_private.apply_mcp_server(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server howdah.mcp_servers;
  v_wanted jsonb := howdah_private.without_preset(apply_mcp_server.entry);
  v_type howdah.mcp_server_type := v_wanted ->> 'type';
  v_configuration jsonb := v_wanted - array['type', 'description',
    'trusts_annotations', 'is_active', 'sampling_model', 'allows_elicitation'];
  v_description text := coalesce(v_wanted ->> 'description', '');
  v_trusts boolean := coalesce((v_wanted ->> 'trusts_annotations')::boolean, false);
  v_is_active boolean := coalesce((v_wanted ->> 'is_active')::boolean, true);
  v_may_ask boolean := coalesce((v_wanted ->> 'allows_elicitation')::boolean, false);
  v_model_id uuid := (select m.id from howdah.models as m
    where m.tenant_id = howdah.current_tenant() and m.name = v_wanted ->> 'sampling_model');
begin
  select s.* into v_server from howdah.mcp_servers as s
  where s.name = apply_mcp_server.name and s.tenant_id = howdah.current_tenant();
  perform howdah_private.check_part_owner(
    'MCP server', apply_mcp_server.name, v_server.agent_system_id,
    system_name);
  if v_server.id is null then
    insert into howdah.mcp_servers (name, type, configuration, description,
      trusts_annotations, is_active, sampling_model_id, allows_elicitation)
    values (apply_mcp_server.name, v_type, v_configuration, v_description, v_trusts, v_is_active,
      v_model_id, v_may_ask);
    return;
  end if;
  update howdah.mcp_servers as s set description = v_description, trusts_annotations = v_trusts
  where s.id = v_server.id
    and (s.description, s.trusts_annotations) is distinct from (v_description, v_trusts);
  update howdah.mcp_servers as s set sampling_model_id = v_model_id, allows_elicitation = v_may_ask
  where s.id = v_server.id
    and (s.sampling_model_id, s.allows_elicitation) is distinct from (v_model_id, v_may_ask);
  update howdah.mcp_servers as s set is_active = v_is_active
  where s.id = v_server.id and s.is_active <> v_is_active;
  update howdah.mcp_servers as s set type = v_type, configuration = v_configuration
  where s.id = v_server.id and (s.type, s.configuration) is distinct from (v_type, v_configuration);
end $$;

-- Writes a tool without its compensation, because the compensating tool may come later in the
-- document (apply_compensation).
create or replace function howdah_private.apply_tool(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind howdah.tool_kind := apply_tool.entry ->> 'kind';
  v_wanted jsonb := howdah_private.tool_defaults(v_kind::text) || apply_tool.entry;
  v_agent_id uuid := (select a.id from howdah.agents as a
    where a.name = v_wanted ->> 'agent' and a.tenant_id = howdah.current_tenant()
      and a.deleted_at is null);
  v_workflow_id uuid := (select w.id from howdah.workflows as w
    where w.name = v_wanted ->> 'workflow' and w.tenant_id = howdah.current_tenant()
      and w.deleted_at is null);
  v_tool howdah.tools;
begin
  select t.* into v_tool from howdah.tools as t
  where t.name = apply_tool.name and t.tenant_id = howdah.current_tenant();
  perform howdah_private.check_part_owner(
    'tool', apply_tool.name, v_tool.agent_system_id, system_name);
  if v_tool.kind <> v_kind then
    raise exception using errcode = 'HWCNF',
      message = format('tool %s already exists with kind %s', to_jsonb(apply_tool.name),
        v_tool.kind),
      detail = jsonb_build_object('tool', apply_tool.name, 'kind', v_tool.kind,
        'field', 'kind')::text,
      hint = 'The kind of a tool cannot change. Choose another name, or delete that tool first.';
  elsif v_kind = 'sql' then
    v_tool := howdah_private.sql_tool_of(apply_tool.name, v_wanted ->> 'function', v_tool);
  elsif v_tool.id is null then
    -- the checks of an http tool need its URL and the parameters in it at insert
    insert into howdah.tools (name, kind, agent_id, workflow_id, parameters, configuration)
    select apply_tool.name, v_kind, v_agent_id, v_workflow_id, d.one -> 'parameters',
      d.one -> 'configuration'
    from (select case v_kind when 'http' then v_wanted
      else howdah_private.tool_defaults(v_kind::text) end as one) as d
    returning * into v_tool;
  end if;
  perform howdah_private.update_tool(v_tool, v_wanted, v_agent_id, v_workflow_id);
end $$;

-- Updates a tool from its entry. A SQL tool keeps what comes from the catalogue, and an unchanged
-- tool is not written.
create or replace function howdah_private.update_tool(
  tool howdah.tools, entry jsonb, agent_id uuid, workflow_id uuid
) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.tools as t
  set aliases = w.aliases, description = w.description, capabilities = w.capabilities,
    domain = w.domain, parameters = w.parameters, configuration = w.configuration,
    effect = w.effect, requires_approval = w.requires_approval, timeout_ms = w.timeout_ms,
    is_active = w.is_active, cache_answers_for = w.cache_answers_for,
    agent_id = update_tool.agent_id, workflow_id = update_tool.workflow_id
  from (
    select howdah_private.text_array(entry -> 'aliases') as aliases,
      coalesce(r.description, tool.description) as description,
      howdah_private.text_array(entry -> 'capabilities') as capabilities, r.domain,
      case tool.kind when 'sql' then tool.parameters else r.parameters end as parameters,
      case tool.kind when 'sql' then tool.configuration else r.configuration end as configuration,
      coalesce(r.effect, tool.effect) as effect, r.requires_approval, r.timeout_ms, r.is_active,
      r.cache_answers_for
    from jsonb_to_record(entry) as r (description text, domain text, parameters jsonb,
      configuration jsonb, effect howdah.tool_effect, requires_approval boolean, timeout_ms int,
      is_active boolean, cache_answers_for int)
  ) as w
  where t.id = tool.id
    and (t.aliases, t.description, t.capabilities, t.domain, t.parameters, t.configuration,
      t.effect, t.requires_approval, t.timeout_ms, t.is_active, t.cache_answers_for, t.agent_id,
      t.workflow_id)
    is distinct from (w.aliases, w.description, w.capabilities, w.domain, w.parameters,
      w.configuration, w.effect, w.requires_approval, w.timeout_ms, w.is_active,
      w.cache_answers_for, update_tool.agent_id, update_tool.workflow_id)
$$;

-- Returns the tool of a function. Registers the tool again unless it matches the signature.
create or replace function howdah_private.sql_tool_of(name text, signature text, tool howdah.tools)
  returns howdah.tools
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tool howdah.tools := sql_tool_of.tool;
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may apply SQL tools',
      detail = jsonb_build_object('field', 'function', 'tool', sql_tool_of.name)::text,
      hint = 'Ask an owner of the database to register the tool with howdah.register_sql_tool, '
        'and only list its name in tools.allow.';
  end if;
  if v_tool.id is null
    or v_tool.configuration ->> 'signature' is distinct from sql_tool_of.signature then
    v_tool := howdah.register_sql_tool(sql_tool_of.signature);
  end if;
  if v_tool.name <> sql_tool_of.name then
    raise exception using errcode = 'HWINV',
      message = format('the tool of %s is named %s', sql_tool_of.signature, to_jsonb(v_tool.name)),
      detail = jsonb_build_object('field', 'function', 'tool', v_tool.name)::text,
      hint = 'A SQL tool is named like its function, without the schema.';
  end if;
  return v_tool;
end $$;

create or replace function howdah_private.apply_compensation(name text, compensation text)
  returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.tools as t set compensation_tool_id = c.id
  from (select howdah_private.tool_named(apply_compensation.compensation) as id) as c
  where t.name = apply_compensation.name and t.tenant_id = howdah.current_tenant()
    and t.compensation_tool_id is distinct from c.id
$$;

-- Removes the aliases that tools are about to lose, so that an alias can move from one tool to
-- another.
create or replace function howdah_private.drop_aliases(document jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.tools as t set aliases = k.remaining
  from (
    select x.id, array(select a.one from unnest(x.aliases) as a (one)
      where e.entry -> 'aliases' ? a.one) as remaining
    from howdah_private.system_entries(document, 'tools') as e
    join howdah.tools as x on x.name = e.name and x.tenant_id = howdah.current_tenant()
  ) as k
  where t.id = k.id and t.aliases <> k.remaining
$$;

-- Returns the id of a tool by its name or an alias.
create or replace function howdah_private.tool_named(name text) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select t.id from howdah.tools as t
  where t.tenant_id = howdah.current_tenant()
    and (t.name = tool_named.name or tool_named.name = any (t.aliases))
$$;

-- Writes an agent. If the entry says nothing about is_default, the value stays, because users set
-- it too.
create or replace function howdah_private.apply_agent(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_owner_id uuid;
begin
  select a.id, a.agent_system_id into v_id, v_owner_id from howdah.agents as a
  where a.name = apply_agent.name and a.tenant_id = howdah.current_tenant()
    and a.deleted_at is null;
  perform howdah_private.check_part_owner('agent', apply_agent.name, v_owner_id, system_name);
  if v_id is null then
    insert into howdah.agents (name) values (apply_agent.name) returning id into v_id;
  end if;
  update howdah.agents as a
  set description = w.description, instruction = w.mission, system_prompt = w.system_prompt,
    use_history = w.use_history, human_input = w.human_input, context_policy = w.context_policy,
    allow_empty = w.allow_empty, capabilities = w.capabilities, domain = w.domain,
    output_schema = w.output_schema,
    is_active = w.is_active, is_default = coalesce(w.is_default, a.is_default),
    engine = w.engine, engine_configuration = w.engine_configuration,
    max_steps = w.max_steps, max_tokens = w.max_tokens, max_cost = w.max_cost,
    max_seconds = w.max_seconds, retry_for = w.retry_for,
    cache_answers_for = w.cache_answers_for
  from (
    select coalesce(r.description, '') as description, coalesce(r.mission, '') as mission,
      r.system_prompt,
      coalesce(r.use_history, true) as use_history, coalesce(r.human_input, false) as human_input,
      coalesce(r.context_policy, 'trim') as context_policy,
      coalesce(r.allow_empty, false) as allow_empty,
      howdah_private.text_array(entry -> 'capabilities') as capabilities,
      r.domain, r.output_schema, r.retry_for, r.cache_answers_for,
      coalesce(r.is_active, true) as is_active,
      r.is_default, coalesce(r.engine, 'builtin') as engine,
      coalesce(r.engine_configuration, '{}') as engine_configuration, b.*
    from jsonb_to_record(entry) as r (engine howdah.agent_engine, engine_configuration jsonb,
      description text, mission text, system_prompt text, use_history boolean, human_input boolean,
      context_policy howdah.context_policy, allow_empty boolean, domain text, output_schema jsonb,
      is_active boolean, is_default boolean, retry_for int, cache_answers_for int)
    cross join jsonb_to_record(coalesce(entry -> 'budget', '{}'))
      as b (max_steps int, max_tokens bigint, max_cost numeric, max_seconds int)
  ) as w
  where a.id = v_id
    and (a.description, a.instruction, a.system_prompt, a.use_history, a.human_input,
      a.context_policy, a.allow_empty, a.capabilities, a.domain, a.output_schema, a.is_active,
      a.is_default, a.max_steps, a.max_tokens, a.max_cost, a.max_seconds, a.retry_for,
      a.cache_answers_for, a.engine, a.engine_configuration)
    is distinct from (w.description, w.mission, w.system_prompt, w.use_history, w.human_input,
      w.context_policy, w.allow_empty, w.capabilities, w.domain, w.output_schema, w.is_active,
      coalesce(w.is_default, a.is_default),
      w.max_steps, w.max_tokens, w.max_cost, w.max_seconds, w.retry_for, w.cache_answers_for,
      w.engine, w.engine_configuration);
end $$;

-- Removes the prompt from agents that are about to get another prompt or other values. A prompt and
-- the values of its agents are checked against each other and may change together. Locks the agents
-- before any prompt, in the same order as a change of the prompt of an agent by hand
-- (tg_agents__check_prompt).
create or replace function howdah_private.detach_prompts(document jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agents uuid[] := array(
    select a.id
    from howdah_private.system_entries(document, 'agents') as e
    join howdah.agents as a on a.name = e.name and a.tenant_id = howdah.current_tenant()
      and a.deleted_at is null
    left join howdah.prompts as p on p.id = a.prompt_id
    where (p.name, a.prompt_values) is distinct from (e.entry ->> 'prompt',
      coalesce(e.entry -> 'prompt_values', '{}')));
begin
  perform from howdah.agents as a where a.id = any (v_agents) order by a.id for no key update;
  update howdah.agents as a set prompt_id = null, prompt_values = '{}'
  where a.id = any (v_agents) and (a.prompt_id is not null or a.prompt_values <> '{}');
end $$;

-- Assigns a prompt to an agent. A missing prompt has been reported at its own place.
create or replace function howdah_private.apply_agent_prompt(name text, entry jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent_id uuid := howdah.agent(apply_agent_prompt.name);
  v_values jsonb := coalesce(entry -> 'prompt_values', '{}');
begin
  update howdah.agents as a set prompt_id = p.id, prompt_values = v_values
  from howdah.prompts as p
  where a.id = v_agent_id and p.name = entry ->> 'prompt' and p.tenant_id = howdah.current_tenant()
    and p.deleted_at is null
    and (a.prompt_id, a.prompt_values) is distinct from (p.id, v_values);
end $$;

create or replace function howdah_private.apply_agent_skills(name text, entry jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent_id uuid := howdah.agent(apply_agent_skills.name);
  v_wanted uuid[] := array(
    select s.id from howdah_private.entry_skills(entry) as u
    join howdah.skills as s on s.name = u.name and s.tenant_id = howdah.current_tenant()
      and s.deleted_at is null
    group by s.id order by min(u.place));
  v_existing uuid[] := array(
    select g.skill_id from howdah.agent_skills as g join howdah.skills as s on s.id = g.skill_id
    where g.agent_id = v_agent_id order by g.position, s.name);
begin
  if v_wanted <> v_existing then
    delete from howdah.agent_skills as g where g.agent_id = v_agent_id;
    insert into howdah.agent_skills (agent_id, skill_id, position)
    select v_agent_id, s.id, s.position from unnest(v_wanted) with ordinality as s (id, position);
  end if;
end $$;

create or replace function howdah_private.apply_agent_servers(name text, entry jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent_id uuid := howdah.agent(apply_agent_servers.name);
begin
  update howdah.agent_servers as g set allowed_tools = u.allowed_tools
  from howdah_private.entry_servers(entry) as u
  join howdah.mcp_servers as s on s.name = u.name and s.tenant_id = howdah.current_tenant()
  where g.agent_id = v_agent_id and g.server_id = s.id
    and g.allowed_tools is distinct from u.allowed_tools;
  insert into howdah.agent_servers (agent_id, server_id, allowed_tools)
  select v_agent_id, s.id, u.allowed_tools
  from howdah_private.entry_servers(entry) as u
  join howdah.mcp_servers as s on s.name = u.name and s.tenant_id = howdah.current_tenant()
  on conflict (agent_id, server_id) do nothing;
end $$;

create or replace function howdah_private.apply_agent_models(name text, entry jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent_id uuid := howdah.agent(apply_agent_models.name);
  v_wanted jsonb := (
    select to_jsonb(array_agg(jsonb_build_array(u.purpose, u.position, m.id, u.request_params)
      order by u.purpose, u.position))
    from howdah_private.entry_models(entry) as u
    join howdah.models as m on m.name = u.name and m.tenant_id = howdah.current_tenant());
  v_existing jsonb := (
    select to_jsonb(array_agg(jsonb_build_array(u.purpose, u.position, u.model_id, u.request_params)
      order by u.purpose, u.position))
    from (
      select x.purpose, row_number() over (partition by x.purpose order by x.position) as position,
        x.model_id, x.request_params
      from howdah.agent_models as x where x.agent_id = v_agent_id
    ) as u);
begin
  if v_wanted is distinct from v_existing then
    delete from howdah.agent_models as u where u.agent_id = v_agent_id;
    insert into howdah.agent_models (agent_id, purpose, position, model_id, request_params)
    select v_agent_id, (u ->> 0)::howdah.model_purpose, (u ->> 1)::int, (u ->> 2)::uuid, u -> 3
    from jsonb_array_elements(v_wanted) as u;
  end if;
end $$;

-- Returns the tool that stands for an agent or a workflow. Creates the tool at its first use.
create or replace function howdah_private.apply_sub_run_tool(what text, name text) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := howdah_private.sub_run_tool_name(what, apply_sub_run_tool.name);
  v_agent_id uuid := case what when 'agent' then howdah.agent(apply_sub_run_tool.name) end;
  v_workflow_id uuid := case what when 'workflow' then howdah.workflow(apply_sub_run_tool.name) end;
  v_description text := coalesce(
    (select coalesce(nullif(a.description, ''), a.instruction) from howdah.agents as a
      where a.id = v_agent_id),
    (select coalesce(nullif(w.description, ''), w.instruction) from howdah.workflows as w
      where w.id = v_workflow_id));
  v_tool howdah.tools;
begin
  select t.* into v_tool from howdah.tools as t
  where t.name = v_name and t.tenant_id = howdah.current_tenant();
  if v_tool.id is null then
    insert into howdah.tools (name, kind, agent_id, workflow_id, parameters, description)
    values (v_name, what::howdah.tool_kind, v_agent_id, v_workflow_id,
      howdah_private.tool_defaults(what) -> 'parameters', v_description)
    returning * into v_tool;
  elsif v_tool.kind::text <> what
    or howdah_private.sub_run_target(v_tool) is distinct from apply_sub_run_tool.name then
    raise exception using errcode = 'HWCNF',
      message = format('%s %s needs the tool name %s, which another tool has', what,
        to_jsonb(apply_sub_run_tool.name), v_name),
      detail = jsonb_build_object('tool', v_name, what, apply_sub_run_tool.name)::text,
      hint = 'Rename or delete that tool, or list it in tools.allow instead.';
  end if;
  -- an agent that was deleted and created again is a new row with the same name
  update howdah.tools as t set description = v_description, agent_id = v_agent_id,
    workflow_id = v_workflow_id
  where t.id = v_tool.id
    and (t.description, t.agent_id, t.workflow_id) is distinct from (v_description, v_agent_id,
      v_workflow_id);
  return v_tool.id;
end $$;

create or replace function howdah_private.apply_agent_tool(
  name text, what text, tool text, configuration jsonb, requires_approval boolean
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent_id uuid := howdah.agent(apply_agent_tool.name);
  v_tool_id uuid := case what when 'tool' then howdah_private.tool_named(tool)
    else howdah_private.apply_sub_run_tool(what, tool) end;
begin
  update howdah.agent_tools as u
  set configuration = apply_agent_tool.configuration,
    requires_approval = apply_agent_tool.requires_approval
  where u.agent_id = v_agent_id and u.tool_id = v_tool_id and (u.configuration, u.requires_approval)
    is distinct from (apply_agent_tool.configuration, apply_agent_tool.requires_approval);
  insert into howdah.agent_tools (agent_id, tool_id, configuration, requires_approval)
  select v_agent_id, v_tool_id, apply_agent_tool.configuration, apply_agent_tool.requires_approval
  where not exists (select from howdah.agent_tools as u where u.agent_id = v_agent_id
    and u.tool_id = v_tool_id);
end $$;

create or replace function howdah_private.apply_workflow(system_name text, name text, entry jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_configuration jsonb := entry - array['type', 'description', 'instruction', 'members', 'budget',
    'is_active', 'configuration']
    || coalesce(entry -> 'configuration', '{}');
  v_type howdah.workflow_type := replace(entry ->> 'type', '-', '_');
  v_id uuid;
  v_owner_id uuid;
begin
  select w.id, w.agent_system_id into v_id, v_owner_id from howdah.workflows as w
  where w.name = apply_workflow.name and w.tenant_id = howdah.current_tenant()
    and w.deleted_at is null;
  perform howdah_private.check_part_owner('workflow', apply_workflow.name, v_owner_id, system_name);
  if v_id is null then
    insert into howdah.workflows (name, type, configuration)
    values (apply_workflow.name, v_type, v_configuration)
    returning id into v_id;
  end if;
  update howdah.workflows as w
  set type = v_type, configuration = v_configuration, description = x.description,
    instruction = x.instruction,
    is_active = x.is_active, max_steps = x.max_steps, max_tokens = x.max_tokens,
    max_cost = x.max_cost, max_seconds = x.max_seconds
  from (
    select coalesce(r.description, '') as description, coalesce(r.instruction, '') as instruction,
      coalesce(r.is_active, true) as is_active, b.*
    from jsonb_to_record(entry) as r (description text, instruction text, is_active boolean)
    cross join jsonb_to_record(coalesce(entry -> 'budget', '{}'))
      as b (max_steps int, max_tokens bigint, max_cost numeric, max_seconds int)
  ) as x
  where w.id = v_id
    and (w.type, w.configuration, w.description, w.instruction, w.is_active, w.max_steps,
      w.max_tokens, w.max_cost, w.max_seconds)
    is distinct from (v_type, v_configuration, x.description, x.instruction, x.is_active,
      x.max_steps, x.max_tokens, x.max_cost, x.max_seconds);
end $$;

-- Writes the members of a workflow. All workflows lose members before any gets new ones; otherwise
-- two workflows that swap places would form a cycle.
create or replace function howdah_private.apply_members(name text, entry jsonb, only_remove boolean)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow_id uuid := howdah.workflow(apply_members.name);
  v_wanted jsonb := (
    select to_jsonb(array_agg(
      jsonb_build_array(a.id, case when a.id is null then w.id end, m.question,
      m.role, m.configuration) order by m.place))
    from howdah_private.entry_members(entry) as m
    left join howdah.agents as a on m.what in ('agent', 'member') and a.name = m.name
      and a.tenant_id = howdah.current_tenant() and a.deleted_at is null
    left join howdah.workflows as w on m.what in ('workflow', 'member') and w.name = m.name
      and w.tenant_id = howdah.current_tenant() and w.deleted_at is null
    where m.question is not null or a.id is not null or w.id is not null);
  v_existing jsonb := (
    select to_jsonb(array_agg(
      jsonb_build_array(m.agent_id, m.member_workflow_id, m.question, m.role, m.configuration)
      order by m.sequence_order))
    from howdah.workflow_agents as m where m.workflow_id = v_workflow_id);
begin
  if v_wanted is distinct from v_existing then
    delete from howdah.workflow_agents as m where m.workflow_id = v_workflow_id;
    insert into howdah.workflow_agents (
      workflow_id, sequence_order, agent_id, member_workflow_id, question, role, configuration)
    select v_workflow_id, m.place, (m.one ->> 0)::uuid, (m.one ->> 1)::uuid,
      nullif(m.one -> 2, 'null'), m.one ->> 3, m.one -> 4
    from jsonb_array_elements(v_wanted) with ordinality as m (one, place)
    where not only_remove;
  end if;
end $$;
