-- Returns the faults of edges that each are as the schema says, but too many. A graph decides all
-- edges of a node at once (src/runtime/teams/condition.ts has the same bounds).
create or replace function howdah_private.edge_faults(configuration jsonb) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with edges as materialized (
    select e.edge ->> 'from' as node, coalesce(length(e.edge ->> 'when'), 0) as characters
    from jsonb_path_query(edge_faults.configuration, 'lax $.edges[*]') as e (edge)
  )
  select array(
    select format('edges: the node %L has %s outgoing edges, and at most 200 are allowed',
      e.node, count(*))
    from edges as e group by e.node having count(*) > 200
    union all
    select format('edges: the conditions have %s characters together, and at most 100000 are '
      'allowed', sum(e.characters))
    from edges as e having sum(e.characters) > 100000
    limit 20
  )
$$;

-- Checks the configuration of a workflow against the schema of its type.
create or replace function howdah_private.check_workflow_configuration(
  name text, type howdah.workflow_type, configuration jsonb
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_edges int := (select count(*) from jsonb_path_query(
    check_workflow_configuration.configuration, 'lax $.edges[*]'));
  -- thousands of edges are too much work for the check by the schema, which counts them as well
  v_faults text[] := case
    when v_edges > 1000 then array[format('edges: it has %s edges, and at most 1000 are allowed',
      v_edges)]
    else howdah_private.json_faults(
      howdah.workflow_schema(check_workflow_configuration.type),
      check_workflow_configuration.configuration) end;
begin
  if v_faults = '{}' then
    v_faults := howdah_private.edge_faults(check_workflow_configuration.configuration);
  end if;
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('configuration of workflow %L: %s', check_workflow_configuration.name,
        array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = format('For the schema, call howdah.workflow_schema(%L).',
        check_workflow_configuration.type);
  end if;
end $$;

-- Refuses a workflow that decides by embeddings while there is no embedding model.
create or replace function howdah_private.check_embedding_model(
  name text, tenant_id uuid, configuration jsonb
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.decides_by_embedding(check_embedding_model.configuration)
    and howdah_private.deciding_model(
    check_embedding_model.tenant_id, check_embedding_model.configuration) is null then
    raise exception using errcode = 'HWINV',
      message = format('configuration of workflow %L: %s', check_embedding_model.name,
        howdah_private.no_embedding_model(check_embedding_model.configuration)),
      detail = '{"field": "configuration", "path": "configuration.model"}',
      hint = 'Create a model with purpose embedding, of provider openai (text-embedding-3-small) '
        'or of provider local, which needs no key and compares letters. '
        'Or name an existing one in configuration.model. '
        || howdah_private.environment_model_hint('embedding');
  end if;
end $$;

create or replace function howdah_private.no_embedding_model(configuration jsonb) returns text
  language sql immutable
  return case when configuration ? 'model'
    then format('there is no model %L with purpose embedding', configuration ->> 'model')
    else 'method embedding needs a model with purpose embedding, but there is none' end;

-- Checks the question that a workflow asks a person as a member: `prompt`, `options`, and the
-- settings that every question has.
create or replace function howdah_private.check_member_question(question jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text := case
    when check_member_question.question is null then null
    when jsonb_typeof(question) <> 'object' then 'is not an object'
    when jsonb_typeof(question -> 'prompt') is distinct from 'string'
      or question ->> 'prompt' !~ '\S' then 'has no prompt'
    when question ? 'options' and (jsonb_typeof(question -> 'options') <> 'array'
      or jsonb_path_exists(question, 'strict $.options[*] ? (@.type() != "string")'))
        then 'has options that are not a list of strings'
  end;
begin
  if v_fault is not null then
    raise exception using errcode = 'HWINV', message = 'question ' || v_fault,
      detail = jsonb_build_object('field', 'question')::text,
      hint = '{"prompt": "May this be published? {{output}}", "options": ["yes", "no"]}';
  end if;
  perform howdah_private.check_question_settings(
    jsonb_build_object('question', question - array['prompt', 'options']), true)
  where question is not null;
end $$;

-- Returns the error of a workflow whose configuration names an agent that is not a member, or null.
create or replace function howdah_private.unknown_member(configuration jsonb, names text[])
  returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select format('configuration.%s names %L, which is not a member%s', n.place, n.name,
    coalesce(': did you mean ' || howdah_private.nearest_word(n.name, unknown_member.names) || '?',
      '; the members: ' || array_to_string(unknown_member.names, ', ')))
  from (
    select 'aggregator', configuration ->> 'aggregator'
    union all select 'fallback', configuration ->> 'fallback'
      where configuration ->> 'members' is distinct from 'capable' -- else chosen when it runs
    union all select format('start[%s]', s.place - 1), s.name #>> '{}'
      from jsonb_path_query(configuration, 'lax $.start[*]') with ordinality as s (name, place)
    union all select format('edges[%s].%s', e.place - 1, k.key), e.edge ->> k.key
      from jsonb_path_query(configuration, 'lax $.edges[*]') with ordinality as e (edge, place)
      cross join (values ('from'), ('to')) as k (key)
    union all select 'joins.' || j.name, j.name
      from jsonb_object_keys(coalesce(configuration -> 'joins', '{}')) as j (name)
  ) as n (place, name)
  where n.name is not null and n.name <> all (unknown_member.names)
  limit 1
$$;

-- Refuses a workflow whose configuration names an agent that is not a member. Skips a workflow
-- without members, because its caller is about to write them.
create or replace function howdah_private.check_named_members(workflow_id uuid) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition jsonb := (
    select howdah_private.workflow_definition(w.id) from howdah.workflows as w
    where w.id = check_named_members.workflow_id and w.tenant_id = howdah.current_tenant());
  v_names text[] := array(
    select m ->> 'name' from jsonb_array_elements(v_definition #> '{workflow,members}') as m);
  v_fault text := howdah_private.unknown_member(
    v_definition #> '{workflow,configuration}', v_names);
begin
  if v_names <> '{}' and v_fault is not null then
    raise exception using errcode = 'HWINV', message = v_fault,
      detail = jsonb_build_object('field', 'configuration', 'members', v_names)::text,
      hint = 'Name a member, by its role if it has one, or add the agent to members.';
  end if;
end $$;

-- Warns about a workflow whose configuration names an agent that is not a member. Does not refuse
-- it, since statements may write the members one after another.
create or replace function howdah_private.warn_unknown_member(workflow text, definition jsonb)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[] := array(
    select m ->> 'name' from jsonb_array_elements(definition #> '{workflow,members}') as m);
  v_fault text := howdah_private.unknown_member(
    warn_unknown_member.definition #> '{workflow,configuration}', v_names);
begin
  if v_names <> '{}' and v_fault is not null then
    raise warning using
      message = format('the workflow %L cannot run: %s', warn_unknown_member.workflow, v_fault),
      hint = 'Name a member, by its role if it has one, or add the agent to the members.';
  end if;
end $$;

-- Returns why a workflow cannot run, or null if it can. Members are added one by one, so the check
-- happens when the workflow is to run, not while it is being written.
create or replace function howdah_private.workflow_fault(definition jsonb) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := workflow_fault.definition #>> '{workflow,type}';
  v_configuration jsonb := definition #> '{workflow,configuration}';
  v_names text[] := array(
    select m ->> 'name' from jsonb_array_elements(definition #> '{workflow,members}') as m);
  -- chosen when it runs
  v_finds boolean := coalesce(v_configuration ->> 'members' = 'capable', false);
  v_least int := case when v_finds then 0 when v_type = 'voting' then 2 else 1 end;
  v_most int := case v_type when 'map' then 1 when 'evaluator_optimizer' then 2 end;
  v_unknown text;
begin
  if cardinality(v_names) < v_least or cardinality(v_names) > v_most then
    return format('a workflow of type %s needs %s, but this one has %s', v_type,
      case v_type when 'voting' then 'at least two members' when 'map' then 'one member, the worker'
        when 'evaluator_optimizer' then 'one or two members, the generator and the evaluator'
        else 'at least one member' end,
      case cardinality(v_names) when 0 then 'none' else cardinality(v_names)::text end);
  end if;
  select n.name into v_unknown from unnest(v_names) as n (name) group by n.name
  having count(*) > 1 limit 1;
  if found then
    return format('two members have the name %L; give each of them a role', v_unknown);
  end if;
  v_unknown := howdah_private.unknown_member(v_configuration, v_names);
  if v_unknown is not null then
    return v_unknown;
  end if;
  if v_configuration ->> 'on_failure' = 'quorum' and v_configuration ->> 'quorum' is null then
    return 'configuration.quorum is missing, but on_failure is quorum';
  elsif v_type <> 'map' and (v_configuration ->> 'quorum')::int
    > cardinality(v_names) - (v_configuration ? 'aggregator')::int then
    return format('configuration.quorum (%s) is larger than the number of members',
      v_configuration ->> 'quorum');
  end if;
  if definition -> 'models' = '[]' and howdah_private.decides_by_embedding(v_configuration) then
    return 'configuration: ' || howdah_private.no_embedding_model(v_configuration);
  elsif v_type in ('router', 'orchestrator') and definition -> 'models' = '[]'
    and v_configuration ->> 'method' is distinct from 'lexical' then
    return format('there is no model %L to decide',
      coalesce(v_configuration ->> 'model', 'default'));
  end if;
  return null;
end $$;

-- Returns the first fault among the members of a workflow, without those of workflows below it.
create or replace function howdah_private.member_fault(workflow_id uuid) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when x.is_gone then format('its member %L is deleted', x.name)
    else format('its member %L is not active', x.name) end
  from (
    select m.sequence_order, coalesce(a.name, w.name) as name,
      coalesce(a.deleted_at, w.deleted_at) is not null as is_gone,
      coalesce(a.is_active, w.is_active) as is_active
    from howdah.workflow_agents as m
    left join howdah.agents as a on a.id = m.agent_id
    left join howdah.workflows as w on w.id = m.member_workflow_id
    where m.workflow_id = member_fault.workflow_id and m.question is null
  ) as x
  where x.is_gone or not x.is_active
  order by x.sequence_order limit 1
$$;

-- Checks a workflow and all workflows below it. A deleted or inactive member would otherwise be
-- found only after other members have worked. Each workflow is checked once, however often it is a
-- member: a tree of a few workflows may have billions of members.
create or replace function howdah_private.team_fault(workflow_id uuid, definition jsonb)
  returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array[team_fault.workflow_id];
  v_paths text[] := array[''];
  v_at int := 1;
  v_fault text;
  v_more uuid[];
  v_more_paths text[];
begin
  while v_at <= cardinality(v_ids) loop
    v_fault := coalesce(
      howdah_private.workflow_fault(case when v_at = 1 then team_fault.definition
        else howdah_private.workflow_definition(v_ids[v_at]) end),
      howdah_private.member_fault(v_ids[v_at]));
    if v_fault is not null then
      return v_paths[v_at] || v_fault;
    end if;
    select array_agg(x.id order by x.place),
      array_agg(v_paths[v_at] || format('its member %L cannot run: ', x.name) order by x.place)
    into v_more, v_more_paths
    from (
      select w.id, w.name, min(m.sequence_order) as place from howdah.workflow_agents as m
      join howdah.workflows as w on w.id = m.member_workflow_id
      where m.workflow_id = v_ids[v_at] and w.id <> all (v_ids)
      group by w.id
    ) as x;
    v_ids := v_ids || v_more;
    v_paths := v_paths || v_more_paths;
    v_at := v_at + 1;
  end loop;
  return null;
end $$;

-- Refuses input_data that is not an array, for a map without a query: such a map runs over the
-- items of its input. `workflow` has the type and the configuration.
create or replace function howdah_private.check_map_data(workflow jsonb, input_data jsonb)
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if workflow ->> 'type' = 'map' and not workflow -> 'configuration' ? 'query'
    and jsonb_typeof(check_map_data.input_data) is distinct from 'array' then
    raise exception using errcode = 'HWINV',
      message = 'input_data is not a JSON array, but a map runs over the items of an array',
      detail = jsonb_build_object('field', 'input_data')::text,
      hint = 'Pass an array, such as ["a", "b"], or set configuration.query.';
  end if;
end $$;

-- Refuses to delete an agent or a workflow that is a member of a live workflow, since the workflow
-- could not run any more. Workflows hidden from the caller are not named. A deleted sub-agent needs
-- no such check: the model that calls it gets an error and continues.
create or replace function howdah_private.check_member(
  what text, name text, tenant_id uuid, id uuid
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
  v_named text[];
begin
  select count(*), (array_agg(w.name order by w.name) filter (
    where not w.is_restricted or howdah_private.sees_agent(w.id)))[1:8]
  into v_count, v_named
  from howdah.workflows as w
  where w.tenant_id = check_member.tenant_id and w.deleted_at is null and exists (
    select from howdah.workflow_agents as x
    where x.tenant_id = w.tenant_id and x.workflow_id = w.id
      and case check_member.what when 'agent' then x.agent_id
        else x.member_workflow_id end = check_member.id
  );
  if v_count > 0 then
    raise exception using errcode = 'HWCNF',
      message = format('%s %L is a member of %s', check_member.what, check_member.name,
        coalesce(array_to_string(v_named, ', '), 'a workflow that is hidden from you')),
      detail = jsonb_build_object('field', 'id', check_member.what || '_id', check_member.id,
        'workflows', to_jsonb(coalesce(v_named, '{}')))::text,
      hint = 'Remove it from these workflows first: delete its rows of howdah.workflow_agents. '
        'Or delete the workflows.';
  end if;
end $$;
