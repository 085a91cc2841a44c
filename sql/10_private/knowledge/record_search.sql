-- Records the searches of people and applications. howdah.search calls record_search, so it does
-- not matter by which interface somebody searches.
--
-- howdah.search is stable: GraphQL reads it as a field of a query, and it works in read-only
-- transactions and on replicas. A stable function may call a volatile one that writes. Nobody reads
-- the new row in the same statement, so no result depends on it. Where nothing can be written,
-- nothing is recorded. The planner does not call the function, as it is in `from`, and runs it in
-- no parallel worker, as it is not parallel safe.
--
-- A client may make the same search several times at once: a GraphQL query for rows and their
-- number makes it in two transactions. Equal searches of a caller within a second are recorded
-- once. The lock howdah.searches is for the time until the other transaction has committed; nobody
-- waits for it. Only the first 100 searches of a transaction take it, since locks need memory that
-- all transactions share: a statement may search for each row of a table.

-- Returns the query as it may be stored. Input filters redact or block it as they do the input of a
-- run. Null if a filter blocks it, and for a tenant that encrypts contents or keeps none.
create or replace function howdah_private.recorded_query(tenant_id uuid, query text) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters howdah.output_filters[] :=
    howdah_private.input_filters(recorded_query.tenant_id, null);
begin
  if exists (
    select from howdah.retention_policies as p
    where p.tenant_id = recorded_query.tenant_id
      and (p.keep_contents_days = 0 or p.encrypt_contents)) then
    return null;
  elsif v_filters is null then
    return recorded_query.query;
  end if;
  return (howdah_private.filter_text(v_filters, 'query', recorded_query.query, null)).value;
exception when sqlstate 'HWINV' then
  return null; -- a filter blocks the query
end $$;

-- Returns whether a search is to be recorded: something can be written, all bases record, and no
-- equal search of the caller is being recorded or was in the last second.
create or replace function howdah_private.can_record(search howdah.searches, digest text)
  returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_since constant timestamptz := clock_timestamp() - interval '1 second'; -- an index needs a value
  v_locks constant int :=
    coalesce(nullif(current_setting('howdah.locked_searches', true), ''), '0')::int;
begin
  if current_setting('transaction_read_only') = 'on' -- also on a replica
    or cardinality(search.knowledge_base_ids) = 0
    or exists (
      select from howdah.knowledge_bases as b
      where b.id = any (search.knowledge_base_ids) and not b.records_searches) then
    return false;
  elsif v_locks < 100 then
    perform set_config('howdah.locked_searches', (v_locks + 1)::text, true);
    if not pg_try_advisory_xact_lock(
        hashtextextended('howdah.searches ' || can_record.digest, 0)) then
      return false;
    end if;
  end if;
  -- a statement of its own sees what was committed before the lock was free
  return not exists (
    select from howdah.searches as s
    where s.tenant_id = search.tenant_id and s.execution_id is null and s.created_at > v_since
      and s.created_by = search.created_by and s.user_id is not distinct from search.user_id
      and s.knowledge_base_ids = search.knowledge_base_ids and s.query = search.query
      and s.filter = search.filter and s.k = search.k and s.mode = search.mode);
end $$;

-- Records a search with its results, at most 100. No lock of it makes others wait; the foreign key
-- locks the row of the user for key share.
create or replace function howdah_private.record_search(
  base_ids uuid[], query text, k int, filter jsonb, mode text, rerank_error text,
  results howdah.search_results[]
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_search howdah.searches;
begin
  v_search.id := howdah.uuid_v7();
  v_search.tenant_id := howdah.current_tenant();
  v_search.knowledge_base_ids := record_search.base_ids;
  v_search.user_id := howdah.current_user_id();
  v_search.created_by := howdah_private.actor();
  v_search.k := record_search.k;
  v_search.query := howdah_private.recorded_query(v_search.tenant_id, record_search.query);
  if v_search.query is not null then
    v_search.filter := record_search.filter;
  end if;
  v_search.mode := howdah_private.mode_of_search(
    record_search.base_ids, record_search.query, record_search.mode);
  if not howdah_private.can_record(v_search, md5(jsonb_build_array(v_search.tenant_id,
    v_search.user_id, v_search.created_by, record_search.base_ids, record_search.query,
    record_search.k, record_search.filter, v_search.mode)::text)) then
    return;
  end if;
  v_search.created_at := clock_timestamp();
  v_search.is_repeated := coalesce(current_setting('howdah.repeated_searches', true), '') <> '';
  v_search.rerank_error := record_search.rerank_error;
  insert into howdah.searches select v_search.*;
  insert into howdah.search_results (search_id, rank, tenant_id, knowledge_base_id, document_id,
    chunk_number, score, digest, rerank_score, rerank_rank)
  select v_search.id, r.rank, v_search.tenant_id, r.knowledge_base_id, r.document_id,
    r.chunk_number, r.score, r.digest, r.rerank_score, r.rerank_rank
  from unnest(record_search.results) as r where r.rank <= 100;
end $$;

-- Deletes a batch of searches of people and applications that are older than 90 days, or than what
-- the retention policy of their tenant keeps, or whose query is from before their tenant encrypted
-- contents. Returns their number. Searches of runs are deleted with their run.
create or replace function howdah_private.delete_old_searches() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah.searches as s
  where s.id in (
    select o.id from howdah.tenants as t
    left join howdah.retention_policies as p on p.tenant_id = t.id
    cross join lateral (
      (select o.id from howdah.searches as o
      where o.tenant_id = t.id and o.execution_id is null
        and o.created_at < now() - make_interval(
          days => least(90, p.keep_contents_days, p.keep_runs_days))
      order by o.created_at limit 10000)
      union all
      (select o.id from howdah.searches as o
      where p.encrypt_contents and o.tenant_id = t.id and o.execution_id is null
        and o.query is not null
      limit 10000)
    ) as o
    limit 10000);
  get diagnostics v_count = row_count;
  return v_count;
end $$;
