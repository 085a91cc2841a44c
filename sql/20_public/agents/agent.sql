-- Returns the id of an agent by name, for SQL written by people: howdah.agent('support'). Only
-- agents of the current tenant that are not deleted are found. Raises an error instead of returning
-- null, so that an insert with a misspelt name fails with a suggestion.
--
-- A statement such as `insert into howdah.executions select howdah.agent('support'), …` calls the
-- function for every row. The last name is therefore cached for the statement. The cache is used
-- for owners only, whose settings are trusted (tg_executions__permit), and not for SQL of tools.
create or replace function howdah.agent(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_known text[];
begin
  if nullif(current_setting('howdah.pinned_agent_name', true), '') = agent.name
    and pg_has_role(session_user, 'howdah_owner', 'member') and not howdah_private.is_bound() then
    return current_setting('howdah.pinned_agent', true);
  end if;
  select a.id into v_id from howdah.agents as a
  where a.name = agent.name and a.tenant_id = howdah.current_tenant() and a.deleted_at is null
    and (not a.is_restricted or howdah_private.sees_agent(a.id)); -- for security definer callers
  if v_id is not null then
    if current_setting('howdah.pinned_tenant', true) <> '' then
      perform set_config('howdah.pinned_agent_name', agent.name, true),
        set_config('howdah.pinned_agent', v_id::text, true);
    end if;
    return v_id;
  end if;
  v_known := array(
    select a.name from howdah.agents as a
    where a.tenant_id = howdah.current_tenant() and a.deleted_at is null
      and (not a.is_restricted or howdah_private.sees_agent(a.id))
    order by (lower(a.name) like lower(left(agent.name, 2)) || '%') desc, a.name limit 9);
  raise exception using errcode = 'HWNTF',
    message = format('there is no agent named %L', agent.name),
    detail = jsonb_build_object('agent', agent.name)::text,
    hint = case when howdah.current_tenant() is null
      then 'This login acts for no tenant. '
        'An owner of the database binds it in howdah_private.login_tenants.'
      when howdah_private.workflow_by_name(agent.name) is not null
      then format('This name belongs to a workflow: set workflow_id to howdah.workflow(%L), '
        'or call howdah.run(%1$L, …).', agent.name)
      else concat_ws(' ', howdah_private.suggest_runnable(agent.name),
        coalesce('The agents of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
          'This tenant has no agents yet.')) end;
end $$;
comment on function howdah.agent(text) is
  E'@behavior -*\nReturns the id of the agent with this name in the current tenant. Raises HWNTF '
  'if there is none.';

-- Returns a question that suggests the agent or workflow with the most similar name, among those
-- that the caller can see. Returns null if no name is similar. Compares edit distances only for
-- names of a similar length.
create or replace function howdah_private.suggest_runnable(name text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with near as materialized (
    select 'agent' as what, a.name from howdah.agents as a
    where a.tenant_id = (select howdah.current_tenant()) and a.deleted_at is null
      and (not a.is_restricted or howdah_private.sees_agent(a.id))
      and abs(length(a.name) - length(suggest_runnable.name)) <= greatest(2,
        length(suggest_runnable.name) / 3)
    union all
    select 'workflow', w.name from howdah.workflows as w
    where w.tenant_id = (select howdah.current_tenant()) and w.deleted_at is null
      and (not w.is_restricted or howdah_private.sees_agent(w.id))
      and abs(length(w.name) - length(suggest_runnable.name)) <= greatest(2,
        length(suggest_runnable.name) / 3)
  ),
  nearest as materialized (
    select howdah_private.nearest_word(left(suggest_runnable.name, 60),
      array(select x.name from near as x where length(x.name) <= 60 order by x.name)) as name
  )
  select format('Did you mean the %s %L?', n.what, n.name)
  from nearest join near as n on n.name = nearest.name
  order by n.what
  limit 1
$$;
