-- The same policies on every table, made by one loop, so that no table is forgotten:
--   inserter  logins that only insert see their own runs, and the agents and workflows to run
--   tenant    app and viewer see the rows of their tenant, except rows of agents and workflows
--             that grants hide from them
--   engine    security definer functions see all rows, and filter by tenant themselves
--   operator  an owner of the installation sees all rows
--   eraser    the role that changes the log sees all of it
-- The table tenants compares its id. Everybody reads the rows of tables without tenant_id. Private
-- tables have no tenant policy, so only the engine and the owner see their rows. The exceptions are
-- message_log, run_heads and run_tags: their rows are as visible as their runs. Some tables take
-- more to read than membership of the tenant: the action `read` of permission_rows. The connected
-- account of a user is for that user and for admins. The loop leaves tables of others in these
-- schemas alone. It also leaves a policy alone whose rule and roles have not changed, since
-- creating a policy locks its table. The comment of a policy is its rule.
do $$
declare
  v_policy record;
begin
  for v_policy in
    with tables as (
      select c.oid, c.oid::regclass as name, n.nspname as schema, c.relname, array(
        select a.attname::text from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      ) as columns
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('howdah', 'howdah_private') and c.relkind in ('r', 'p')
        and c.relowner = current_user::regrole and not c.relispartition
        and c.oid <> 'howdah_private.migrations'::regclass
    ),
    -- condition under which grants do not hide the row; steps and messages follow their run, and
    -- tags by a function, since the planner would charge a subquery to each tag that it reads
    hidden as (
      select t.oid, case
        when t.relname in ('agents', 'workflows')
          then 'id <> all ((select howdah_private.hidden_agents())::uuid[])'
        else concat_ws(' and ',
          case when 'agent_id' = any (t.columns)
              and ('execution_id' <> all (t.columns) or t.relname in ('approvals', 'run_heads'))
            then '(agent_id is null'
              ' or agent_id <> all ((select howdah_private.hidden_agents())::uuid[]))' end,
          case when t.relname = 'mail' then
            'to_agent_id <> all ((select howdah_private.hidden_agents())::uuid[]) and '
            '(from_agent_id is null'
            ' or from_agent_id <> all ((select howdah_private.hidden_agents())::uuid[]))' end,
          case when t.relname = 'board_entries' then
            'exists (select from howdah.executions as e'
            ' where e.id = board_entries.root_execution_id)' end,
          case when 'workflow_id' = any (t.columns)
            then '(workflow_id is null'
              ' or workflow_id <> all ((select howdah_private.hidden_agents())::uuid[]))' end,
          case when t.relname = 'run_tags' then 'howdah_private.sees_run(execution_id)' end,
          case when 'execution_id' = any (t.columns)
              and t.relname not in ('run_heads', 'run_tags') then
            '(execution_id is null'
            ' or exists (select from howdah.executions as e where e.id = execution_id))' end,
          case when 'session_id' = any (t.columns)
              and t.relname not in ('executions', 'message_log', 'questions', 'run_heads') then
            '(session_id is null'
            ' or exists (select from howdah.sessions as s where s.id = session_id))' end)
        end as rule
      from tables as t
    ),
    wanted as (
      select t.*, p.policy, p.roles, case
        when p.policy not in ('tenant', 'inserter') then 'true'
        else concat_ws(' and ',
          case
            when t.relname = 'tenants' then 'id = (select howdah.current_tenant())'
            when 'tenant_id' = any (t.columns) then 'tenant_id = (select howdah.current_tenant())'
            else 'true'
          end,
          case when t.relname = 'connected_accounts' then
            '(user_id is null or user_id = (select howdah.current_user_id())'
            ' or (select howdah_private.may(''integrations'', ''manage'')))' end,
          case when p.policy = 'inserter' and t.relname = 'executions'
            then 'created_by = session_user' end,
          case when h.rule <> '' then format(
            'case when (select howdah_private.hidden_agents()) = ''{}'' then true else %s end',
            h.rule) end,
          (select format('(select howdah_private.may(%L, ''read''))', r.object)
            from howdah_private.permission_rows() as r
            where r.object = t.relname and r.action = 'read'))
        end as rule
      from tables as t
      join hidden as h on h.oid = t.oid
      cross join (values
        ('engine', 'howdah_engine'), ('operator', 'howdah_owner'),
        ('tenant', 'howdah_app, howdah_viewer'), ('eraser', 'howdah_eraser'),
        ('inserter', 'howdah_inserter')
      ) as p (policy, roles)
      where p.policy in ('engine', 'operator')
        or (p.policy = 'tenant' and (t.schema = 'howdah'
          or t.relname in ('message_log', 'run_heads', 'run_tags')))
        or (p.policy = 'inserter' and t.relname in ('executions', 'agents', 'workflows'))
        or (p.policy = 'eraser' and t.relname in (
          'executions', 'steps', 'message_log', 'questions', 'feedback_entries',
          'webhook_deliveries', 'inbox', 'agent_versions', 'workflow_versions', 'prompt_versions',
          'skill_versions'))
    )
    select w.*, s.oid is not null as exists from wanted as w
    left join pg_catalog.pg_policy as s on s.polrelid = w.oid and s.polname = w.policy
    where s.oid is null or pg_catalog.obj_description(s.oid, 'pg_policy') is distinct from w.rule
      or (select string_agg(r.rolname, ', ' order by r.rolname) from pg_catalog.pg_roles as r
        where r.oid = any (s.polroles)) is distinct from w.roles
  loop
    if v_policy.exists then
      execute format('drop policy %I on %s', v_policy.policy, v_policy.name);
    end if;
    execute format('create policy %I on %s to %s using (%s) with check (%s)',
      v_policy.policy, v_policy.name, v_policy.roles, v_policy.rule, v_policy.rule);
    execute format('comment on policy %I on %s is %L',
      v_policy.policy, v_policy.name, v_policy.rule);
  end loop;
end $$;
