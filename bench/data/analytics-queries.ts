/** The parameters of the queries. `id` is a run that has children. */
export type QueryParameters = { id: string };
export type AnalyticsQuery = {
  name: string;
  text: string;
  values?: (parameters: QueryParameters) => unknown[];
};

/** Typical analytical queries of a large history. */
export const ANALYTICS_QUERIES: readonly AnalyticsQuery[] = [
  {
    name: 'cost_per_agent_this_month',
    text: `select a.name, count(*) as runs, sum(e.cost) as cost
      from howdah.executions as e join howdah.agents as a on a.id = e.agent_id
      where e.id >= howdah.uuid_v7_floor(date_trunc('month', now()))
      group by a.name order by cost desc`,
  },
  {
    name: 'slowest_tools_this_week',
    text: `select s.name, count(*) as calls,
        percentile_cont(0.95) within group (order by extract(epoch from s.finished_at - s.started_at)) as seconds_p95
      from howdah.steps as s
      where s.execution_id >= howdah.uuid_v7_floor(now() - interval '7 days') and s.kind = 'tool'
      group by s.name order by seconds_p95 desc limit 10`,
  },
  {
    name: 'failure_reasons_this_month',
    text: `select e.stop_reason, e.error ->> 'code' as code, count(*) as runs
      from howdah.executions as e
      where e.id >= howdah.uuid_v7_floor(now() - interval '30 days') and e.status = 'failed'
      group by 1, 2 order by runs desc`,
  },
  {
    name: 'p95_duration_per_agent_and_day',
    text: `select a.name, e.created_at::date as day,
        percentile_cont(0.95) within group (order by e.completed_at - e.started_at) as p95
      from howdah.executions as e join howdah.agents as a on a.id = e.agent_id
      where e.id >= howdah.uuid_v7_floor(now() - interval '14 days')
      group by 1, 2 order by 1, 2`,
  },
  {
    name: 'tokens_per_model_and_day',
    text: `select m.name, s.started_at::date as day, sum(s.tokens_in) as tokens_in, sum(s.tokens_out) as tokens_out
      from howdah.steps as s join howdah.models as m on m.id = s.model_id
      where s.execution_id >= howdah.uuid_v7_floor(now() - interval '7 days')
      group by 1, 2 order by 2, 1`,
  },
  ...[
    ...['tool_performance', 'model_usage', 'agent_performance', 'model_performance'],
    'daily_usage',
  ].map((view) => ({
    name: `view_${view}`,
    text: `select * from howdah.${view}`,
  })),
  {
    name: 'view_usage_of_a_day',
    text: 'select * from howdah.usage_by_day where day = current_date - 3',
  },
  {
    name: 'sessions_with_most_turns',
    text: `select s.id, s.title, s.turns from howdah.sessions as s order by s.turns desc limit 20`,
  },
  {
    name: 'whole_log_of_a_run',
    text: `select * from howdah.execution_timeline where execution_id = $1 order by seq`,
    values: ({ id }) => [id],
  },
  {
    name: 'search_by_metadata',
    text: `select f.id, f.status, f.output from howdah.find_runs('{"order": 4711}', 20) as f`,
  },
  {
    name: 'activity_of_the_last_day',
    text: `select date_trunc('hour', e.completed_at) as hour, e.status, count(*)
      from howdah.executions as e where e.completed_at >= now() - interval '1 day'
      group by 1, 2 order by 1, 2`,
  },
  {
    name: 'tree_of_a_run',
    text: `select * from howdah.execution_tree where root_execution_id = $1 order by path`,
    values: ({ id }) => [id],
  },
];
