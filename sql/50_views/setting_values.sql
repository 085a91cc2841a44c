create or replace view howdah.setting_values with (security_invoker = true) as
  select v.tenant_id, v.key, v.value, v.source, v.default_value, v.minimum, v.maximum, v.description
  from howdah_private.setting_values() as v;
comment on view howdah.setting_values is
  'All settings: the effective value for the tenant, its source, and the allowed range.';
comment on column howdah.setting_values.value is 'The effective value; null for no limit.';
comment on column howdah.setting_values.source is
  'The row that sets the value: tenant, system, or default without a row.';
comment on column howdah.setting_values.default_value is
  'The value without a row; null for no limit.';
comment on column howdah.setting_values.minimum is 'The smallest allowed value.';
comment on column howdah.setting_values.maximum is 'The largest allowed value.';
