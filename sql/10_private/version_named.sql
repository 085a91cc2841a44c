-- The version of an agent or a workflow by its number or its label; null for none: then a run takes the current one.
create or replace function howdah_private.version_named(agent_id uuid, workflow_id uuid, version text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_what text := case when version_named.agent_id is null then 'workflow' else 'agent' end;
  v_number int;
  v_id uuid;
begin
  if version_named.version is null then
    return null;
  elsif version_named.version ~ '^[1-9][0-9]{0,8}$' then
    v_number := version_named.version::int;
  else
    select l.version into v_number from howdah.version_labels as l
    where l.tenant_id = v_tenant_id and l.label = version_named.version
      and coalesce(l.agent_id, l.workflow_id) = coalesce(version_named.agent_id, version_named.workflow_id);
  end if;
  if v_what = 'agent' then
    select v.id into v_id from howdah.agent_versions as v
    where v.tenant_id = v_tenant_id and v.agent_id = version_named.agent_id and v.version = v_number;
  else
    select v.id into v_id from howdah.workflow_versions as v
    where v.tenant_id = v_tenant_id and v.workflow_id = version_named.workflow_id and v.version = v_number;
  end if;
  if v_id is null then
    raise exception using errcode = 'HWNTF',
      message = format('the %s has no version %L', v_what, version_named.version),
      detail = jsonb_build_object('field', 'version', v_what || '_id',
        coalesce(version_named.agent_id, version_named.workflow_id))::text,
      hint = format('Numbers stand in howdah.%s_versions, labels in howdah.version_labels.', v_what);
  end if;
  return v_id;
end $$;

-- The version a new run names, which has to be one of its own agent or workflow.
create or replace function howdah_private.own_version(e howdah.executions) returns uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from howdah.agent_versions as v
    where v.id = e.agent_version_id and v.agent_id = e.agent_id and v.tenant_id = e.tenant_id
    union all
    select from howdah.workflow_versions as v
    where v.id = e.workflow_version_id and v.workflow_id = e.workflow_id and v.tenant_id = e.tenant_id
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('there is no version %s of it', coalesce(e.agent_version_id, e.workflow_version_id)),
      detail = jsonb_build_object('field', case when e.agent_id is null then 'workflow_version_id' else 'agent_version_id' end)::text,
      hint = 'Leave it out: then it is the current one.';
  end if;
  return coalesce(e.agent_version_id, e.workflow_version_id);
end $$;
