-- Creates the recommended alert rules for a tenant. Existing rules of the same names do not change.
create or replace function howdah.use_alert_rules(webhook_id uuid default null)
  returns setof howdah.alert_rules
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  if v_tenant_id is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it with a row in howdah_private.login_tenants.';
  end if;
  perform howdah_private.permit('alert_rules', 'manage');
  if use_alert_rules.webhook_id is not null and not exists (
    select from howdah.webhooks as w
    where w.tenant_id = v_tenant_id and w.id = use_alert_rules.webhook_id
  ) then
    perform howdah_private.raise_unknown('alert_rules', 'webhook_id', 'webhooks',
      use_alert_rules.webhook_id::text, 'alert_rules_tenant_id_webhook_id_fkey');
  end if;
  insert into howdah.alert_rules (name, description, query, engine_check,
    interval_seconds, webhook_id)
  select u.name, u.description, u.query, u.engine_check, u.interval_seconds,
    use_alert_rules.webhook_id
  from (select * from howdah_private.default_alerts() union all select *
    from howdah_private.default_owner_alerts()) as u
  on conflict do nothing;
  return query select r.* from howdah.alert_rules as r where r.tenant_id = v_tenant_id
    order by r.id;
end $$;
comment on function howdah.use_alert_rules(uuid) is
  E'@behavior -*\nCreates the recommended alert rules whose names do not exist yet, and returns '
  'all rules: stuck runs, abandoned deliveries and write-backs, failing agents, old questions, '
  'unavailable MCP servers, late schedules, grading rules that fail, limits that are nearly used '
  'up. For an owner of the database, also the alerts of the installation.';
