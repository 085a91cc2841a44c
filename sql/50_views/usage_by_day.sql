-- Grouped by ids before the names are joined, by fewer and narrower columns.
create or replace view howdah.usage_by_day with (security_invoker = true) as
  with usage as (
    select x.tenant_id, x.day, x.agent_id, x.agent_version_id, x.workflow_id, x.model_id, x.tool,
      x.user_id, x.outcome, sum(x.runs)::bigint as runs, sum(x.calls)::bigint as calls,
      sum(x.tokens_in)::bigint as tokens_in, sum(x.tokens_out)::bigint as tokens_out,
      sum(x.cached_tokens)::bigint as cached_tokens, sum(x.cost) as cost
    from (
      select r.tenant_id, r.day, r.agent_id, r.agent_version_id, r.workflow_id,
        null::uuid as model_id, null as tool, r.user_id, r.outcome, r.runs, 0::bigint as calls,
        0::bigint as tokens_in, 0::bigint as tokens_out, 0::bigint as cached_tokens,
        0::numeric as cost
      from howdah_private.run_usage() as r
      union all
      select c.tenant_id, c.day, c.agent_id, c.agent_version_id, c.workflow_id, c.model_id, c.tool,
        c.user_id, c.outcome, 0, c.steps, c.tokens_in, c.tokens_out,
        coalesce(c.cached_tokens, howdah_private.cached_tokens(c.usage, c.tokens_in::int)), c.cost
      from howdah_private.call_usage() as c where c.model_id is not null or c.tool is not null
    ) as x
    group by x.tenant_id, x.day, x.agent_id, x.agent_version_id, x.workflow_id, x.model_id,
      x.tool, x.user_id, x.outcome
    having sum(x.runs) <> 0 or sum(x.calls) <> 0
  )
  select x.tenant_id, x.day, x.agent_id, a.name as agent, v.version, x.workflow_id,
    w.name as workflow, x.model_id, m.name as model, x.tool, u.id as user_id, u.username,
    x.outcome, x.runs, x.calls, x.tokens_in, x.tokens_out, x.cached_tokens, x.cost
  from usage as x
  left join howdah.agents as a on a.id = x.agent_id
  left join howdah.agent_versions as v on v.id = x.agent_version_id
  left join howdah.workflows as w on w.id = x.workflow_id
  left join howdah.models as m on m.id = x.model_id
  left join howdah.users as u on u.tenant_id = x.tenant_id and u.id = x.user_id;
comment on view howdah.usage_by_day is
  'Usage per day, agent version or workflow, model, tool, user and outcome, including live and '
  'deleted runs. A row counts runs, or calls of a model or of a tool, so any sum counts nothing '
  'twice. A condition on day reads that day only.';
comment on column howdah.usage_by_day.day is
  'The day in UTC on which the runs were inserted, or on which the calls ended.';
comment on column howdah.usage_by_day.version is 'Version of the agent. Null for a workflow.';
comment on column howdah.usage_by_day.model is
  'The model, by name. Null in a row of runs or tool calls, and for a deleted model.';
comment on column howdah.usage_by_day.tool is 'The tool. Null in a row of runs or of a model.';
comment on column howdah.usage_by_day.user_id is
  'The user of the runs. Null for runs without a user or of a deleted user, and in a row of a '
  'tool.';
comment on column howdah.usage_by_day.username is 'The user, by name.';
comment on column howdah.usage_by_day.outcome is
  'For runs completed, failed, cancelled, or null while they are live. For calls ok or error.';
comment on column howdah.usage_by_day.runs is 'Number of runs. 0 in a row of calls.';
comment on column howdah.usage_by_day.calls is
  'Number of attempts of the model, or of calls of the tool, with those that an answer cache '
  'answered. 0 in a row of runs.';
comment on column howdah.usage_by_day.cached_tokens is
  'Input tokens that the provider read from its prompt cache; a part of tokens_in.';
comment on column howdah.usage_by_day.cost is 'Cost at the prices at the time of each call.';
