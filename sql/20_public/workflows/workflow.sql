-- Returns the id of a workflow by name, as howdah.agent does for agents.
create or replace function howdah.workflow(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_known text[];
begin
  select w.id into v_id from howdah.workflows as w
  where w.name = workflow.name and w.tenant_id = howdah.current_tenant() and w.deleted_at is null
    and (not w.is_restricted or howdah_private.sees_agent(w.id));
  if v_id is not null then
    return v_id;
  end if;
  v_known := array(
    select w.name from howdah.workflows as w
    where w.tenant_id = howdah.current_tenant() and w.deleted_at is null
      and (not w.is_restricted or howdah_private.sees_agent(w.id))
    order by (lower(w.name) like lower(left(workflow.name, 2)) || '%') desc, w.name limit 9);
  raise exception using errcode = 'HWNTF',
    message = format('there is no workflow named %L', workflow.name),
    detail = jsonb_build_object('workflow', workflow.name)::text,
    hint = concat_ws(' ', howdah_private.suggest_runnable(workflow.name),
      coalesce('The workflows of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no workflows yet.'));
end $$;
comment on function howdah.workflow(text) is
  E'@behavior -*\nReturns the id of the workflow with this name in the current tenant. Raises '
  'HWNTF if there is none.';

-- Returns the workflow that a name means where the name of an agent is expected. Returns null if an
-- agent has the name, or if no workflow has it.
create or replace function howdah_private.workflow_by_name(name text) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select w.id from howdah.workflows as w
  where w.name = workflow_by_name.name and w.tenant_id = howdah.current_tenant()
    and w.deleted_at is null
    and not exists (
      select from howdah.agents as a
      where a.name = w.name and a.tenant_id = w.tenant_id and a.deleted_at is null
    )
$$;
