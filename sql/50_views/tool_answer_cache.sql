-- Hit rate of each tool with cache_answers_for, over its answers of the last 30 days.
create or replace view howdah.tool_answer_cache with (security_invoker = true) as
  select c.tenant_id, c.tool_id, t.name as tool, count(*) as answers, sum(c.calls) as calls,
    sum(c.hits) as hits, round(sum(c.hits)::numeric / sum(c.hits + c.calls), 4) as hit_rate,
    max(c.cached_at) as last_cached_at
  from howdah_private.cached_answers as c
  join howdah.tools as t on t.id = c.tool_id
  where c.cached_at > now() - interval '30 days'
  group by c.tenant_id, c.tool_id, t.name;
comment on view howdah.tool_answer_cache is
  'What the answer cache saves, per tool with cache_answers_for. Counts answers of the last 30 '
  'days whose runs were neither erased nor deleted.';
comment on column howdah.tool_answer_cache.answers is 'Calls whose answer is in the cache.';
comment on column howdah.tool_answer_cache.calls is
  'Calls that were made and whose answer came into the cache.';
comment on column howdah.tool_answer_cache.hits is 'Calls that got an answer from the cache.';
comment on column howdah.tool_answer_cache.hit_rate is
  'Share of the calls that got an answer from the cache, from 0 to 1.';
comment on column howdah.tool_answer_cache.last_cached_at is 'Time of the newest answer.';
