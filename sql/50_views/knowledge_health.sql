-- Answers whose sources have changed. The digest is of the text alone: a chunk that only moved, or
-- got another title, says the same as before.
create or replace view howdah.stale_answers with (security_invoker = true) as
  select c.tenant_id, c.execution_id, c.message_seq, c.start_offset, c.end_offset,
    r.knowledge_base_id, r.document_id, r.chunk_number, d.title,
    case when d.id is null then 'deleted' else 'changed' end as reason,
    e.completed_at as answered_at
  from howdah.citations as c
  join howdah.search_results as r on r.tenant_id = c.tenant_id
    and r.execution_id = c.execution_id and r.step_seq = c.step_seq and r.rank = c.rank
  join howdah.executions as e on e.id = c.execution_id
  left join howdah.documents as d on d.tenant_id = r.tenant_id and d.id = r.document_id
  where not exists (select from howdah.chunks as k where k.number = r.chunk_number)
    -- few are left, whose documents are read
    and not exists (
      select from howdah.chunks as k
      where k.tenant_id = r.tenant_id and k.document_id = r.document_id
        and md5(k.content) = r.digest
    );
comment on view howdah.stale_answers is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName '
  'execution|@foreignFieldName staleCitations\nCitations of answers whose chunk has changed or '
  'gone since: one row for each citation.';
comment on column howdah.stale_answers.message_seq is 'The message with the answer.';
comment on column howdah.stale_answers.start_offset is
  'Number of characters of the answer before the citation.';
comment on column howdah.stale_answers.end_offset is
  'Number of characters of the answer up to the end of the citation.';
comment on column howdah.stale_answers.knowledge_base_id is 'The knowledge base.';
comment on column howdah.stale_answers.document_id is 'The document.';
comment on column howdah.stale_answers.chunk_number is 'The number in the citation.';
comment on column howdah.stale_answers.title is 'Title of the document; null if it is deleted.';
comment on column howdah.stale_answers.reason is
  'changed: the document no longer has the text; deleted: there is no such document any more.';
comment on column howdah.stale_answers.answered_at is 'Time at which the run was completed.';

-- The state of each knowledge base: what is not searchable yet, what searches did not find, and
-- which answers its changes made stale.
create or replace view howdah.knowledge_health with (security_invoker = true) as
  select b.tenant_id, b.id as knowledge_base_id, b.name, d.pending, d.failed, d.waiting_since,
    s.searches, s.searches_without_results, (
      select count(distinct a.execution_id) from howdah.stale_answers as a
      where a.tenant_id = b.tenant_id and a.knowledge_base_id = b.id) as stale_answers,
    s.searches_repeated, s.searches_not_reranked, s.direct_searches,
    s.direct_searches_without_results
  from howdah.knowledge_bases as b
  cross join lateral (
    -- while a URL is read again, its text of before is searched
    select count(*) filter (where w.is_waiting) as pending,
      count(*) filter (where d.status = 'failed') as failed,
      min(d.status_at) filter (where w.is_waiting) as waiting_since
    from howdah.documents as d
    cross join lateral (
      select d.status in ('pending', 'working') and (d.url is null or d.read_at is null)
        as is_waiting
    ) as w
    where d.tenant_id = b.tenant_id and d.knowledge_base_id = b.id
  ) as d
  cross join lateral (
    select count(*) filter (where k.is_of_run) as searches,
      count(*) filter (where k.is_of_run and k.is_empty) as searches_without_results,
      count(*) filter (where k.is_of_run and s.is_repeated) as searches_repeated,
      count(*) filter (where k.is_of_run and s.rerank_error is not null) as searches_not_reranked,
      count(*) filter (where not k.is_of_run) as direct_searches,
      count(*) filter (where not k.is_of_run and k.is_empty) as direct_searches_without_results
    from howdah.searches as s
    cross join lateral (
      select s.execution_id is not null as is_of_run, not exists (
        select from howdah.search_results as r
        where r.tenant_id = s.tenant_id and r.search_id = s.id) as is_empty
    ) as k
    where s.tenant_id = b.tenant_id and b.id = any (s.knowledge_base_ids)
      and s.created_at > now() - interval '7 days'
  ) as s;
comment on view howdah.knowledge_health is
  'The state of each knowledge base: documents that cannot be searched yet, searches in the '
  'last 7 days, and stale answers.';
comment on column howdah.knowledge_health.knowledge_base_id is 'The knowledge base.';
comment on column howdah.knowledge_health.name is 'Name of the knowledge base.';
comment on column howdah.knowledge_health.pending is
  'Documents that wait for a worker or are being divided.';
comment on column howdah.knowledge_health.failed is 'Documents that could not be divided.';
comment on column howdah.knowledge_health.waiting_since is
  'Time since which the oldest document waits; null if none waits.';
comment on column howdah.knowledge_health.searches is 'Searches of runs in the last 7 days.';
comment on column howdah.knowledge_health.searches_without_results is
  'Those of them that found nothing in any of their bases.';
comment on column howdah.knowledge_health.stale_answers is
  'Runs whose answer cites a text of this base that has changed or gone since.';
comment on column howdah.knowledge_health.searches_repeated is
  'Those of them whose index of vectors found too few chunks, so that the signs of all vectors '
  'were compared.';
comment on column howdah.knowledge_health.searches_not_reranked is
  'Those of them whose reranker failed or was not called, so that chunks kept their order: '
  'rerank_error of the search says why.';
comment on column howdah.knowledge_health.direct_searches is
  'Searches of people and applications in the last 7 days, as many as the reader sees: their own, '
  'for admins all.';
comment on column howdah.knowledge_health.direct_searches_without_results is
  'Those of them that found nothing in any of their bases.';
