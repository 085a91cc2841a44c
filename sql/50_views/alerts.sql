create or replace view howdah.alerts with (security_invoker = true) as
  select a.name, a.severity, a.tenant_id, a.subject, a.since, a.detail,
    'docs/operations.md#' || a.name as runbook
  from (
    select i.* from howdah_private.installation_alerts() as i
    union all
    select l.name, l.severity, b.tenant_id, coalesce('run ' || b.execution_id, 'engine') as subject,
      null::timestamptz as since, b.rule || ': ' || b.detail as detail
    from howdah_private.alert_limits as l
    cross join howdah_private.find_violations(now() - interval '1 hour') as b
    where l.name = 'promises_broken' and l.is_active
  ) as a;
comment on view howdah.alerts is
  'Conditions that need an operator now, each with its runbook. Empty when all is well. '
  'howdah_private.alert_limits holds the thresholds. For operators.';
comment on column howdah.alerts.name is 'The alert, as in howdah_private.alert_limits.';
comment on column howdah.alerts.severity is 'critical: act now; warning: act today.';
comment on column howdah.alerts.tenant_id is 'The tenant; null for an alert of the installation.';
comment on column howdah.alerts.subject is 'The object of the alert.';
comment on column howdah.alerts.since is 'Start of the condition, if known.';
comment on column howdah.alerts.detail is 'The observation that raised the alert.';
comment on column howdah.alerts.runbook is
  'Documentation of the alert: its meaning, how to investigate and what to run.';
