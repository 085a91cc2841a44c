-- Asks workers for the vectors of a query. They are kept for a day, so that searches find them.
create or replace function howdah.embed_query(
  bases text[], query text, mode text default null
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_row record;
  v_known howdah_private.query_embeddings;
  v_limit jsonb := howdah_private.spending_error()
    where howdah_private.is_spending_used_up(howdah.current_tenant(), null);
  v_error jsonb;
  v_states text[] := '{}';
begin
  perform howdah_private.check_knowledge_search(embed_query.query, 1, '{}', embed_query.mode);
  v_ids := case when embed_query.bases is null then array(
      select b.id from howdah.knowledge_bases as b where b.tenant_id = howdah.current_tenant())
    else array(select howdah.knowledge_base(n.name) from unnest(embed_query.bases) as n (name)) end;
  for v_row in
    select m.*
    from howdah_private.query_models(v_ids, embed_query.query, embed_query.mode) as m
  loop
    if v_limit is null and not exists (
      select from howdah_private.query_embeddings as q
      where q.tenant_id = v_row.tenant_id and q.model_digest = v_row.model_digest
        and q.digest = md5(embed_query.query)) then
      perform howdah_private.check_pending_queries(v_row.tenant_id);
    end if;
    insert into howdah_private.query_embeddings as q
      (tenant_id, model_digest, digest, model, query, error)
    select v_row.tenant_id, v_row.model_digest, md5(embed_query.query), v_row.model,
      case when v_limit is null then embed_query.query end, v_limit
    where not v_row.has_vector
    on conflict on constraint query_embeddings_pkey do update
    set query = excluded.query, model = excluded.model, error = excluded.error,
      requested_at = clock_timestamp()
    where q.vector is null and q.requested_at < clock_timestamp() - interval '10 seconds'
    returning q.* into v_known;
    if not found then
      select q.* into v_known from howdah_private.query_embeddings as q
      where q.tenant_id = v_row.tenant_id and q.model_digest = v_row.model_digest
        and q.digest = md5(embed_query.query);
    elsif v_limit is null then
      perform howdah_private.enqueue_query_embedding(v_known);
    end if;
    v_error := coalesce(v_known.error, v_error);
    v_states := v_states || case when v_known.vector is not null then 'ready'
      when v_known.error is not null then 'failed' else 'pending' end;
  end loop;
  return jsonb_strip_nulls(jsonb_build_object('status', case
      when v_states = '{}' then 'none' when 'failed' = any (v_states) then 'failed'
      when 'pending' = any (v_states) then 'pending' else 'ready' end,
    'error', v_error));
end $$;
comment on function howdah.embed_query(text[], text, text) is
  'Asks a worker for the vector of a query, by the embedding models of these knowledge bases, all '
  'for null. Returns {status, error}: repeat it until the status is ready, then call '
  'howdah.search. none: no base has vectors for this mode of the search; failed: the error says '
  'why. REST, commands and agents do this themselves.';
