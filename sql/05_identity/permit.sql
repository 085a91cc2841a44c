-- Checks permissions: for an action in general (`may`, `permit`) and for one agent
-- (`check_agent_right`). Where a grant can allow the action (by_agent), `may` and `permit` accept
-- any grant, and check_agent_right decides for the agent in question. With by_grant false, grants
-- do not count.
create or replace function howdah_private.may(object text, action text,
  by_grant boolean default true)
  returns boolean
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_scopes text;
  v_role howdah.user_role;
  v_by_agent boolean;
begin
  if howdah_private.is_trusted() then
    return true;
  end if;
  v_scopes := howdah_private.current_scopes();
  if v_scopes is not null and may.action <> all (string_to_array(v_scopes, ',')) then
    return false;
  end if;
  select p.role, p.by_agent into v_role, v_by_agent from howdah_private.permission_rows() as p
  where p.object = may.object and p.action = may.action;
  return coalesce(howdah.current_user_role() <= coalesce(v_role, 'owner'), false)
    or (v_by_agent and may.by_grant and exists (
      select from howdah_private.caller_grants() as g
      where g.permission::text in (may.action, 'edit')
    ));
end $$;

-- Returns the scopes of the caller, or null if it has all of them: those of a bound login, else
-- those of the API key. The login that only inserts has `run` here, since its role of the database
-- allows it nothing else to run.
create or replace function howdah_private.current_scopes() returns text
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_scopes text[];
begin
  select l.scopes into v_scopes from howdah_private.login_tenants as l
  where l.login = session_user;
  if found then
    return array_to_string(array_replace(v_scopes, 'runs:create', 'run'), ',');
  end if;
  return nullif(current_setting('howdah.scopes', true), '');
end $$;

-- Raises HWDEN unless the caller may perform the action.
create or replace function howdah_private.permit(object text, action text,
  by_grant boolean default true)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_scopes text;
  v_lacks_scope boolean;
  v_is_login boolean;
  v_role howdah.user_role;
begin
  if howdah_private.may(permit.object, permit.action, permit.by_grant) then
    return;
  end if;
  if howdah.current_tenant() is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it with a row in howdah_private.login_tenants.';
  end if;
  select p.role into v_role from howdah_private.permission_rows() as p
  where p.object = permit.object and p.action = permit.action;
  v_scopes := howdah_private.current_scopes();
  v_lacks_scope := coalesce(permit.action <> all (string_to_array(v_scopes, ',')), false);
  v_is_login := exists (
    select from howdah_private.login_tenants as l where l.login = session_user);
  raise exception using errcode = 'HWDEN',
    message = case when v_lacks_scope
      then format('the %s may not %s %s: it lacks the scope %2$s',
        case when v_is_login then 'login ' || session_user else 'API key' end, permit.action,
        permit.object)
      else format('%s may not %s %s', howdah_private.caller_label(), permit.action,
        permit.object) end,
    detail = jsonb_build_object('object', permit.object, 'action', permit.action,
      'role', howdah.current_user_role(), 'required_role', coalesce(v_role, 'owner'),
      'scopes', v_scopes, 'required_scope', case when v_lacks_scope then permit.action end)::text,
    hint = case
      when v_lacks_scope
        then format(case when v_is_login
            then 'The login has the scopes %s. An owner of the database may add %s to them in '
              'howdah_private.login_tenants.'
            else 'The key has the scopes %s. Create a key with %s too, or without scopes.' end,
          v_scopes, permit.action)
      else format('The action requires the role %s; howdah.permissions lists all permissions.',
        coalesce(v_role, 'owner')) end;
end $$;

-- Returns how error messages name the caller.
create or replace function howdah_private.caller_label() returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    case when howdah.current_user_id() is null then 'the role ' || howdah.current_user_role()
    else format('%s, as %s,', howdah_private.actor(), howdah.current_user_role()) end, 'Nobody')
$$;

-- Returns the grants of the current user, by name or by role.
create or replace function howdah_private.caller_grants() returns setof howdah.grants
  language plpgsql stable parallel safe security definer rows 10
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query select g.* from howdah.grants as g
  where g.tenant_id = howdah.current_tenant()
    and (g.user_id = howdah.current_user_id() or g.role >= howdah.current_user_role());
end $$;

-- Returns the highest permission of the session on an agent of its tenant, or null if the session
-- cannot see the agent. A restricted agent is open to its grants only, any other agent to all users
-- according to their role. Here and in the functions below, `agent_id` may also be the id of a
-- workflow.
create or replace function howdah_private.agent_permission(agent_id uuid)
  returns howdah.grant_permission
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_role howdah.user_role := howdah.current_user_role();
  v_is_restricted boolean;
begin
  select x.is_restricted into v_is_restricted from (
    select a.is_restricted from howdah.agents as a
    where a.id = agent_permission.agent_id and a.tenant_id = v_tenant_id
    union all
    select w.is_restricted from howdah.workflows as w
    where w.id = agent_permission.agent_id and w.tenant_id = v_tenant_id
  ) as x;
  if not found then
    return null;
  elsif v_role <= 'admin' then
    return 'edit';
  elsif v_is_restricted then
    return (select max(g.permission) from howdah_private.caller_grants() as g
      where coalesce(g.agent_id, g.workflow_id) = agent_permission.agent_id);
  end if;
  return case v_role when 'member' then 'edit' when 'viewer'
    then 'read' end::howdah.grant_permission;
end $$;

-- Raises an error unless the caller has a permission on an agent. Runs before indexes or keys are
-- checked, which would reveal whether an agent of another tenant exists.
create or replace function howdah_private.check_agent_right(agent_id uuid, action text,
  what text default 'agent') returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_permission howdah.grant_permission;
begin
  if check_agent_right.agent_id is null or howdah_private.is_trusted() then
    return;
  end if;
  v_permission := howdah_private.agent_permission(check_agent_right.agent_id);
  if v_permission >= check_agent_right.action::howdah.grant_permission then
    return;
  end if;
  raise exception using errcode = case when v_permission is null then 'HWNTF' else 'HWDEN' end,
    message = case when v_permission is null
      then format('there is no %s %s', check_agent_right.what, check_agent_right.agent_id)
      else format('%s may not %s %s %s', howdah_private.caller_label(), check_agent_right.action,
        check_agent_right.what, check_agent_right.agent_id) end,
    detail = jsonb_build_object(check_agent_right.what || '_id', check_agent_right.agent_id,
      'action', check_agent_right.action, 'permission', v_permission)::text,
    hint = case when v_permission is null
      then format('See howdah.%1$ss for the %1$ss that exist.', check_agent_right.what)
      else 'An admin can grant the permission with a row in howdah.grants.' end;
end $$;

-- Raises an error unless the caller may control a run or write in a session. Allowed are its user,
-- admins and owners, and a caller that acts for the whole tenant. If it has no user, every caller
-- who may run its agent is allowed.
create or replace function howdah_private.check_control_right(what text, id uuid, agent_id uuid,
  user_id uuid) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.is_trusted() then
    return;
  end if;
  perform howdah_private.permit(check_control_right.what || 's', 'run',
    by_grant => check_control_right.agent_id is not null);
  perform howdah_private.check_agent_right(check_control_right.agent_id, 'run');
  if howdah.current_user_role() > 'admin' and check_control_right.user_id is not null
    and check_control_right.user_id is distinct from howdah.current_user_id() then
    raise exception using errcode = 'HWDEN',
      message = format('%s may not act on %s %s, which belongs to another user',
        howdah_private.caller_label(), check_control_right.what, check_control_right.id),
      detail = jsonb_build_object(check_control_right.what || '_id', check_control_right.id,
        'role', howdah.current_user_role())::text,
      hint = 'Only its user, an admin or an owner may.';
  end if;
end $$;

-- Returns whether the caller may add text to what runs as a user: that user is the caller, or there
-- is no user.
create or replace function howdah_private.is_author(user_id uuid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select is_author.user_id is null or howdah_private.is_trusted()
    or is_author.user_id is not distinct from howdah_private.author(is_author.user_id)
$$;

-- Refuses input to a run of another user. Admins and owners may control such a run, but not write
-- into it.
create or replace function howdah_private.check_author(what text, id uuid, user_id uuid)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_author(check_author.user_id) then
    raise exception using errcode = 'HWDEN',
      message = format('%s may not send input to %s %s, which runs as another user',
        howdah_private.caller_label(), check_author.what, check_author.id),
      detail = jsonb_build_object(check_author.what || '_id', check_author.id,
        'role', howdah.current_user_role())::text,
      hint = 'Only the user of the run may. '
        'To continue as yourself, fork the run with howdah.fork_execution.';
  end if;
end $$;

-- Raises an error unless the caller may write in a session. A session that the caller cannot see is
-- reported as missing.
create or replace function howdah_private.check_session_right(session_id uuid) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_trusted() then
    perform howdah_private.check_control_right('session', s.id, coalesce(s.agent_id, s.workflow_id),
      s.user_id)
    from howdah_private.find_session(check_session_right.session_id) as s;
  end if;
end $$;

-- Refuses to change which agents belong to another user, or which one is that user's default.
-- Admins and owners may change both. Agents without a user are open to everybody.
create or replace function howdah_private.check_default_right(user_id uuid) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_default_right.user_id is distinct from howdah.current_user_id()
    and check_default_right.user_id is not null
    and not howdah_private.is_trusted() and coalesce(howdah.current_user_role() > 'admin', true)
      then
    raise exception using errcode = 'HWDEN',
      message = format('%s may not change the agents or the default agent of user %s',
        howdah_private.caller_label(), check_default_right.user_id),
      detail = jsonb_build_object('field', 'user_id', 'user_id', check_default_right.user_id,
        'role', howdah.current_user_role())::text,
      hint = 'That user, an admin or an owner may. For an agent without a user, leave out user_id.';
  end if;
end $$;

-- Raises an error unless the caller may give a tool to an agent. For a tool that is an agent or a
-- workflow, the caller must be able to run it.
create or replace function howdah_private.check_tool_right(tool_id uuid) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  perform howdah_private.check_agent_right(t.agent_id, 'run'),
    howdah_private.check_agent_right(t.workflow_id, 'run', 'workflow')
  from howdah.tools as t where t.id = check_tool_right.tool_id and t.tenant_id = v_tenant_id;
end $$;

-- Returns whether the session can see rows about an agent, for functions that bypass row-level
-- security.
create or replace function howdah_private.sees_agent(agent_id uuid) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return sees_agent.agent_id is null or sees_agent.agent_id <> all (howdah_private.hidden_agents());
end $$;

-- Returns the agents and workflows of the tenant that the session cannot see, because their grants
-- exclude it. Policies call this once per statement and table. If no agent of any tenant is
-- restricted, the call reads one empty index.
create or replace function howdah_private.hidden_agents() returns uuid[]
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from howdah.agents as a where a.is_restricted)
    and not exists (select from howdah.workflows as w where w.is_restricted) then
    return '{}';
  elsif howdah.current_user_role() <= 'admin' or howdah_private.is_trusted() then
    return '{}';
  end if;
  return coalesce((
    select array_agg(a.id) from (
      select r.id, r.tenant_id from howdah.agents as r where r.is_restricted
      union all
      select w.id, w.tenant_id from howdah.workflows as w where w.is_restricted
    ) as a
    where a.tenant_id = howdah.current_tenant() and not exists (
      select from howdah_private.caller_grants() as g
      where coalesce(g.agent_id, g.workflow_id) = a.id
    )
  ), '{}');
end $$;

-- Returns the hidden agents of another user, with at most the role of a token, or of a caller that
-- acts for a tenant.
create or replace function howdah_private.agents_hidden_from(tenant_id uuid, user_id uuid,
  role howdah.user_role)
  returns uuid[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role howdah.user_role := agents_hidden_from.role;
begin
  if not exists (select from howdah.agents as a where a.is_restricted)
    and not exists (select from howdah.workflows as w where w.is_restricted) then
    return '{}';
  end if;
  if agents_hidden_from.user_id is not null then
    select greatest(u.role, agents_hidden_from.role) into v_role from howdah.users as u
    where u.id = agents_hidden_from.user_id and u.tenant_id = agents_hidden_from.tenant_id
      and u.is_active;
  end if;
  return case when v_role <= 'admin' then '{}' else array(
    select a.id from (
      select r.id, r.tenant_id from howdah.agents as r where r.is_restricted
      union all
      select w.id, w.tenant_id from howdah.workflows as w where w.is_restricted
    ) as a
    where a.tenant_id = agents_hidden_from.tenant_id and not exists (
      select from howdah.grants as g
      where g.tenant_id = a.tenant_id and coalesce(g.agent_id, g.workflow_id) = a.id
        and (g.user_id = agents_hidden_from.user_id or g.role >= v_role)
    )) end;
end $$;
