create or replace view howdah.setting_values with (security_invoker = true) as
  select v.tenant_id, v.key, v.value, v.source, v.default_value, v.minimum, v.maximum, v.description
  from howdah_private.setting_values() as v;
comment on view howdah.setting_values is
  'Every setting there is: what holds for the tenant now, who said so, and what may be set.';
comment on column howdah.setting_values.value is 'What holds; null: nothing is limited.';
comment on column howdah.setting_values.source is 'Whose row it is: tenant, system, or default where there is none.';
comment on column howdah.setting_values.default_value is 'What holds without a row; null: nothing is limited.';
comment on column howdah.setting_values.minimum is 'The least it may be.';
comment on column howdah.setting_values.maximum is 'The most it may be.';
