-- Sums usage by the prompts or the skills of the versions that ran. Usage is summed by version
-- first, so each definition is read once.
create or replace function howdah_private.usage_of_texts(by text, since date, until date)
  returns table (
    value text, runs numeric, calls numeric, tokens_in numeric, tokens_out numeric,
    cached_tokens numeric, cost numeric
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with used as (
    select u.agent_id, u.version, sum(u.runs) as runs, sum(u.calls) as calls,
      sum(u.tokens_in) as tokens_in, sum(u.tokens_out) as tokens_out,
      sum(u.cached_tokens) as cached_tokens, sum(u.cost) as cost
    from howdah.usage_by_day as u
    where u.day >= usage_of_texts.since and u.day <= coalesce(usage_of_texts.until, 'infinity')
      and u.version is not null
    group by u.agent_id, u.version
  )
  select coalesce(p.name, s.name), sum(u.runs), sum(u.calls), sum(u.tokens_in), sum(u.tokens_out),
    sum(u.cached_tokens), sum(u.cost)
  from used as u
  join howdah.agent_versions as v on v.agent_id = u.agent_id and v.version = u.version
  cross join lateral (
    select (v.definition #>> '{agent,prompt,id}')::uuid as id
    where usage_of_texts.by = 'prompt' and v.definition -> 'agent' ? 'prompt'
    union all
    select (d.skill ->> 'id')::uuid from jsonb_array_elements(v.definition -> 'skills') as d (skill)
    where usage_of_texts.by = 'skill'
  ) as t
  left join howdah.prompts as p on usage_of_texts.by = 'prompt' and p.id = t.id
  left join howdah.skills as s on usage_of_texts.by = 'skill' and s.id = t.id
  group by 1
  order by sum(u.cost) desc, 1
$$;

-- Sums usage by one fact, from the rollup behind usage_by_day: a page or a report needs totals, and
-- the rows of the view may be many. A row counts where the fact is known to it: rows of runs have
-- no model and no tool, and rows of tools have no user.
create or replace function howdah.usage_summary(
  by text default 'day', since date default null, until date default null
) returns table (
  value text, runs numeric, calls numeric, tokens_in numeric, tokens_out numeric,
  cached_tokens numeric, cost numeric
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_since constant date := coalesce(usage_summary.since,
    least(usage_summary.until, (now() at time zone 'UTC')::date) - 29);
begin
  if usage_summary.by is null or usage_summary.by not in
    ('day', 'agent', 'version', 'workflow', 'model', 'tool', 'user', 'tenant', 'prompt', 'skill')
  then
    raise exception using errcode = 'HWINV',
      message = format('by must be day, agent, version, workflow, model, tool, user, tenant, '
        'prompt or skill, not %s', coalesce(quote_literal(usage_summary.by), 'null')),
      detail = jsonb_build_object('field', 'by')::text,
      hint = 'For the cost of each model: howdah.usage_summary(''model'').';
  elsif usage_summary.by in ('prompt', 'skill') then
    return query select t.* from howdah_private.usage_of_texts(usage_summary.by, v_since,
      usage_summary.until) as t;
    return;
  end if;
  return query
  select g.value, sum(u.runs), sum(u.calls), sum(u.tokens_in), sum(u.tokens_out),
    sum(u.cached_tokens), sum(u.cost)
  from howdah.usage_by_day as u
  cross join lateral (select case usage_summary.by
    when 'day' then u.day::text
    when 'agent' then u.agent
    when 'version' then u.agent || '@' || u.version
    when 'workflow' then u.workflow
    when 'model' then u.model
    when 'tool' then u.tool
    when 'user' then u.username
    else (select t.slug from howdah.tenants as t where t.id = u.tenant_id)
  end as value) as g
  where u.day >= v_since and u.day <= coalesce(usage_summary.until, 'infinity')
    and case usage_summary.by when 'agent' then u.agent_id is not null
      when 'version' then u.version is not null when 'workflow' then u.workflow_id is not null
      when 'model' then u.model_id is not null when 'tool' then u.tool is not null
      when 'user' then u.tool is null else true end
  group by g.value
  order by case when usage_summary.by = 'day' then g.value end, sum(u.cost) desc, g.value;
end $$;
comment on function howdah.usage_summary(text, date, date) is
  'Usage of the days in UTC from since to until, by default of 30 days, summed by day, or by the '
  'name of the agent, version, workflow, model, tool, user, tenant, prompt or skill: '
  'select * from howdah.usage_summary(''model''). value is null for what was deleted, and for runs '
  'without a user. Includes deleted runs. Days come in order, other values by their cost. A '
  'run has the prompt and the skills of the version of its agent, so it counts for several skills.';
