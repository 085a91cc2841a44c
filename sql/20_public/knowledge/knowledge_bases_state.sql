-- Counts the documents of a knowledge base by status, and its chunks. Chunks are counted by the
-- sizes that searches keep, since a base may have millions. A row can be made up by the caller, so
-- the function takes only its id, and checks the tenant itself.
create or replace function howdah.knowledge_bases_state(base howdah.knowledge_bases) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'pending', count(*) filter (where d.status = 'pending'),
    'working', count(*) filter (where d.status = 'working'),
    'ready', count(*) filter (where d.status = 'ready'),
    'failed', count(*) filter (where d.status = 'failed'),
    'chunks', (
      select coalesce(sum(s.chunks), 0)
      from howdah.knowledge_bases as b
      join howdah_private.knowledge_base_sizes as s on s.knowledge_base_id = b.id
      where b.id = base.id and b.tenant_id = howdah.current_tenant()),
    'vectors', howdah_private.embeddings_state(howdah.current_tenant(), base.id),
    'reranking', howdah_private.reranking_state(howdah.current_tenant(), base.id),
    'recognition', howdah_private.recognition_state(howdah.current_tenant(), base.id))
  from howdah.documents as d
  where d.tenant_id = howdah.current_tenant() and d.knowledge_base_id = base.id
$$;
comment on function howdah.knowledge_bases_state(howdah.knowledge_bases) is
  E'@behavior -filterBy -orderBy\nCounts the documents of a knowledge base by status, and its '
  'chunks, and tells the state of their vectors, of the reranker and of the model that recognizes '
  'text: '
  'select name, howdah.knowledge_bases_state(b) from howdah.knowledge_bases as b.';
