-- Requests to the API count here, in a transaction of their own: what is asked together is counted together.

-- Of each tenant whether its requests are counted at all, by it or by the system.
create or replace function howdah_private.count_requests_of(tenants uuid[]) returns setof boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select from howdah_private.quotas_of(t.id, '{requests}'))
  from unnest(count_requests_of.tenants) with ordinality as t (id, place) order by t.place
$$;

-- Counts one request of each tenant, user and API key; gives in their order null, or why it is refused: {message, hint, detail}. What
-- is counted need not be on disk before it is answered: a crash forgets some requests of its last second.
create or replace function howdah_private.count_requests(tenants uuid[], users uuid[], api_keys uuid[]) returns setof jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_place int;
  v_detail text;
  v_hint text;
begin
  perform set_config('synchronous_commit', 'off', true);
  for v_place in 1 .. coalesce(cardinality(count_requests.tenants), 0) loop
    begin
      perform howdah_private.refuse_request(tenants[v_place], users[v_place], api_keys[v_place]);
      perform howdah_private.use_quotas(jsonb_build_array(jsonb_build_object('metric', 'requests', 'amount', 1,
        'at', clock_timestamp(), 'tenant_id', tenants[v_place], 'user_id', users[v_place],
        'api_key_id', api_keys[v_place])));
      return next null::jsonb;
    exception when sqlstate 'HWQTA' then
      get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      return next jsonb_build_object('message', sqlerrm, 'hint', v_hint, 'detail', v_detail::jsonb);
    end;
  end loop;
end $$;

-- Looks before it counts: whoever goes on asking beyond his quota makes nothing be written.
create or replace function howdah_private.refuse_request(tenant_id uuid, user_id uuid, api_key_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over record;
begin
  select q as quota, s.id as subject_id, coalesce(c.used, 0) as used into v_over
  from howdah_private.quotas_of(refuse_request.tenant_id, '{requests}') as q
  cross join lateral (values (howdah_private.quota_subject(
    q, refuse_request.tenant_id, refuse_request.user_id, null, null, refuse_request.api_key_id))) as s (id)
  left join howdah_private.quota_counters as c on c.quota_id = q.id and c.subject_id = s.id
    and c.started_at = howdah_private.quota_begins(q.period, clock_timestamp())
  where s.id is not null and coalesce(c.used, 0) + 1 > q.max_value and not howdah_private.is_replaced(q, s.id)
  order by q.period desc limit 1;
  if found then
    perform howdah_private.refuse_use(v_over.quota, v_over.subject_id, v_over.used, 1, clock_timestamp());
  end if;
end $$;
