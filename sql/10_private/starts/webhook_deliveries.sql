-- Webhook deliveries. An event of a run inserts a row for each webhook that subscribes to it, and a
-- job, in the transaction of the event. A worker sends the request later, and retries until the
-- receiver accepts it, or until ten attempts over about three days have failed.

-- Builds the payload of an event. Outputs over 64 kB are left out: the receiver can read the run.
create or replace function howdah_private.event_payload(e howdah.executions) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'execution_id', e.id, 'status', e.status, 'stop_reason', e.stop_reason,
    'finish_reason', e.finish_reason, 'agent', (
      select a.name from howdah.agents as a where a.id = e.agent_id and a.tenant_id = e.tenant_id),
    'workflow', (
      select w.name from howdah.workflows as w
      where w.id = e.workflow_id and w.tenant_id = e.tenant_id),
    'session_id', e.session_id, 'metadata', e.metadata,
    'output', case when octet_length(e.output) <= 65536 then e.output end,
    'output_data', case when octet_length(e.output_data::text) <= 65536 then e.output_data end,
    'is_output_left_out', coalesce(
      greatest(octet_length(e.output), octet_length(e.output_data::text)) > 65536, false),
    'error', e.error, 'tokens_in', e.tokens_in + e.children_tokens_in,
    'tokens_out', e.tokens_out + e.children_tokens_out, 'cost', e.cost + e.children_cost,
    'created_at', e.created_at, 'completed_at', e.completed_at)
$$;

-- Stores the callback of a new run, and returns what its row shows of it: a path or query may
-- contain a key.
create or replace function howdah_private.store_callback(e howdah.executions) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.run_callbacks as c (execution_id, tenant_id, url)
  values (e.id, e.tenant_id, e.callback_url)
  on conflict (execution_id) do update set url = excluded.url;
  return coalesce(substring(e.callback_url from '^\w+://[^/?#]+'), '') || '/…';
end $$;

-- Inserts a delivery of an event for each webhook that subscribes to it, and one for callback_url.
-- `e` is a root run.
create or replace function howdah_private.enqueue_webhooks(
  e howdah.executions, event text, more jsonb default '{}'
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
with deliveries as (
  insert into howdah.webhook_deliveries (
    tenant_id, webhook_id, execution_id, event, url, next_attempt_at, payload
  )
  select e.tenant_id, w.id, e.id, enqueue_webhooks.event, w.url, clock_timestamp(),
    jsonb_build_object(
      'type', enqueue_webhooks.event, 'timestamp', clock_timestamp(),
      'data', howdah_private.event_payload(e) || enqueue_webhooks.more)
  from (
    select h.id, h.url from howdah.webhooks as h
    where h.tenant_id = e.tenant_id and h.is_active and enqueue_webhooks.event = any (h.events)
      and coalesce(h.agent_id = e.agent_id, h.agent_id is null)
      and coalesce(h.workflow_id = e.workflow_id, h.workflow_id is null)
    union all
    select null, c.url from howdah_private.run_callbacks as c
    where c.execution_id = e.id and e.callback_url is not null
  ) as w
  returning id
)
select howdah_private.enqueue_delivery(d.id, clock_timestamp()) from deliveries as d
$$;

-- Inserts a delivery of the answer of a run for each different reply that its inbound deliveries
-- ask for. The event of such a delivery is `reply`, and its payload is the object that the hook
-- made of the request, with the answer as a text.
create or replace function howdah_private.enqueue_replies(e howdah.executions) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
with replies as (
  select distinct d.inbound_hook_id, d.reply, h.reply as settings
  from howdah.inbound_deliveries as d
  join howdah.inbound_hooks as h on h.id = d.inbound_hook_id and h.tenant_id = d.tenant_id
  where d.execution_id = e.id and d.tenant_id = e.tenant_id and num_nonnulls(d.reply, h.reply) = 2
),
deliveries as (
  insert into howdah.webhook_deliveries (
    tenant_id, inbound_hook_id, execution_id, event, url, next_attempt_at, payload
  )
  select e.tenant_id, r.inbound_hook_id, e.id, 'reply', r.settings ->> 'url', clock_timestamp(),
    r.reply || jsonb_build_object(coalesce(r.settings ->> 'field', 'text'), left(
      coalesce(case when e.status = 'completed'
          then coalesce(nullif(e.output, ''), e.output_data::text) end,
        format('The run ended without an answer (%s).', coalesce(e.stop_reason::text,
          e.status::text))), 40000))
  from replies as r
  returning id
)
select howdah_private.enqueue_delivery(d.id, clock_timestamp()) from deliveries as d
$$;

-- Returns the settings of the reply that a delivery sends: those that its hook has now. Null if the
-- hook sends no replies any more.
create or replace function howdah_private.reply_settings(d howdah.webhook_deliveries) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select h.reply from howdah.inbound_hooks as h
  where h.id = d.inbound_hook_id and h.tenant_id = d.tenant_id and h.is_active
$$;

-- Begins an attempt, and enqueues the next attempt first: if this worker dies before the answer,
-- another worker tries again after a minute. Returns null when nothing is left to send, or when
-- another worker is sending the delivery.
create or replace function howdah_private.begin_delivery(id uuid) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row howdah.webhook_deliveries;
  v_reply jsonb;
begin
  select howdah_private.reply_settings(d) into v_reply from howdah.webhook_deliveries as d
  where d.id = begin_delivery.id and d.event = 'reply';
  update howdah.webhook_deliveries as d
  set status = 'failed', next_attempt_at = null, last_error = 'the hook sends no replies any more'
  where d.id = begin_delivery.id and d.status = 'pending' and d.event = 'reply' and v_reply is null;
  update howdah.webhook_deliveries as d
  set status = 'failed', next_attempt_at = null, last_error = 'the webhook was switched off'
  from howdah.webhooks as w
  where d.id = begin_delivery.id and d.status = 'pending' and w.id = d.webhook_id
    and w.tenant_id = d.tenant_id and not w.is_active;
  update howdah.webhook_deliveries as d
  set attempts = d.attempts + 1, last_attempt_at = clock_timestamp(),
    next_attempt_at = clock_timestamp() + interval '1 minute',
    url = coalesce(v_reply ->> 'url', ( -- the current URL of the webhook
      select w.url from howdah.webhooks as w
      where w.id = d.webhook_id and w.tenant_id = d.tenant_id
    ), d.url)
  where d.id = begin_delivery.id and d.status = 'pending' and d.next_attempt_at <= clock_timestamp()
  returning d.* into v_row;
  if not found then
    perform howdah_private.enqueue_delivery(d.id, d.next_attempt_at)
    from howdah.webhook_deliveries as d where d.id = begin_delivery.id and d.status = 'pending';
    return null;
  end if;
  perform howdah_private.enqueue_delivery(v_row.id, v_row.next_attempt_at);
  return jsonb_build_object(
    'id', v_row.id, 'tenant_id', v_row.tenant_id, 'execution_id', v_row.execution_id,
    'url', v_row.url, 'attempt', v_row.attempts,
    'body', v_row.payload::text, 'is_reply', v_row.event = 'reply',
    'bearer_secret', v_reply ->> 'secret_name', 'webhook_id', v_row.webhook_id,
    'secrets', case when v_row.event <> 'reply'
      then to_jsonb(howdah_private.signing_secrets(v_row.tenant_id, v_row.webhook_id)) end);
end $$;

-- Enqueues the next attempt of a delivery. Replies have a job of their own, which workers of
-- earlier releases do not take: those would send the reply without its secret.
create or replace function howdah_private.enqueue_delivery(id uuid, run_at timestamptz) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    case d.event when 'reply' then 'deliver_reply' else 'deliver' end,
    json_build_object('id', d.id, 'tenant_id', d.tenant_id),
    run_at => enqueue_delivery.run_at, job_key => 'delivery ' || d.id)
  from howdah.webhook_deliveries as d where d.id = enqueue_delivery.id
$$;

-- Returns the pause after a number of attempts; null after the tenth.
create or replace function howdah_private.delivery_pause(attempts int) returns interval
  language sql immutable
  return (array[
    '5 s', '5 min', '30 min', '2 h', '5 h', '10 h', '14 h', '20 h', '24 h'
  ]::interval[])[attempts];

-- Records the outcome of an attempt. Status 2xx without an error means received; status 410
-- switches the webhook off. Retry-After counts if it asks for a longer pause than the schedule, up
-- to a day. The pause varies by 10%, so that deliveries that failed together are not retried
-- together.
create or replace function howdah_private.end_delivery(
  id uuid, attempt int, status int, error text, retry_after_ms bigint
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_received boolean := coalesce(end_delivery.status between 200 and 299
    and end_delivery.error is null, false);
  v_pause interval := case
    when not v_is_received and end_delivery.status is distinct from 410 then greatest(
    howdah_private.delivery_pause(end_delivery.attempt) * (0.9 + 0.2 * random()),
    least(coalesce(end_delivery.retry_after_ms, 0), 86400000) * interval '1 millisecond') end;
  v_row howdah.webhook_deliveries;
begin
  if howdah_private.delivery_pause(end_delivery.attempt) is null then
    v_pause := null;
  end if;
  update howdah.webhook_deliveries as d
  set status = case when v_is_received then 'delivered' when v_pause is null then 'failed'
      else 'pending' end::howdah.delivery_status,
    last_status = end_delivery.status, last_error = end_delivery.error,
    next_attempt_at = clock_timestamp() + v_pause,
    delivered_at = case when v_is_received then clock_timestamp() end
  where d.id = end_delivery.id and d.status = 'pending' and d.attempts = end_delivery.attempt
  returning d.* into v_row;
  if not found then
    return; -- another worker has tried again meanwhile
  elsif v_row.status = 'pending' then
    perform howdah_private.enqueue_delivery(v_row.id, v_row.next_attempt_at);
  else
    perform graphile_worker.remove_job('delivery ' || v_row.id);
  end if;
  if end_delivery.status = 410 then
    update howdah.webhooks as w
    set is_active = false, disabled_because = 'the receiver answered 410 Gone'
    where w.id = v_row.webhook_id and w.tenant_id = v_row.tenant_id and w.is_active;
  end if;
end $$;
