-- The same policies on every table, made by one loop, so that no table is forgotten:
--   inserter  logins that only insert see their own runs, and the agents and workflows to run
--   tenant    app and viewer see the rows of their tenant, except rows of agents and workflows
--             that grants hide from them
--   engine    security definer functions see all rows, and filter by tenant themselves
--   operator  an owner of the installation sees all rows
--   eraser    the role that changes the log sees all of it
-- The row of a table in table_rules() names the policies inserter and eraser, the policy tenant of
-- private tables, and the role that may read (`reading`). The table tenants compares its id.
-- Everybody reads the rows of tables without tenant_id. The connected account of a user is for that
-- user and for admins, and so are memories about a user. A search without a run is for its user and
-- for admins, and so are its bases. A saved view is for its user unless it is shared. The loop
-- leaves tables of others in these schemas alone. It also leaves a policy alone whose rule and
-- roles have not changed, since creating a policy locks its table. The comment of a policy is its
-- rule. No policy has `with check`: without it the rule also holds for new rows, and a new
-- connection parses the rules of each table that it opens.
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
    -- the agent, workflow, run or session of a row: if grants hide it, they hide the row. Rows
    -- follow their run by a function: a subquery on the partitions of runs is planned with every
    -- query, which takes several times as long as the rest. Callers with hidden agents who read
    -- very many rows pay the price
    keys (place, name, condition) as (values
      (1, 'agent_id', '(agent_id is null'
        ' or agent_id <> all ((select howdah_private.hidden_agents())::uuid[]))'),
      (2, 'workflow_id', '(workflow_id is null'
        ' or workflow_id <> all ((select howdah_private.hidden_agents())::uuid[]))'),
      (3, 'execution_id', '(execution_id is null'
        ' or howdah_private.sees_run(execution_id, (select howdah_private.hidden_agents())))'),
      (4, 'session_id', '(session_id is null'
        ' or exists (select from howdah.sessions as s where s.id = session_id))')
    ),
    -- tables with `sight` by hand: the keys that decide, or the condition itself
    by_hand (object, keys, condition) as (values
      ('approvals', '{agent_id,execution_id,session_id}'::text[], null),
      ('cached_answers', '{agent_id}', null),
      ('executions', '{agent_id,workflow_id}', null),
      ('message_log', '{execution_id}', null),
      ('questions', '{execution_id}', null),
      ('grades', null, 'exists (select from howdah.evaluation_results as r'
        ' where r.tenant_id = grades.tenant_id and r.id = grades.evaluation_result_id)'),
      ('run_heads', '{agent_id,workflow_id}', null),
      ('agents', null, 'id <> all ((select howdah_private.hidden_agents())::uuid[])'),
      ('workflows', null, 'id <> all ((select howdah_private.hidden_agents())::uuid[])'),
      ('mail', null, 'to_agent_id <> all ((select howdah_private.hidden_agents())::uuid[]) and '
        '(from_agent_id is null'
        ' or from_agent_id <> all ((select howdah_private.hidden_agents())::uuid[]))'),
      ('board_entries', null,
        'howdah_private.sees_run(root_execution_id, (select howdah_private.hidden_agents()))'),
      ('run_tags', '{execution_id}', null),
      ('searched_bases', null, 'true')
    ),
    -- condition under which grants do not hide the row; the run of a row decides for its agent
    hidden as (
      select t.oid, coalesce(b.condition, (
        select string_agg(k.condition, ' and ' order by k.place) from keys as k
        where case when b.keys is not null then k.name = any (b.keys)
          else k.name = any (t.columns)
            and (k.name <> 'agent_id' or 'execution_id' <> all (t.columns)) end)) as rule
      from tables as t left join by_hand as b on b.object = t.relname
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
          case when t.relname = 'memories' then
            '(user_id is null or user_id = (select howdah.current_user_id())'
            ' or (select howdah_private.may(''users'', ''manage'')))' end,
          case when t.relname = 'searches' then
            '(execution_id is not null or user_id = (select howdah.current_user_id())'
            ' or (select howdah_private.may(''users'', ''manage'')))' end,
          case when t.relname = 'search_results' then '(execution_id is not null or exists'
            ' (select from howdah.searches as s where s.id = search_id))' end,
          case when t.relname = 'searched_bases' then 'exists (select from howdah.searches as s'
            ' where s.tenant_id = searched_bases.tenant_id and s.id = search_id)' end,
          case when t.relname = 'saved_views' then
            '(is_shared or user_id is not distinct from (select howdah.current_user_id()))' end,
          case when p.policy = 'inserter' and t.relname = 'executions'
            then 'created_by = session_user' end,
          case when h.rule is not null then format(
            'case when (select howdah_private.hidden_agents()) = ''{}'' then true else %s end',
            h.rule) end,
          case when r.reading is not null
            then format('(select howdah_private.may(%L, ''read''))', r.object) end)
        end as rule
      from tables as t
      join hidden as h on h.oid = t.oid
      left join howdah_private.table_rules() as r on r.object = t.relname
      cross join (values
        ('engine', 'howdah_engine'), ('operator', 'howdah_owner'),
        ('tenant', 'howdah_app, howdah_viewer'), ('eraser', 'howdah_eraser'),
        ('inserter', 'howdah_inserter')
      ) as p (policy, roles)
      where p.policy in ('engine', 'operator') or p.policy = any (r.policies)
        or (p.policy = 'tenant' and t.schema = 'howdah')
    )
    select w.*, s.oid is not null as exists from wanted as w
    left join pg_catalog.pg_policy as s on s.polrelid = w.oid and s.polname = w.policy
    where s.oid is null or pg_catalog.obj_description(s.oid, 'pg_policy') is distinct from w.rule
      or s.polwithcheck is not null
      or (select string_agg(r.rolname, ', ' order by r.rolname) from pg_catalog.pg_roles as r
        where r.oid = any (s.polroles)) is distinct from w.roles
  loop
    if v_policy.exists then
      execute format('drop policy %I on %s', v_policy.policy, v_policy.name);
    end if;
    execute format('create policy %I on %s to %s using (%s)',
      v_policy.policy, v_policy.name, v_policy.roles, v_policy.rule);
    execute format('comment on policy %I on %s is %L',
      v_policy.policy, v_policy.name, v_policy.rule);
  end loop;
end $$;
