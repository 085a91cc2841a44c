-- Tells it once more, under the same id, from the beginning of the schedule.
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
    raise exception using errcode = 'HWNTF', message = format('there is no delivery %s', redeliver.delivery_id),
      detail = jsonb_build_object('delivery_id', redeliver.delivery_id)::text,
      hint = 'Those there are stand in howdah.webhook_deliveries.';
  end if;
  perform howdah_private.enqueue_delivery(v_row.id, v_row.next_attempt_at);
  return v_row;
end $$;
comment on function howdah.redeliver(uuid) is
  'Tells a webhook once more what it was told, or could not be told, under the same id.';
