-- The same three policies on every table, made by a loop so that none can be forgotten:
--   tenant    app and analyst see the rows of their tenant, but for what belongs to an agent whose grants leave them out
--   engine    security definer functions see all, and filter by tenant themselves
--   operator  an owner of the installation sees all
--   eraser    who may change the log sees it
-- Tables without tenant_id: tenants is compared by id; what belongs to nobody is readable; private tables
-- have no tenant policy, so that nobody but the engine and the owner sees a row. What reading takes more for than being
-- of the tenant stands in permission_rows as `read`.
-- The tenant is compared twice with one answer. From `x = a and x = b` Postgres concludes `a = b`, which names no column,
-- so it is asked before anything is read: who asks for an id of another tenant's row waits for the answer as long as who
-- asks for one that is nowhere. Compared once, only a row that is found asks for it, which told the two apart by 30 µs.
-- A key that has no tenant, as primary keys of an id alone, finds a row before it knows whose it is, which takes 1.5 µs more
-- than finding none, and Postgres prefers it to (tenant_id, id) while its tree is a level lower. So the rule ends
-- with a condition that is always true, `(id, tenant_id) >= (the least id, the least id)`, whose left half alone is of the
-- key: it is looked for and then compared once more, where the index with the tenant has it whole. Its right half has a branch
-- that is never taken and which the planner takes for a table of 128 elements, more than two levels of a tree cost. Paid
-- twice, that makes the key dearer to begin and to end, at any size and whatever a page or an operator is said to cost. It
-- changes no estimate of rows and is counted once for a scan, so other plans stay what they were.
-- Tables of others in these schemas are theirs. A policy that stands as it should is left alone: making one locks its table. Its rule stands beside it as comment.
do $$
declare
  v_policy record;
  v_least constant uuid := '00000000-0000-0000-0000-000000000000';
begin
  for v_policy in
    with tables as (
      select c.oid, c.oid::regclass as name, n.nspname as schema, c.relname, array(
        select a.attname::text from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      ) as columns
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('howdah', 'howdah_private') and c.relkind in ('r', 'p') and c.relowner = current_user::regrole
        and not c.relispartition and c.oid <> 'howdah_private.migrations'::regclass
    ),
    -- what the row has to belong to so that an agent may hide it; steps and messages are their run's
    hidden as (
      select t.oid, case
        when t.relname in ('agents', 'workflows') then 'id <> all ((select howdah_private.hidden_agents())::uuid[])'
        else concat_ws(' and ',
          case when 'agent_id' = any (t.columns) and ('execution_id' <> all (t.columns) or t.relname = 'approvals')
            then '(agent_id is null or agent_id <> all ((select howdah_private.hidden_agents())::uuid[]))' end,
          case when t.relname = 'mail' then
            'to_agent_id <> all ((select howdah_private.hidden_agents())::uuid[]) and '
            '(from_agent_id is null or from_agent_id <> all ((select howdah_private.hidden_agents())::uuid[]))' end,
          case when t.relname = 'board_entries' then
            'exists (select from howdah.executions as e where e.id = board_entries.root_execution_id)' end,
          case when 'workflow_id' = any (t.columns)
            then '(workflow_id is null or workflow_id <> all ((select howdah_private.hidden_agents())::uuid[]))' end,
          case when 'execution_id' = any (t.columns) then
            '(execution_id is null or exists (select from howdah.executions as e where e.id = execution_id))' end,
          case when 'session_id' = any (t.columns) and t.relname not in ('executions', 'messages', 'questions') then
            '(session_id is null or exists (select from howdah.sessions as s where s.id = session_id))' end)
        end as rule
      from tables as t
    ),
    -- the condition that makes a key without the tenant dearer than an index with it
    dearer as (
      select t.oid, string_agg(distinct format(
        '(%I, %I) >= (case when now() is null and (now() is null) = any (array_fill(true, array[128])) then null else %L::%s end, %L::uuid)',
        a.attname, o.attname, case when b.base = 'uuid'::regtype then v_least::text else '' end, b.base, v_least), ' and ') as rule
      from tables as t
      join pg_catalog.pg_index as i on i.indrelid = t.oid and i.indisunique and i.indpred is null
      join pg_catalog.pg_attribute as a on a.attrelid = t.oid and a.attnum = i.indkey[0]
      join pg_catalog.pg_attribute as o on o.attrelid = t.oid
        and o.attname = case t.relname when 'tenants' then 'id' else 'tenant_id' end
      join pg_catalog.pg_type as y on y.oid = a.atttypid
      cross join lateral (select coalesce(nullif(y.typbasetype, 0), y.oid)::regtype) as b (base)
      where o.attnum <> all (i.indkey::int2[])
      group by t.oid
    ),
    wanted as (
      select t.*, p.policy, p.roles, case
        when p.policy <> 'tenant' then 'true'
        else concat_ws(' and ',
          case when t.relname = 'tenants' or 'tenant_id' = any (t.columns) then format('(%1$s, %1$s) = '
            '(select t.id, t.id from (select howdah.current_tenant() offset 0) as t (id))',
            case t.relname when 'tenants' then 'id' else 'tenant_id' end) else 'true' end,
          case when h.rule <> '' then format(
            'case when (select howdah_private.hidden_agents()) = ''{}'' then true else %s end', h.rule) end,
          (select format('(select howdah_private.may(%L, ''read''))', r.object)
            from howdah_private.permission_rows() as r where r.object = t.relname and r.action = 'read'),
          d.rule)
        end as rule
      from tables as t
      join hidden as h on h.oid = t.oid
      left join dearer as d on d.oid = t.oid
      cross join (values
        ('engine', 'howdah_engine'), ('operator', 'howdah_owner'), ('tenant', 'howdah_app, howdah_analyst'),
        ('eraser', 'howdah_eraser')
      ) as p (policy, roles)
      where p.policy in ('engine', 'operator') or (p.policy = 'tenant' and t.schema = 'howdah')
        or (p.policy = 'eraser' and t.relname in (
          'executions', 'steps', 'messages', 'agent_versions', 'workflow_versions', 'prompt_versions', 'skill_versions'))
    )
    select w.*, s.oid is not null as exists from wanted as w
    left join pg_catalog.pg_policy as s on s.polrelid = w.oid and s.polname = w.policy
    where s.oid is null or pg_catalog.obj_description(s.oid, 'pg_policy') is distinct from w.rule
  loop
    if v_policy.exists then
      execute format('drop policy %I on %s', v_policy.policy, v_policy.name);
    end if;
    execute format('create policy %I on %s to %s using (%s) with check (%s)',
      v_policy.policy, v_policy.name, v_policy.roles, v_policy.rule, v_policy.rule);
    execute format('comment on policy %I on %s is %L', v_policy.policy, v_policy.name, v_policy.rule);
  end loop;
end $$;
