drop view if exists howdah.quota_usage;
create view howdah.quota_usage with (security_invoker = true) as
  select q.tenant_id, q.id as quota_id, q.scope, q.subject_id, q.metric, q.period, q.max_value, u.used,
    greatest(q.max_value - u.used, 0) as remaining, u.started_at, u.resets_at
  from howdah.quotas as q
  cross join lateral howdah_private.quota_use(q.id) as u;
comment on view howdah.quota_usage is
  E'@unique quota_id\n@foreignKey (quota_id) references howdah.quotas (id)|@foreignSingleFieldName usage\nWhat was used of each quota in the period of now. Of tokens and cost more may be used than allowed: by the model calls that were in the air.';
comment on column howdah.quota_usage.started_at is 'When the period began; null without one.';
comment on column howdah.quota_usage.resets_at is 'When the next period begins and nothing of it is used; null without one.';
