-- The reward of each run that has one. A person, program, agent or outcome has one vote for a run:
-- what it said about the whole run, else the mean of what it said about messages. The votes of one
-- source are averaged, then the sources by their weights, so that many votes of programs do not
-- outweigh those of people. A condition on execution_id reads the feedback on that run only.
create or replace view howdah.rewards with (security_invoker = true) as
  with votes as (
    select f.tenant_id, f.execution_id, f.source, v.voter,
      coalesce(avg(f.score) filter (where f.message_seq is null), avg(f.score)) as score,
      max(f.updated_at) as rated_at
    from howdah.feedback_entries as f
    cross join lateral (
      select case when f.source = 'outcome' then f.outcome else f.created_by end as voter
    ) as v
    where f.is_reward and f.score is not null
    group by f.tenant_id, f.execution_id, f.source, v.voter
  ),
  sources as (
    select v.tenant_id, v.execution_id, v.source, avg(v.score) as score, count(*) as votes,
      max(v.rated_at) as rated_at
    from votes as v group by v.tenant_id, v.execution_id, v.source
  ),
  weights as (
    select s.tenant_id, s.key, s.value::float8 as weight
    from howdah_private.setting_values() as s where starts_with(s.key, 'reward_weight_')
  )
  select e.tenant_id, e.id::uuid as execution_id, e.agent_id, e.agent_version_id, e.workflow_id,
    e.workflow_version_id,
    sum(s.score * coalesce(w.weight, 1)) / nullif(sum(coalesce(w.weight, 1)), 0) as score,
    sum(s.votes)::int as votes,
    max(s.score) filter (where s.source = 'person') as person_score,
    max(s.score) filter (where s.source = 'outcome') as outcome_score,
    max(s.score) filter (where s.source = 'program') as program_score,
    max(s.score) filter (where s.source = 'agent') as agent_score,
    max(s.rated_at) as rated_at
  from sources as s
  join howdah.executions as e on e.tenant_id = s.tenant_id and e.id = s.execution_id
  left join weights as w on w.tenant_id = s.tenant_id and w.key = 'reward_weight_' || s.source
  group by e.tenant_id, e.id, e.agent_id, e.agent_version_id, e.workflow_id, e.workflow_version_id;
comment on view howdah.rewards is
  'How good runs were, from 0 to 1, by the feedback that may count. Runs without a score have no '
  'row.';
comment on column howdah.rewards.score is
  'Mean of the four scores below, by the settings reward_weight_person and so on.';
comment on column howdah.rewards.votes is 'Number of people, programs, agents and outcomes.';
comment on column howdah.rewards.person_score is 'Mean of the scores of people, one vote each.';
comment on column howdah.rewards.outcome_score is 'Mean of the scores of outcomes.';
comment on column howdah.rewards.program_score is
  'Mean of the scores of programs, without those of a program that started the run.';
comment on column howdah.rewards.agent_score is
  'Mean of the scores of agents, without those of the agents that did the work.';
comment on column howdah.rewards.rated_at is 'Time of the last feedback that counts.';
comment on column howdah.rewards.agent_version_id is
  'Version of the agent that did the work. Null for a workflow.';
