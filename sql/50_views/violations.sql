create or replace view howdah.violations with (security_invoker = true) as
  select * from howdah_private.find_violations(now() - interval '1 hour');
comment on view howdah.violations is
  'Broken promises of live runs and of runs that ended within the last hour. Always empty unless '
  'the engine has a bug. For operators.';
