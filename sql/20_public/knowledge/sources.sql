-- Returns the citations in the answer of a run. A run whose answer is that of a run below it, as of
-- the workflow `manager`, has the citations of that run. The text is what the run has read. If the
-- contents of the run are encrypted, it is the text of the chunk now, if that is still the same.
create or replace function howdah.sources(execution_id uuid) returns table (
  start_offset int, end_offset int, chunk_number bigint, document_id uuid, knowledge_base text,
  title text, heading_path text[], content text, chunk_seq int, is_current boolean,
  cited_by_execution_id uuid
)
  language sql stable rows 10
  set search_path = pg_catalog, pg_temp
as $$
  with answers as (
    select e.id, e.id <> sources.execution_id as is_below from howdah.executions as a
    join howdah.executions as e on e.root_execution_id = a.root_execution_id
      and (e.id = a.id or (e.depth > a.depth and e.output = a.output))
    where a.id = sources.execution_id
      and exists (select from howdah.citations as c where c.execution_id = e.id)
    order by is_below, e.depth, e.id limit 1
  )
  select c.start_offset, c.end_offset, r.chunk_number, r.document_id, b.name,
    coalesce(t.found ->> 'title', d.title),
    coalesce(array(select jsonb_array_elements_text(t.found -> 'headings')), '{}')
      || case when t.found is null then k.heading_path else '{}' end,
    coalesce(t.found ->> 'text', k.content), k.seq, k.seq is not null, a.id
  from answers as a
  join howdah.citations as c on c.execution_id = a.id
  join howdah.search_results as r on r.tenant_id = c.tenant_id
    and r.execution_id = c.execution_id and r.step_seq = c.step_seq and r.rank = c.rank
  left join howdah.steps as s on s.execution_id = c.execution_id and s.seq = c.step_seq
  cross join lateral (
    select s.output #> array['chunks', (c.rank - 1)::text] as found offset 0
  ) as t
  left join howdah.documents as d on d.tenant_id = r.tenant_id and d.id = r.document_id
  left join howdah.knowledge_bases as b
    on b.tenant_id = r.tenant_id and b.id = r.knowledge_base_id
  left join lateral (
    select n.seq, n.heading_path, n.content from howdah.chunks as n
    where n.tenant_id = r.tenant_id and n.document_id = r.document_id
      and md5(n.content) = r.digest
    order by n.number = r.chunk_number desc, n.seq limit 1
  ) as k on true
  order by c.start_offset
$$;
comment on function howdah.sources(uuid) is
  E'@behavior -filterProc -orderBy\n'
  'Returns the citations in the answer of a run, in their order, with the text of each source: '
  'select title, content from howdah.sources(''…''). Offsets count characters of the answer. '
  'is_current is false if the document no longer has the text.';
