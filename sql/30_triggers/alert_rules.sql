-- A rule that is written anew is asked at once. The engine's own promises, and the alerts of the installation, are of all
-- tenants: only owners of the database ask for them.
create or replace function howdah_private.tg_alert_rules__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.engine_check in ('violations', 'alerts') and not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = format('%s are of all tenants, and asked for by owners of the database alone', new.engine_check),
      detail = jsonb_build_object('field', 'engine_check')::text,
      hint = 'Write one SELECT that finds nothing when all is well, or the check failed_deliveries.';
  end if;
  if new.query ~ '^\s*("([^"]|"")+"|[[:alpha:]_][\w$]*)\s*\.\s*("([^"]|"")+"|[[:alpha:]_][\w$]*)\s*$' then
    new.query := 'table ' || btrim(new.query); -- a view, by its name
  end if;
  -- what begins otherwise is no query; what a query hides, its first look refuses
  if regexp_replace(new.query, '^(\s|\(|--[^\n]*(\n|$)|/\*.*?\*/)+', '') !~* '^(select|with|values|table)\M' then
    raise exception using errcode = 'HWINV', message = 'the query of an alert rule is one SELECT: it reads and writes nothing',
      detail = jsonb_build_object('field', 'query')::text,
      hint = 'Write one SELECT that finds nothing when all is well, or name a view with its schema: ops.overdue_orders. What is to be done then, does the receiver of a webhook.';
  end if;
  if tg_op = 'UPDATE' and (new.query, new.engine_check, new.is_active, new.interval_seconds)
      is distinct from (old.query, old.engine_check, old.is_active, old.interval_seconds) then
    new.next_at := clock_timestamp();
    new.state := case when (new.query, new.engine_check) is distinct from (old.query, old.engine_check) then 'unknown' else new.state end;
  end if;
  return new;
end $$;
create or replace trigger _100_stamp before update on howdah.alert_rules
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _300_check before insert or update of query, engine_check, is_active, interval_seconds on howdah.alert_rules
  for each row execute function howdah_private.tg_alert_rules__check();
create or replace trigger _310_refuse_keys before insert or update of name, description, query on howdah.alert_rules
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'description', 'query');

-- Each rule is a query again and again: a tenant has so many. Two who write rules at once are counted one after the other.
create or replace function howdah_private.tg_alert_rules__limit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant int := 200;
  v_tenant_id uuid;
begin
  for v_tenant_id in select distinct n.tenant_id from new_rows as n order by n.tenant_id loop
    perform pg_advisory_xact_lock(hashtextextended('howdah.alert_rules ' || v_tenant_id, 0));
    if (select count(*) from howdah.alert_rules as r where r.tenant_id = v_tenant_id) > v_most then
      raise exception using errcode = 'HWQTA',
        message = format('a tenant has at most %s alert rules', v_most),
        detail = jsonb_build_object('max_rules', v_most)::text,
        hint = 'Delete some: one query can look for several things, each a row of what it finds.';
    end if;
  end loop;
  return null;
end $$;
create or replace trigger _500_limit after insert on howdah.alert_rules
  referencing new table as new_rows for each statement execute function howdah_private.tg_alert_rules__limit();
