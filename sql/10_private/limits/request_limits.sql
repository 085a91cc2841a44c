-- Counts requests to the API, in a transaction of their own. Requests that arrive together are
-- counted together.

-- Returns for each tenant whether its requests are counted, by a limit of its own or of the system.
create or replace function howdah_private.count_requests_of(tenants uuid[]) returns setof boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select from howdah_private.usage_limits(t.id, '{requests}'))
  from unnest(count_requests_of.tenants) with ordinality as t (id, place) order by t.place
$$;

-- Counts requests; the arrays have the tenant, user and API key of each. Returns one value for each
-- request, in order: null, or the reason of its refusal as {message, hint, detail}. The commit is
-- asynchronous, so a crash loses the counts of the last second.
create or replace function howdah_private.count_requests(
  tenants uuid[], users uuid[], api_keys uuid[]
) returns setof jsonb
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
      perform howdah_private.check_request_limits(
        tenants[v_place], users[v_place], api_keys[v_place]);
      perform howdah_private.consume_limits(jsonb_build_array(jsonb_build_object(
        'metric', 'requests', 'amount', 1, 'at', clock_timestamp(),
        'tenant_id', tenants[v_place], 'user_id', users[v_place],
        'api_key_id', api_keys[v_place])));
      return next null::jsonb;
    exception when sqlstate 'HWQTA' then
      get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      return next jsonb_build_object(
        'message', sqlerrm, 'hint', v_hint, 'detail', v_detail::jsonb);
    end;
  end loop;
end $$;

-- Refuses a request above a limit before anything is written, so that a client that keeps asking
-- causes no writes.
create or replace function howdah_private.check_request_limits(
  tenant_id uuid, user_id uuid, api_key_id uuid
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over record;
begin
  select l as reached, s.id as subject_id, coalesce(c.used, 0) as used into v_over
  from howdah_private.usage_limits(check_request_limits.tenant_id, '{requests}') as l
  cross join lateral (values (howdah_private.limit_subject(
    l, check_request_limits.tenant_id, check_request_limits.user_id, null, null,
    check_request_limits.api_key_id))) as s (id)
  left join howdah_private.limit_counters as c on c.limit_id = l.id and c.subject_id = s.id
    and c.started_at = howdah_private.period_begins(l.period, clock_timestamp())
  where s.id is not null and coalesce(c.used, 0) + 1 > l.max_value
    and not howdah_private.is_replaced(l, s.id)
  order by l.period desc limit 1;
  if found then
    perform howdah_private.raise_usage(
      v_over.reached, v_over.subject_id, v_over.used, 1, clock_timestamp());
  end if;
end $$;
