create or replace view howdah.alerts with (security_invoker = true) as
  select a.name, a.severity, a.tenant_id, a.subject, a.since, a.detail, 'docs/operations.md#' || a.name as runbook
  from (
    select i.* from howdah_private.installation_alerts() as i
    union all
    select l.name, l.severity, b.tenant_id, coalesce('run ' || b.execution_id, 'engine') as subject,
      null::timestamptz as since, b.rule || ': ' || b.detail as detail
    from howdah_private.alert_limits as l cross join howdah_private.find_violations(now() - interval '1 hour') as b
    where l.name = 'promises_broken' and l.is_active
  ) as a;
comment on view howdah.alerts is
  'What needs an operator now, with the place of its runbook. Empty when all is well; howdah_private.alert_limits says from where on something is told. For operators.';
comment on column howdah.alerts.name is 'The alert, as in howdah_private.alert_limits.';
comment on column howdah.alerts.severity is 'critical: look at it now; warning: today.';
comment on column howdah.alerts.tenant_id is 'Whose it is; null when it is of the installation.';
comment on column howdah.alerts.subject is 'What it is about.';
comment on column howdah.alerts.since is 'Since when, where that is known.';
comment on column howdah.alerts.detail is 'What was found.';
comment on column howdah.alerts.runbook is 'Where it is written what it means, how to look, and what to run.';
