-- Sends a webhook delivery again, under the same id and with all its attempts.
create or replace function howdah.redeliver(delivery_id uuid) returns howdah.webhook_deliveries
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_row howdah.webhook_deliveries;
begin
  perform howdah_private.permit('webhooks', 'manage');
  update howdah.webhook_deliveries as d
  set status = 'pending', attempts = 0, next_attempt_at = clock_timestamp(), delivered_at = null
  where d.id = redeliver.delivery_id and d.tenant_id = v_tenant_id
  returning d.* into v_row;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no delivery %s', coalesce(redeliver.delivery_id::text, 'null')),
      detail = jsonb_build_object('delivery_id', redeliver.delivery_id)::text,
      hint = 'See howdah.webhook_deliveries for the deliveries that exist.';
  end if;
  perform howdah_private.enqueue_delivery(v_row.id, v_row.next_attempt_at);
  return v_row;
end $$;
comment on function howdah.redeliver(uuid) is
  'Sends a webhook delivery again under the same id, whether the earlier delivery succeeded or '
  'failed.';
