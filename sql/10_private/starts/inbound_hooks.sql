-- Inbound hooks: requests of other programs that begin runs. The API verifies a request by its
-- signature, and evaluates the expressions of the hook (src/api/inbound). What happens then is
-- decided here, in one transaction:
--
--   once      The row of the delivery is inserted before the run. Its id and its signature are
--             unique for a hook, so a repeated request waits for the first one and finds its row.
--             A delivery that failed is tried again.
--   identity  The run acts as the user of the hook, with the rights that this user has now. The API
--             knows the user from a hook that is up to half a second old. If the hook has another
--             user by now, the delivery fails and may be sent again.
--   trust     The sender with the secret signs the request; others write its text. So the input is
--             external.
--   refused   Requests that are not verified are counted, one row for each hook, reason and hour.
--             The API adds them up and writes them once a second (count_refused_deliveries).

-- Returns the active hooks at these addresses, in the same order; null where there is none.
create or replace function howdah_private.find_inbound_hooks(tenants text[], names text[])
  returns table (hook jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when h.id is not null then jsonb_build_object(
    'id', h.id, 'tenant_id', h.tenant_id, 'user_id', h.user_id, 'verification', h.verification,
    'secrets', array_remove(array[h.secret_name, h.previous_secret_name], null),
    'secret_header', h.secret_header, 'condition', h.condition, 'mapping', h.mapping,
    'session_key', h.session_key, 'debounce_key', h.debounce_key, 'reply', h.reply ->> 'body') end
  from unnest(find_inbound_hooks.tenants, find_inbound_hooks.names)
    with ordinality as a (slug, name, place)
  left join howdah.tenants as t on t.slug = a.slug and t.is_active
  left join howdah.inbound_hooks as h on h.tenant_id = t.id and h.name = a.name and h.is_active
  order by a.place
$$;

-- Adds to the numbers of refused requests, in the order of hooks and reasons. `refusals` is a list
-- of {hook_id, code, message, hint, requests}.
create or replace function howdah_private.count_refused_deliveries(refusals jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.inbound_deliveries as d (
    tenant_id, inbound_hook_id, status, requests, error
  )
  select h.tenant_id, h.id, 'refused', r.requests,
    jsonb_build_object('code', r.code, 'message', r.message, 'hint', r.hint)
  from jsonb_to_recordset(count_refused_deliveries.refusals)
    as r (hook_id uuid, code text, message text, hint text, requests int)
  join howdah.inbound_hooks as h on h.id = r.hook_id
  order by h.id, r.code
  on conflict (tenant_id, inbound_hook_id, (error ->> 'code'),
      date_trunc('hour', received_at at time zone 'UTC')) where status = 'refused'
  do update set requests = least(d.requests::bigint + excluded.requests, 2147483647)::int,
    last_received_at = excluded.last_received_at
$$;

-- Inserts the row of a delivery, or locks the row that it has from an earlier request. A request
-- with the id of one delivery and the signature of another one is a repeat of the older one. The
-- loop covers a row that retention deletes in between.
create or replace function howdah_private.insert_delivery(
  hook howdah.inbound_hooks, delivery jsonb
) returns howdah.inbound_deliveries
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_signature bytea := decode(delivery ->> 'signature', 'hex');
  v_row howdah.inbound_deliveries;
begin
  loop
    insert into howdah.inbound_deliveries (
      tenant_id, inbound_hook_id, status, bytes, delivery_id, signature_sha256
    ) values (
      (hook).tenant_id, (hook).id, 'failed', (delivery ->> 'bytes')::int,
      delivery ->> 'delivery_id', v_signature
    )
    on conflict do nothing
    returning inbound_deliveries.* into v_row;
    exit when found;
    update howdah.inbound_deliveries as d
    set requests = least(d.requests::bigint + 1, 2147483647)::int,
      last_received_at = clock_timestamp()
    where d.tenant_id = (hook).tenant_id and d.id = (
      select k.id from howdah.inbound_deliveries as k
      where k.tenant_id = (hook).tenant_id and k.inbound_hook_id = (hook).id
        and (k.delivery_id = delivery ->> 'delivery_id' or k.signature_sha256 = v_signature)
      order by k.id limit 1
    )
    returning d.* into v_row;
    exit when found;
  end loop;
  return v_row;
end $$;

-- Returns the session of a key, and makes it for the first delivery with that key. The session has
-- the key of a chat, which no user can choose, since it begins with the id of the hook.
create or replace function howdah_private.session_of_hook(
  hook howdah.inbound_hooks, key text, target howdah.executions
) returns howdah.sessions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key constant text := (hook).id || '/' || session_of_hook.key;
  v_session howdah.sessions;
begin
  if length(session_of_hook.key) > 500
    or howdah_private.line_fault(session_of_hook.key) is not null then
    raise exception using errcode = 'HWINV',
      message = 'the value of session_key is not one line of at most 500 visible characters',
      detail = '{"field": "session_key"}',
      hint = 'Change session_key of the hook to an expression of an id, such as body.thread_id.';
  end if;
  perform howdah_private.lock_chat_key((hook).tenant_id, v_key);
  select s.* into v_session from howdah.sessions as s
  where s.tenant_id = (hook).tenant_id and s.chat_key = v_key;
  if not found then
    insert into howdah.sessions (tenant_id, user_id, agent_id, workflow_id, title, chat_key)
    values ((hook).tenant_id, (hook).user_id, (target).agent_id, (target).workflow_id,
      left((hook).name || ' ' || session_of_hook.key, 200), v_key)
    returning sessions.* into v_session;
  end if;
  return v_session;
end $$;

-- Begins the run of a delivery, and returns its id. In a session it is the next turn, of the agent
-- of that session.
create or replace function howdah_private.begin_delivered_run(
  hook howdah.inbound_hooks, delivery jsonb
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name constant text := delivery ->> 'agent';
  v_run howdah.executions;
  v_session howdah.sessions;
  v_id uuid;
begin
  v_run.workflow_id := case when v_name is null then (hook).workflow_id
    else howdah_private.workflow_by_name(v_name) end;
  if v_run.workflow_id is null then
    v_run.agent_id := case when v_name is null then (hook).agent_id else howdah.agent(v_name) end;
  end if;
  if coalesce(delivery ->> 'session_key', '') ~ '\S' then
    v_session := howdah_private.session_of_hook(hook, delivery ->> 'session_key', v_run);
    if num_nonnulls(v_session.agent_id, v_session.workflow_id) = 1 then
      v_run.agent_id := v_session.agent_id;
      v_run.workflow_id := v_session.workflow_id;
    end if;
  end if;
  perform howdah_private.permit('executions', 'run');
  perform howdah_private.check_agent_right(v_run.agent_id, 'run');
  perform howdah_private.check_agent_right(v_run.workflow_id, 'run', 'workflow');
  v_run.debounce_key := case when delivery ->> 'debounce_key' ~ '\S'
    then (hook).name || ':' || (delivery ->> 'debounce_key') end;
  insert into howdah.executions (
    tenant_id, user_id, agent_id, workflow_id, session_id, input, input_data, input_trust,
    metadata, concurrency_key, debounce_key, debounce_ms, started_by_execution_id,
    created_by
  ) values (
    (hook).tenant_id, (hook).user_id, v_run.agent_id, v_run.workflow_id, v_session.id,
    delivery ->> 'input', nullif(delivery -> 'input_data', 'null'), 'external',
    coalesce(nullif(delivery -> 'metadata', 'null'), '{}') || jsonb_strip_nulls(
      jsonb_build_object('hook', (hook).name, 'delivery_id', delivery -> 'delivery_id')),
    case when delivery ->> 'concurrency_key' ~ '\S' then delivery ->> 'concurrency_key' end,
    v_run.debounce_key, case when v_run.debounce_key is not null then (hook).debounce_ms end,
    coalesce(howdah_private.starting_execution_id((hook).tenant_id),
      (hook).written_by_execution_id),
    (hook).written_by
  )
  returning executions.id into v_id;
  return v_id;
end $$;

-- Applies the input filters of a run to the reply of its delivery, which the hook made of the body.
-- Counts what they find at the run, and refuses a reply that a filter blocks.
create or replace function howdah_private.filter_reply(execution_id uuid, reply jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters howdah.output_filters[];
  v_result record;
begin
  select howdah_private.input_filters(e.tenant_id, e.agent_id) into v_filters
  from howdah.executions as e where e.id = filter_reply.execution_id;
  if v_filters is null or filter_reply.reply is null then
    return filter_reply.reply;
  end if;
  v_result := howdah_private.filter_field(v_filters, 'reply', filter_reply.reply, null);
  perform howdah_private.record_input_hits(filter_reply.execution_id, v_result.hits);
  return v_result.value;
end $$;

-- Returns the result of a delivery for the API.
create or replace function howdah_private.delivery_result(
  d howdah.inbound_deliveries, is_repeat boolean
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('status', d.status, 'delivery_id', d.id,
    'execution_id', d.execution_id, 'is_repeat', delivery_result.is_repeat, 'error', d.error)
$$;

-- Receives a verified delivery, as the user of the hook. `delivery` has delivery_id, signature (in
-- hexadecimal digits), bytes, and one of: ignored, the reason why it needs no run; error, a fault
-- of an expression; or the values of the mapping. An error that rejects the run is recorded. After
-- a temporary fault nothing is recorded, and the sender tries again.
create or replace function howdah_private.receive_delivery(hook_id uuid, delivery jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook howdah.inbound_hooks;
  v_row howdah.inbound_deliveries;
  v_id uuid;
  v_reply jsonb;
  v_error jsonb := coalesce(delivery -> 'error',
    jsonb_build_object('code', 'ignored', 'message', delivery ->> 'ignored'));
  v_detail text;
  v_hint text;
begin
  select h.* into v_hook from howdah.inbound_hooks as h
  where h.id = receive_delivery.hook_id and h.tenant_id = howdah.current_tenant() and h.is_active;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no inbound hook %s',
        coalesce(receive_delivery.hook_id::text, 'null')),
      detail = jsonb_build_object('inbound_hook_id', receive_delivery.hook_id)::text,
      hint = 'See howdah.inbound_hooks for the hooks that exist.';
  elsif v_hook.user_id is distinct from howdah.current_user_id() then
    raise exception using errcode = 'serialization_failure',
      message = format('the user of inbound hook %s has changed', v_hook.name),
      detail = jsonb_build_object('inbound_hook_id', v_hook.id)::text;
  end if;
  v_row := howdah_private.insert_delivery(v_hook, receive_delivery.delivery);
  if v_row.requests > 1 and v_row.status <> 'failed' then
    return howdah_private.delivery_result(v_row, true);
  end if;
  if not delivery ?| array['ignored', 'error'] then
    begin
      v_id := howdah_private.begin_delivered_run(v_hook, receive_delivery.delivery);
      v_reply := howdah_private.filter_reply(v_id, nullif(delivery -> 'reply', 'null'));
      v_error := null;
    exception when others then
      if sqlstate !~ '^HW' then
        raise;
      end if;
      get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      v_id := null; -- the run is undone, variables are not
      v_error := jsonb_strip_nulls(jsonb_build_object('code', sqlstate, 'message', sqlerrm,
        'detail', nullif(v_detail, '')::jsonb, 'hint', nullif(v_hint, '')));
    end;
  end if;
  update howdah.inbound_deliveries as d
  set status = case when v_id is not null then 'accepted' when delivery ? 'ignored' then 'ignored'
      else 'failed' end::howdah.inbound_status,
    execution_id = v_id, error = v_error, reply = v_reply
  where d.tenant_id = v_hook.tenant_id and d.id = v_row.id
  returning d.* into v_row;
  return howdah_private.delivery_result(v_row, false);
end $$;

-- Deletes a batch of the deliveries of a tenant that are older than the period of its runs, and
-- returns their number. Part of retention. A null tenant stands for the deliveries of all tenants
-- that have no run.
create or replace function howdah_private.retain_deliveries(
  tenant_id uuid, keep_days int, batch int
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_count int;
begin
  delete from howdah.inbound_deliveries as d
  where d.id in (
    select o.id from howdah.inbound_deliveries as o
    where case when retain_deliveries.tenant_id is null then o.status <> 'accepted'
        else o.tenant_id = retain_deliveries.tenant_id end
      and o.last_received_at < now() - make_interval(days => retain_deliveries.keep_days)
    order by o.last_received_at limit retain_deliveries.batch
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Deletes up to ten thousand deliveries of all tenants that have no run and are thirty days old,
-- and returns their number.
create or replace function howdah_private.delete_old_deliveries() returns int
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.retain_deliveries(null, 30, 10000)
$$;
