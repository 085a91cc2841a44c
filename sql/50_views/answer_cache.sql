-- Savings of each agent by the answer cache, over its answers of the last 30 days.
create or replace view howdah.answer_cache with (security_invoker = true) as
  select c.tenant_id, c.agent_id, a.name as agent, count(*) as answers, sum(c.calls) as calls,
    sum(c.hits) as hits, round(sum(c.hits)::numeric / sum(c.hits + c.calls), 4) as hit_rate,
    sum(c.saved_tokens)::bigint as saved_tokens, sum(c.saved_cost) as saved_cost,
    max(c.cached_at) as last_cached_at
  from howdah_private.cached_answers as c
  join howdah.agents as a on a.id = c.agent_id
  where c.cached_at > now() - interval '30 days' and c.tool_id is null
  group by c.tenant_id, c.agent_id, a.name;
comment on view howdah.answer_cache is
  'What the answer cache saves, per agent with cache_answers_for. Counts answers of the last 30 '
  'days whose runs were neither erased nor deleted.';
comment on column howdah.answer_cache.answers is 'Requests whose answer is in the cache.';
comment on column howdah.answer_cache.calls is 'Calls of models whose answer came into the cache.';
comment on column howdah.answer_cache.hits is 'Requests that got an answer from the cache.';
comment on column howdah.answer_cache.hit_rate is
  'Share of the requests that got an answer from the cache, from 0 to 1.';
comment on column howdah.answer_cache.saved_tokens is 'Tokens of the calls that were not made.';
comment on column howdah.answer_cache.saved_cost is
  'Cost of the calls that were not made, at the prices of the time of the answers.';
comment on column howdah.answer_cache.last_cached_at is 'Time of the newest answer.';
