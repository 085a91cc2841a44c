-- Runs recorded searches again and compares what they find now with what they found then, to judge
-- a change of documents, chunking, weights or modes by the questions that were asked. A search is
-- repeated as its agent would make it now, or as howdah.search would. Equal searches are repeated
-- once. Texts are compared by their digest, since a chunk whose heading changes gets another
-- number.
create or replace function howdah.replay_searches(
  base text default null, since timestamptz default now() - interval '7 days',
  mode text default null, at_most int default 100, rerank boolean default true
) returns table (
  execution_id uuid, step_seq int, searched_at timestamptz, query text, times int,
  recorded_mode text, used_mode text, recorded int, found int, kept int, overlap float8,
  changes jsonb, recorded_reranked boolean, used_reranked boolean, search_id uuid
)
  language plpgsql stable security definer rows 100
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_base uuid := howdah.knowledge_base(replay_searches.base)
    where replay_searches.base is not null;
begin
  perform howdah_private.check_knowledge_search('word', 1, '{}', replay_searches.mode);
  if (replay_searches.at_most between 1 and 1000) is not true or replay_searches.since is null then
    raise exception using errcode = 'HWINV',
      message = case when replay_searches.since is null then 'since is null'
        else format('at_most must be from 1 to 1000, not %s',
          coalesce(replay_searches.at_most::text, 'null')) end,
      detail = jsonb_build_object('field',
        case when replay_searches.since is null then 'since' else 'at_most' end)::text,
      hint = 'Leave since and at_most out for up to 100 queries of the last 7 days.';
  end if;
  perform howdah_private.check_search_mode(r.knowledge_base_ids, r.query, replay_searches.mode)
  from howdah_private.searches_to_replay(v_base, replay_searches.since) as r
  where replay_searches.mode in ('vector', 'hybrid')
  order by r.created_at desc limit replay_searches.at_most;
  return query
  select q.execution_id, q.step_seq, q.created_at, q.query, q.times, q.mode,
    howdah_private.mode_of_search(q.knowledge_base_ids, q.query, replay_searches.mode),
    c.recorded, c.found, c.kept,
    round(coalesce(c.kept::numeric / nullif(greatest(c.recorded, c.found), 0), 1), 4)::float8,
    c.changes, q.is_reranked, c.is_reranked, q.id
  from (
    select r.* from howdah_private.searches_to_replay(v_base, replay_searches.since) as r
    order by r.created_at desc limit replay_searches.at_most
  ) as q
  cross join lateral howdah_private.compare_search(
    q.id, q.agent_id, q.knowledge_base_ids, q.query, q.k, q.filter,
    replay_searches.mode, replay_searches.rerank) as c
  order by q.created_at desc;
end $$;
comment on function howdah.replay_searches(text, timestamptz, text, int, boolean) is
  E'@behavior -filterProc -orderBy\n'
  'Repeats the searches since a time, at most at_most, the latest first: '
  'select query, overlap, changes from howdah.replay_searches(''handbook''). Of the chunks that '
  'were recorded and that are found now, kept are both; overlap is the part of the larger number. '
  'recorded_mode and used_mode are the modes then and now: hybrid needs the vector of the query. '
  'changes lists the chunks whose rank differs: {document_id, title, before, after}. rerank false '
  'leaves rerankers out; recorded_reranked and used_reranked say whether one ordered the chunks '
  'then and now, which needs a ranking of the last day (howdah.rerank_query with k 20). '
  'execution_id is null for a search of a person or an application: each person repeats their own, '
  'and admins repeat all. search_id is the latest of equal searches.';
