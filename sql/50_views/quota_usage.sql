create or replace view howdah.quota_usage with (security_invoker = true) as
  select q.tenant_id, q.id as quota_id, q.scope, u.subject_id, q.metric, q.period, q.max_value, u.used,
    greatest(q.max_value - u.used, 0) as remaining, u.started_at, u.resets_at
  from howdah.quotas as q
  cross join lateral howdah_private.quota_use(q.id) as u;
comment on view howdah.quota_usage is
  E'@foreignKey (quota_id) references howdah.quotas (id)|@foreignFieldName usages\nWhat was used of each quota in the period of now; of a quota for each, a row for each that used something and has none of its own. Of tokens and cost more may be used than allowed: by the model calls that were in the air.';
comment on column howdah.quota_usage.subject_id is
  'The user, agent, session or API key, of a quota for each tenant the tenant; null for the tenant and the system.';
comment on column howdah.quota_usage.started_at is 'When the period began; null without one.';
comment on column howdah.quota_usage.resets_at is 'When the next period begins and nothing of it is used; null without one.';

create or replace function howdah.quotas_usage(quota howdah.quotas) returns howdah.quota_usage
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select u.* from howdah.quota_usage as u
  where u.quota_id = quota.id and not quota.is_per_tenant
    and (quota.subject_id is not null or quota.scope in ('tenant', 'system'))
$$;
comment on function howdah.quotas_usage(howdah.quotas) is
  'What was used of it in the period of now; null for a quota for each: see usages.';
