-- Indexes of vectors by the extension pgvector, where the server has it. No object of the schema
-- depends on the extension: vectors are real[], and the current generation of a large base has a
-- partial HNSW index, whose expression casts them. Searches without an index compare signs
-- (vector_search.sql), so an index may be missing, invalid or dropped at any time.
--
--   planned_vector_indexes   what to create and drop. The owner of the table does it, concurrently,
--                            so that no writer waits. No function may run such a statement:
--                            src/db/knowledge/index-vectors.ts does it
--   nearest_by_index         the candidates of a search, which search_vectors compares exactly

-- Returns the name of the index of a generation.
create or replace function howdah_private.vector_index_name(generation_id uuid) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select 'chunk_embeddings_hnsw_' || replace(vector_index_name.generation_id::text, '-', '')
$$;

-- Returns whether a generation has an index that searches can use.
create or replace function howdah_private.has_vector_index(generation_id uuid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_index as i
    where i.indisvalid and i.indexrelid = to_regclass(
      'howdah_private.' || howdah_private.vector_index_name(has_vector_index.generation_id)))
$$;

-- Returns how pgvector names what an index of vectors needs; no row without the extension, or if it
-- indexes no vectors of so many dimensions. Older versions have no scan that goes on until enough
-- rows pass a filter. The extension may be in any schema that owners and engine may use.
--
-- Vectors have the length 1, so their inner product is the cosine, which search_vectors computes.
create or replace function howdah_private.vector_extension(dimensions int)
  returns table (type text, operator_class text, operator text, is_iterative boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format('%I.%s(%s)', n.nspname, t.name, vector_extension.dimensions),
    format('%I.%s_ip_ops', n.nspname, t.name), format('operator(%I.<#>)', n.nspname),
    v.version >= '{0,8}'
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  cross join lateral (
    select string_to_array(substring(e.extversion from '^\d+\.\d+'), '.')::int[] as version
  ) as v
  cross join lateral (
    select case
      when vector_extension.dimensions <= 2000 and v.version >= '{0,5}' then 'vector'
      when vector_extension.dimensions <= 4000 and v.version >= '{0,7}' then 'halfvec' end as name
  ) as t
  where e.extname = 'vector' and t.name is not null
    and has_schema_privilege('howdah_engine', n.oid, 'usage')
    and has_schema_privilege('howdah_owner', n.oid, 'usage')
$$;

-- Returns the indexes to drop, those of generations that are no longer current or have become
-- small, and invalid ones, and then the indexes to create, with the memory that a build takes at
-- best. At most 100 generations have an index, the largest ones, since each statement on the table
-- opens all of its indexes.
create or replace function howdah_private.planned_vector_indexes(at_least int default 10000)
  returns table (
    action text, name text, statement text, knowledge_base_id uuid, vectors bigint, bytes bigint
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with existing as materialized (
    select c.relname::text as name, i.indisvalid as is_valid
    from pg_index as i
    join pg_class as c on c.oid = i.indexrelid
    where i.indrelid = 'howdah_private.chunk_embeddings'::regclass
      and c.relname like 'chunk\_embeddings\_hnsw\_%'
  ),
  sizes as (
    select g.id, g.knowledge_base_id, g.dimensions, x.type, x.operator_class,
      howdah_private.vector_index_name(g.id) as name, (
        select count(*) from howdah_private.chunk_embeddings as e
        where e.generation_id = g.id) as vectors
    from howdah_private.embedding_generations as g
    cross join lateral howdah_private.vector_extension(g.dimensions) as x
    where g.is_current
  ),
  wanted as materialized (
    select s.*, coalesce(x.is_valid, false) as is_there
    from sizes as s
    left join existing as x on x.name = s.name
    where s.vectors >= planned_vector_indexes.at_least / case when x.is_valid then 2 else 1 end
    order by s.vectors desc, s.id limit 100
  )
  select p.action, p.name, p.statement, p.knowledge_base_id, p.vectors, p.bytes
  from (
    select 'drop' as action, e.name,
      format('drop index concurrently if exists howdah_private.%I', e.name) as statement,
      null::uuid as knowledge_base_id, null::bigint as vectors, null::bigint as bytes
    from existing as e
    where not e.is_valid or not exists (select from wanted as w where w.name = e.name)
    union all
    select 'create', w.name, format(
        'create index concurrently %I on howdah_private.chunk_embeddings '
        'using hnsw ((vector::%s) %s) where generation_id = %L',
        w.name, w.type, w.operator_class, w.id),
      w.knowledge_base_id, w.vectors, w.vectors * (4 * w.dimensions + 400)
    from wanted as w where not w.is_there
  ) as p
  order by p.action desc, p.vectors, p.name
$$;

-- Returns the chunks that an index finds nearest to a vector, the nearest first; null without an
-- index. With a filter, the scan goes on until enough chunks pass or hnsw.max_scan_tuples is
-- reached. The planner does not know that a sort would read each vector from another page, so it
-- may not choose one.
create or replace function howdah_private.nearest_by_index(
  generation howdah_private.embedding_generations, vector real[], at_most int, filter jsonb
) returns bigint[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set jit = off set enable_sort = off
  set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  v_extension record;
  v_ef_search text := current_setting('hnsw.ef_search', true);
  v_iterative_scan text := current_setting('hnsw.iterative_scan', true);
  v_numbers bigint[];
begin
  if not howdah_private.has_vector_index(generation.id)
    or generation.dimensions <> cardinality(nearest_by_index.vector) then
    return null;
  end if;
  select x.* into v_extension from howdah_private.vector_extension(generation.dimensions) as x;
  if v_extension.type is null or (not v_extension.is_iterative
      and (nearest_by_index.filter <> '{}' or nearest_by_index.at_most > 1000)) then
    return null;
  end if;
  perform set_config('hnsw.ef_search',
    least(greatest(nearest_by_index.at_most, 200), 1000)::text, true);
  if v_extension.is_iterative then
    perform set_config('hnsw.iterative_scan', 'strict_order', true);
  end if;
  execute format($q$
    select array(
      select e.chunk_number from howdah_private.chunk_embeddings as e
      where e.generation_id = %L and ($3 = '{}'::jsonb or exists (
        select from howdah.chunks as c join howdah.documents as d on d.id = c.document_id
        where c.number = e.chunk_number and d.metadata @> $3))
      order by e.vector::%s %s $1::%s limit $2)$q$,
    generation.id, v_extension.type, v_extension.operator, v_extension.type)
  into v_numbers
  using nearest_by_index.vector, nearest_by_index.at_most, nearest_by_index.filter;
  -- the transaction of the caller may search its own tables
  perform set_config('hnsw.ef_search', v_ef_search, true);
  if v_extension.is_iterative then
    perform set_config('hnsw.iterative_scan', v_iterative_scan, true);
  end if;
  return v_numbers;
end $$;
