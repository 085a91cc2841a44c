-- Refuses an older version that differs from what admins set last, unless the caller is an admin.
-- Admins decide which models an agent asks, what its tools may reach and where secrets go. A
-- version differs if it has another engine, tools with other settings, a model with another URL or
-- secret than its row has now, or other request_params of those that only admins set. The current
-- version is not checked: it is what the rows say.
create or replace function howdah_private.check_version_right(version_id uuid) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version record;
begin
  if howdah_private.is_trusted() or coalesce(howdah.current_user_role() <= 'admin', false) then
    return;
  end if;
  select * into v_version from howdah_private.outdated_version(check_version_right.version_id);
  if v_version.fault is not null then
    raise exception using errcode = 'HWDEN',
      message = format('version %s of %s %L %s', v_version.version, v_version.what, v_version.name,
        v_version.fault),
      detail = jsonb_build_object('field', 'version',
        v_version.what || '_version_id', check_version_right.version_id)::text,
      hint = format('Run or fork it as it is now, with version %s; an admin may run it as it was.',
        v_version.current);
  end if;
end $$;

-- Returns how a version differs from the settings that admins have made since. The fault is null if
-- nothing differs; there is no row for the current version.
create or replace function howdah_private.outdated_version(
  version_id uuid, out what text, out name text, out version int, out current int, out fault text
) returns setof record
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select 'agent', a.name, v.version, c.version, case
    when v.definition -> 'agent' ? 'engine' then case
      when (v.definition #>> '{agent,engine}', v.definition #> '{agent,engine_configuration}')
        is distinct from (a.engine::text, a.engine_configuration)
      then format('uses an engine (%s) that the agent no longer has',
        v.definition #>> '{agent,engine}') end
    else coalesce(
      'has tool ' || howdah_private.tool_with_changed_settings(v.agent_id, v.definition -> 'tools')
        || ' with settings that admins have changed since',
      howdah_private.changed_model_fault(v.tenant_id, v.definition -> 'models'), (
        select howdah_private.changed_params_fault(p.model -> 'request_params', array(
          select m.request_params || coalesce(am.request_params, '{}') from howdah.models as m
          left join howdah.agent_models as am
            on am.model_id = m.id and am.agent_id = v.agent_id and am.purpose = 'llm'
          where m.id = (p.model ->> 'id')::uuid))
        from jsonb_array_elements(v.definition -> 'models') with ordinality as p (model, place)
        order by 1 nulls last limit 1)) end
  from howdah.agent_versions as v
  join howdah.agents as a on a.id = v.agent_id
  left join howdah.agent_versions as c on c.id = a.current_version_id
  where v.id = outdated_version.version_id
    and (a.version_is_stale or a.current_version_id is distinct from v.id)
  union all
  select 'workflow', w.name, v.version, c.version, coalesce(
    howdah_private.changed_model_fault(v.tenant_id, v.definition -> 'models'),
    howdah_private.changed_params_fault(
      v.definition #> '{workflow,configuration,request_params}',
      array[w.configuration -> 'request_params']), (
      select howdah_private.changed_params_fault(p.model -> 'request_params', array(
        select m.request_params || coalesce(w.configuration -> 'request_params', '{}')
        from howdah.models as m where m.id = (p.model ->> 'id')::uuid))
      from jsonb_array_elements(v.definition -> 'models') as p (model)
      order by 1 nulls last limit 1))
  from howdah.workflow_versions as v
  join howdah.workflows as w on w.id = v.workflow_id
  left join howdah.workflow_versions as c on c.id = w.current_version_id
  where v.id = outdated_version.version_id
    and (w.version_is_stale or w.current_version_id is distinct from v.id);
end $$;

-- Returns the first of these tools whose settings an admin has changed since, or that now requires
-- an approval. The comparison uses the configuration of the agent; for a tool that the agent no
-- longer has, the configuration of the tool alone. A compensation has only the settings of its own
-- row.
create or replace function howdah_private.tool_with_changed_settings(agent_id uuid, tools jsonb)
  returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with pinned as (
      select x.tool, g.agent_id
      from jsonb_array_elements(tool_with_changed_settings.tools) as x (tool)
      cross join (values (tool_with_changed_settings.agent_id)) as g (agent_id)
      union all
      select x.tool -> 'compensation', null
      from jsonb_array_elements(tool_with_changed_settings.tools) as x (tool)
      where x.tool ? 'compensation'
    )
    select p.tool ->> 'name'
    from pinned as p
    left join howdah.tools as t on t.id = (p.tool ->> 'id')::uuid
    left join howdah.agent_tools as g on g.tool_id = t.id and g.agent_id = p.agent_id
    cross join lateral (
      select howdah_private.tool_definition(t, coalesce(g.configuration, '{}'),
        g.requires_approval) as tool
    ) as now
    where howdah_private.settings_of_admins(p.tool -> 'configuration')
        is distinct from howdah_private.settings_of_admins(
          coalesce(now.tool -> 'configuration', '{}'))
      or (now.tool ->> 'requires_approval')::boolean
        and not (p.tool ->> 'requires_approval')::boolean
    order by 1 limit 1
  );
end $$;

-- Returns the fault of the first of these models whose pinned URL or secret is not that of its row
-- now. A model pinned with neither follows the environment of the worker at each call, which is
-- current already.
create or replace function howdah_private.changed_model_fault(tenant_id uuid, models jsonb)
  returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when m.id is null
    then format('uses model %s, which admins have removed since', p.model ->> 'name')
    else format('uses model %s with a URL or secret that admins have changed since', m.name) end
  from jsonb_array_elements(changed_model_fault.models) with ordinality as p (model, place)
  left join howdah.models as m on m.id = (p.model ->> 'id')::uuid
    and m.tenant_id = changed_model_fault.tenant_id
  where coalesce(p.model ->> 'base_url', p.model ->> 'secret_name') is not null
    and (m.id is null or (p.model ->> 'provider', p.model ->> 'base_url', p.model ->> 'secret_name')
      is distinct from (m.provider, m.base_url, m.secret_name))
  order by p.place limit 1
$$;

-- Returns the fault of request_params that a version pinned, or null. They have no fault if one of
-- the present ones has the same values for the names that only admins set. Where there are no
-- present ones, none of those names is allowed.
create or replace function howdah_private.changed_params_fault(pinned jsonb, present jsonb[])
  returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_editable text[] := array(select howdah_private.editor_params());
begin
  if exists (
    select from unnest(case when cardinality(present) = 0 then '{null}'
      else present end) as n (params)
    where coalesce(n.params, '{}') - v_editable = coalesce(pinned, '{}') - v_editable
  ) then
    return null;
  end if;
  return 'has request_params that admins have changed since';
end $$;

-- Returns the version for a child run whose root began earlier: the version of that time, or the
-- current one if admins have changed its settings since. A worker begins the child, so no
-- permission is checked here.
create or replace function howdah_private.version_or_current(
  version_id uuid, current_version_id uuid
) returns uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when version_or_current.version_id <> version_or_current.current_version_id
    and exists (
      select from howdah_private.outdated_version(version_or_current.version_id) as o
      where o.fault is not null
    ) then version_or_current.current_version_id else version_or_current.version_id end
$$;
