-- A run and all runs below it. The query has two halves, because a root is found by its id and the
-- other runs by an index of their own.
create or replace view howdah.execution_tree with (security_invoker = true) as
  select t.tenant_id, t.root_execution_id, t.execution_id, t.parent_execution_id, t.depth, t.path,
    a.name as agent, w.name as workflow, t.status, t.waiting_for, t.stop_reason,
    coalesce(h.tokens_in, t.tokens_in) as tokens_in,
    coalesce(h.tokens_out, t.tokens_out) as tokens_out, coalesce(h.cost, t.cost) as cost,
    coalesce(h.tokens_in, t.tokens_in) + t.children_tokens_in as total_tokens_in,
    coalesce(h.tokens_out, t.tokens_out) + t.children_tokens_out as total_tokens_out,
    coalesce(h.cost, t.cost) + t.children_cost as total_cost, t.started_at, t.completed_at,
    t.finish_reason
  from (
    select e.tenant_id, e.agent_id, e.workflow_id, e.id::uuid as root_execution_id,
      e.id::uuid as execution_id,
      e.parent_execution_id, e.depth, array[e.id::uuid] as path, e.status, e.waiting_for,
      e.stop_reason, e.tokens_in, e.tokens_out, e.cost, e.children_tokens_in, e.children_tokens_out,
      e.children_cost, e.started_at, e.completed_at, e.finish_reason
    from howdah.executions as e where e.parent_execution_id is null
    union all
    select e.tenant_id, e.agent_id, e.workflow_id, e.root_execution_id, e.id,
      e.parent_execution_id, e.depth,
      e.ancestors || e.id::uuid, e.status, e.waiting_for, e.stop_reason, e.tokens_in,
      e.tokens_out, e.cost, e.children_tokens_in, e.children_tokens_out, e.children_cost,
      e.started_at, e.completed_at, e.finish_reason
    from howdah.executions as e where e.parent_execution_id is not null
  ) as t
  left join howdah_private.run_heads as h on h.execution_id = t.execution_id
  left join howdah.agents as a on a.tenant_id = t.tenant_id and a.id = t.agent_id
  left join howdah.workflows as w on w.tenant_id = t.tenant_id and w.id = t.workflow_id;
comment on view howdah.execution_tree is
  E'@foreignKey (root_execution_id) references howdah.executions (id)|@fieldName '
  'root|@foreignFieldName tree\nA run and all runs below it, with the usage of each run alone and '
  'with its children: where root_execution_id = … order by path. The relation tree of any run '
  'returns the whole tree.';
comment on column howdah.execution_tree.path is
  E'@behavior +orderBy\nThe path from the root to the run. In this order the rows form the lines '
  'of a tree.';
