-- Finds a version of an agent, workflow, prompt or skill by its number or its label. Rows are read
-- with the privileges of the caller, and only of its own tenant: not all keys of versions begin
-- with the tenant.
create or replace function howdah_private.version_of(
  what text, thing_id uuid, named text, field text default 'version'
)
  returns table (id uuid, version int, definition jsonb)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_number int;
begin
  if version_of.named ~ '^[1-9][0-9]{0,8}$' then
    v_number := version_of.named::int;
  else
    select l.version into v_number from howdah.version_labels as l
    where l.tenant_id = v_tenant_id and l.label = version_of.named
      and version_of.thing_id = case version_of.what when 'agent' then l.agent_id
        when 'workflow' then l.workflow_id when 'prompt' then l.prompt_id end;
  end if;
  return query
  select v.id, v.version, v.definition from howdah.agent_versions as v
  where version_of.what = 'agent' and v.tenant_id = v_tenant_id and v.agent_id = version_of.thing_id
    and v.version = v_number
  union all
  select v.id, v.version, v.definition from howdah.workflow_versions as v
  where version_of.what = 'workflow' and v.tenant_id = v_tenant_id
    and v.workflow_id = version_of.thing_id and v.version = v_number
  union all
  select v.id, v.version, v.definition from howdah.prompt_versions as v
  where version_of.what = 'prompt' and v.tenant_id = v_tenant_id
    and v.prompt_id = version_of.thing_id and v.version = v_number
  union all
  select v.id, v.version, v.definition from howdah.skill_versions as v
  where version_of.what = 'skill' and v.tenant_id = v_tenant_id and v.skill_id = version_of.thing_id
    and v.version = v_number;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no version %L of %s %s', version_of.named, version_of.what,
        version_of.thing_id),
      detail = jsonb_build_object('field', version_of.field,
        version_of.what || '_id', version_of.thing_id)::text,
      hint = format('For the versions, query howdah.%s_versions%s.', version_of.what,
        case when version_of.what <> 'skill' then ', for labels howdah.version_labels' else '' end);
  end if;
end $$;

-- Returns the number of the last version that was written.
create or replace function howdah_private.last_version(what text, id uuid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(v.version), 0)::text from (
    select a.version from howdah.agent_versions as a
    where last_version.what = 'agent' and a.tenant_id = howdah.current_tenant()
      and a.agent_id = last_version.id
    union all
    select w.version from howdah.workflow_versions as w
    where last_version.what = 'workflow' and w.tenant_id = howdah.current_tenant()
      and w.workflow_id = last_version.id
    union all
    select p.version from howdah.prompt_versions as p
    where last_version.what = 'prompt' and p.tenant_id = howdah.current_tenant()
      and p.prompt_id = last_version.id
    union all
    select s.version from howdah.skill_versions as s
    where last_version.what = 'skill' and s.tenant_id = howdah.current_tenant()
      and s.skill_id = last_version.id
  ) as v
$$;

-- Returns the version that a new run names, or null if it names none and takes the current one.
create or replace function howdah_private.version_named(
  agent_id uuid, workflow_id uuid, version text
) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when version_named.version is not null then (
    select v.id from howdah_private.version_of(
      case when version_named.agent_id is null then 'workflow' else 'agent' end,
      coalesce(version_named.agent_id, version_named.workflow_id), version_named.version) as v
  ) end;
end $$;

-- Returns the version that a new run names. It must belong to the agent or workflow of the run.
create or replace function howdah_private.checked_version(e howdah.executions) returns uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from howdah.agent_versions as v
    where v.id = e.agent_version_id and v.agent_id = e.agent_id and v.tenant_id = e.tenant_id
    union all
    select from howdah.workflow_versions as v
    where v.id = e.workflow_version_id and v.workflow_id = e.workflow_id
      and v.tenant_id = e.tenant_id
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('there is no version %s of the agent or workflow',
        coalesce(e.agent_version_id, e.workflow_version_id)),
      detail = jsonb_build_object('field',
        case when e.agent_id is null then 'workflow_version_id' else 'agent_version_id' end)::text,
      hint = 'Omit it to use the current version.';
  end if;
  perform howdah_private.check_version_right(coalesce(e.agent_version_id, e.workflow_version_id));
  return coalesce(e.agent_version_id, e.workflow_version_id);
end $$;
