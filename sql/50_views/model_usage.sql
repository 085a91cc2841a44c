create or replace view howdah.model_usage with (security_invoker = true) as
  select u.tenant_id, u.model_id, m.name as model, m.provider,
    sum(u.answers)::bigint as answers,
    sum(u.failed_attempts)::bigint as failed_attempts,
    round(sum(u.answers) / nullif(sum(u.answers + u.failed_attempts), 0), 4) as success_rate,
    sum(u.tokens_in)::bigint as tokens_in, sum(u.tokens_out)::bigint as tokens_out,
    sum(u.cost) as cost,
    -- one row has it: kept steps have no percentiles
    round(max(u.seconds_p50)::numeric, 4)::float8 as seconds_p50,
    round(max(u.seconds_p95)::numeric, 4)::float8 as seconds_p95,
    round(max(u.seconds_p99)::numeric, 4)::float8 as seconds_p99,
    sum(u.cached_tokens)::bigint as cached_tokens,
    sum(u.cache_write_tokens)::bigint as cache_write_tokens,
    sum(u.estimated_attempts)::bigint as estimated_attempts
  from (
    select s.tenant_id, s.model_id,
      count(*) filter (where s.kind = 'model') as answers,
      count(*) filter (where s.kind = 'retry') as failed_attempts,
      sum(s.tokens_in) as tokens_in, sum(s.tokens_out) as tokens_out, sum(s.cost) as cost,
      percentile_cont(0.5) within group (order by extract(epoch from s.finished_at - s.started_at))
        filter (where s.kind = 'model') as seconds_p50,
      percentile_cont(0.95) within group (order by extract(epoch from s.finished_at - s.started_at))
        filter (where s.kind = 'model') as seconds_p95,
      percentile_cont(0.99) within group (order by extract(epoch from s.finished_at - s.started_at))
        filter (where s.kind = 'model') as seconds_p99,
      sum(howdah_private.cached_tokens(x.usage, s.tokens_in)) as cached_tokens,
      sum(howdah_private.cache_write_tokens(x.usage, s.tokens_in)) as cache_write_tokens,
      count(*) filter (where x.usage -> 'estimated' = 'true') as estimated_attempts
    from howdah.steps as s
    cross join lateral ( -- offset 0: a large output is decompressed once
      select s.output -> 'usage' offset 0
    ) as x (usage)
    where s.model_id is not null and not exists ( -- copies in a fork: the original made the call
      select from howdah.executions as f
      where f.id = s.execution_id and f.tenant_id = s.tenant_id and f.forked_from_seq is not null
        and s.seq <= f.forked_from_seq
    ) and not exists (
      select from howdah_private.counted_months() as c where s.execution_id >= c.first_id
        and s.execution_id < c.next_id
    )
    group by s.tenant_id, s.model_id
    union all
    select k.tenant_id, k.model_id, case k.kind when 'model' then k.steps else 0 end as answers,
      case k.kind when 'retry' then k.steps else 0 end as failed_attempts,
      k.tokens_in, k.tokens_out, k.cost, null::float8 as seconds_p50, null::float8 as seconds_p95,
      null::float8 as seconds_p99, k.cached_tokens, k.cache_write_tokens,
      k.estimated_steps as estimated_attempts
    from howdah.deleted_step_usage as k where k.model_id is not null
  ) as u
  left join howdah.models as m on m.id = u.model_id
  group by u.tenant_id, u.model_id, m.name, m.provider;
comment on view howdah.model_usage is
  'Attempts, answers, failures, tokens and cost of each model. Steps that a fork shares with its '
  'original count once.';
comment on column howdah.model_usage.model is
  'The name of the model; null when the model has been deleted.';
comment on column howdah.model_usage.success_rate is
  'Share of answers among all attempts, from 0 to 1.';
comment on column howdah.model_usage.cost is 'Cost at the prices at the time of each step.';
comment on column howdah.model_usage.seconds_p50 is
  'Median duration of attempts that gave an answer, in seconds.';
comment on column howdah.model_usage.seconds_p95 is '95th percentile of the duration, in seconds.';
comment on column howdah.model_usage.seconds_p99 is '99th percentile of the duration, in seconds.';
comment on column howdah.model_usage.cached_tokens is
  'Input tokens that the provider read from its prompt cache; a part of tokens_in.';
comment on column howdah.model_usage.cache_write_tokens is
  'Input tokens that the provider wrote to its prompt cache; a part of tokens_in.';
comment on column howdah.model_usage.estimated_attempts is
  'Number of answers and failed attempts whose tokens, and so their cost, are estimated: the '
  'vendor reported no counts.';
