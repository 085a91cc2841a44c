-- Asks workers to rank the candidates of a search. Rankings are kept for a day, so that the search
-- finds them.
create or replace function howdah.rerank_query(
  bases text[], query text, k int default 10, filter jsonb default '{}', mode text default null
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_row record;
  v_known howdah_private.query_rankings;
  v_limit jsonb;
  v_error jsonb;
  v_states text[] := '{}';
begin
  perform howdah_private.check_knowledge_search(
    rerank_query.query, rerank_query.k, rerank_query.filter, rerank_query.mode);
  v_ids := case when rerank_query.bases is null then array(
      select b.id from howdah.knowledge_bases as b where b.tenant_id = howdah.current_tenant())
    else array(
      select howdah.knowledge_base(n.name) from unnest(rerank_query.bases) as n (name)) end;
  perform howdah_private.check_search_mode(v_ids, rerank_query.query, rerank_query.mode);
  v_limit := howdah_private.spending_error()
    where howdah_private.is_spending_used_up(howdah.current_tenant(), null);
  for v_row in
    select g.* from howdah_private.groups_to_rerank(
      v_ids, rerank_query.query, rerank_query.k, rerank_query.filter, rerank_query.mode) as g
  loop
    if v_limit is null and not exists (
      select from howdah_private.query_rankings as q
      where q.tenant_id = v_row.tenant_id and q.model_digest = v_row.model_digest
        and q.digest = v_row.digest) then
      perform howdah_private.check_pending_rankings(v_row.tenant_id);
    end if;
    insert into howdah_private.query_rankings as q
      (tenant_id, knowledge_base_id, model_digest, digest, model, chunk_numbers, query, error)
    values (v_row.tenant_id, v_row.knowledge_base_id, v_row.model_digest, v_row.digest, v_row.model,
      v_row.chunk_numbers, case when v_limit is null then rerank_query.query end, v_limit)
    on conflict on constraint query_rankings_pkey do update
    set query = excluded.query, model = excluded.model, error = excluded.error,
      requested_at = clock_timestamp()
    where q.scores is null and q.requested_at < clock_timestamp() - interval '10 seconds'
    returning q.* into v_known;
    if not found then
      select q.* into v_known from howdah_private.query_rankings as q
      where q.tenant_id = v_row.tenant_id and q.model_digest = v_row.model_digest
        and q.digest = v_row.digest;
    elsif v_limit is null then
      perform howdah_private.enqueue_query_ranking(v_known);
    end if;
    v_error := coalesce(v_known.error, v_error);
    v_states := v_states || case when v_known.scores is not null then 'ready'
      when v_known.error is not null then 'failed' else 'pending' end;
  end loop;
  return jsonb_strip_nulls(jsonb_build_object('status', case
      when v_states = '{}' then 'none' when 'pending' = any (v_states) then 'pending'
      when 'failed' = any (v_states) then 'failed' else 'ready' end,
    'error', v_error));
end $$;
comment on function howdah.rerank_query(text[], text, int, jsonb, text) is
  'Asks a worker to rank the best chunks of a search again, by the rerankers of these knowledge '
  'bases (rerank_model_id), all bases for null. Returns {status, error}: repeat it until the '
  'status is not pending, then call howdah.search with the same arguments. none: no base has a '
  'reranker, or nothing was found; failed: the error says why, and the search keeps its order. '
  'REST, commands and agents do this themselves.';
