-- Checks alert rules and limits their number.

-- Checks a rule. A new or changed rule is due at once. Only owners of the database may use the
-- engine checks violations and alerts, because these cover all tenants.
create or replace function howdah_private.tg_alert_rules__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.engine_check in ('violations', 'alerts') and not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN',
      message = format('only an owner of the database may use the engine_check %s: it covers all '
        'tenants', new.engine_check),
      detail = jsonb_build_object('field', 'engine_check')::text,
      hint = 'Set query to one SELECT that finds no rows when all is well, or engine_check to '
        'failed_deliveries.';
  end if;
  if new.query
      ~ '^\s*("([^"]|"")+"|[[:alpha:]_][\w$]*)\s*\.\s*("([^"]|"")+"|[[:alpha:]_][\w$]*)\s*$' then
    new.query := 'table ' || btrim(new.query); -- the name of a view
  end if;
  -- checks only the first word; a write inside a query fails in the read-only transaction later
  if regexp_replace(new.query, '^(\s|\(|--[^\n]*(\n|$)|/\*.*?\*/)+', '')
      !~* '^(select|with|values|table)\M' then
    raise exception using errcode = 'HWINV',
      message = 'the query of an alert rule must be one SELECT, which writes nothing',
      detail = jsonb_build_object('field', 'query')::text,
      hint = 'Write one SELECT that finds no rows when all is well, or name a view with its '
        'schema, such as ops.overdue_orders. To act on an alert, use the receiver of a webhook.';
  end if;
  if tg_op = 'UPDATE' and (new.query, new.engine_check, new.is_active, new.interval_seconds)
      is distinct from (old.query, old.engine_check, old.is_active, old.interval_seconds) then
    new.next_at := clock_timestamp();
    new.state := case
      when (new.query, new.engine_check) is distinct from (old.query, old.engine_check)
        then 'unknown'
      else new.state
    end;
  end if;
  return new;
end $$;
create or replace trigger _300_check
  before insert or update of query, engine_check, is_active, interval_seconds on howdah.alert_rules
  for each row execute function howdah_private.tg_alert_rules__check();
create or replace trigger _310_refuse_keys
  before insert or update of name, description, query on howdah.alert_rules
  for each row
  execute function howdah_private.tg__refuse_keys_in_texts('name', 'description', 'query');

-- Limits the number of rules of a tenant, because each rule is a periodic query. The advisory lock
-- serialises inserts of a tenant, so that concurrent transactions cannot exceed the limit together.
create or replace function howdah_private.tg_alert_rules__limit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max_rules constant int := 200;
  v_tenant_id uuid;
begin
  for v_tenant_id in select distinct n.tenant_id from new_rows as n order by n.tenant_id loop
    perform pg_advisory_xact_lock(hashtextextended('howdah.alert_rules ' || v_tenant_id, 0));
    if (
      select count(*) from howdah.alert_rules as r where r.tenant_id = v_tenant_id
    ) > v_max_rules then
      raise exception using errcode = 'HWQTA',
        message = format('maximum number of alert rules of a tenant (%s) reached', v_max_rules),
        detail = jsonb_build_object('max_rules', v_max_rules)::text,
        hint = 'Delete alert rules, or combine them: one query can return a row for each of '
          'several conditions.';
    end if;
  end loop;
  return null;
end $$;
create or replace trigger _500_limit after insert on howdah.alert_rules
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_alert_rules__limit();
