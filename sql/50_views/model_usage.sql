create or replace view howdah.model_usage with (security_invoker = true) as
  with usage as (
    select c.tenant_id, c.model_id, sum(c.steps) filter (where c.kind = 'retry') as failed_attempts,
      sum(c.tokens_in) as tokens_in, sum(c.tokens_out) as tokens_out, sum(c.cost) as cost,
      sum(coalesce(c.cached_tokens,
        howdah_private.cached_tokens(c.usage, c.tokens_in::int))) as cached_tokens,
      sum(coalesce(c.cache_write_tokens,
        howdah_private.cache_write_tokens(c.usage, c.tokens_in::int))) as cache_write_tokens,
      sum(c.estimated_steps) as estimated_attempts
    from howdah_private.call_usage() as c where c.model_id is not null
    group by c.tenant_id, c.model_id
  ),
  durations as (
    select c.tenant_id, c.model_id, sum(c.calls) as answers, sum(c.cached_calls) as cached_answers,
      howdah_private.histogram_percentiles('{0.5,0.95,0.99}', array_agg(c.histogram)) as seconds
    from howdah_private.call_histograms() as c where c.model_id is not null
    group by c.tenant_id, c.model_id
  )
  select u.tenant_id, u.model_id, m.name as model, m.provider,
    coalesce(p.answers, 0)::bigint as answers,
    coalesce(u.failed_attempts, 0)::bigint as failed_attempts,
    round(coalesce(p.answers, 0)
      / nullif(coalesce(p.answers, 0) + coalesce(u.failed_attempts, 0), 0), 4) as success_rate,
    u.tokens_in::bigint as tokens_in, u.tokens_out::bigint as tokens_out, u.cost,
    p.seconds[1] as seconds_p50, p.seconds[2] as seconds_p95,
    p.seconds[3] as seconds_p99,
    coalesce(u.cached_tokens, 0)::bigint as cached_tokens,
    coalesce(u.cache_write_tokens, 0)::bigint as cache_write_tokens,
    coalesce(u.estimated_attempts, 0)::bigint as estimated_attempts,
    coalesce(p.cached_answers, 0)::bigint as cached_answers
  from usage as u
  left join durations as p on p.tenant_id = u.tenant_id and p.model_id = u.model_id
  left join howdah.models as m on m.id = u.model_id;
comment on view howdah.model_usage is
  'Attempts, answers, failures, tokens and cost of each model. Steps that a fork shares with its '
  'original count once.';
comment on column howdah.model_usage.model is
  'The name of the model; null when the model has been deleted.';
comment on column howdah.model_usage.answers is
  'Answers that the model gave, without those from the answer cache.';
comment on column howdah.model_usage.success_rate is
  'Share of answers among all attempts, from 0 to 1. Null if no call was made.';
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
comment on column howdah.model_usage.cached_answers is
  'Answers that the answer cache gave (agents.cache_answers_for). They are in none of the other '
  'figures.';
