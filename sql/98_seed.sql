-- Seeds the rows that belong to the schema itself.
select howdah_private.ensure_partitions();

insert into howdah.status_transitions (from_status, to_status, cause) values
  ('queued', 'running', 'a worker claimed it'),
  ('queued', 'paused', 'pause_execution'),
  ('queued', 'failed', 'its workers crashed repeatedly'),
  ('queued', 'waiting', 'a limit is reached'),
  ('queued', 'cancelled', 'cancel_execution'),
  ('running', 'completed', 'the agent answered'),
  ('running', 'failed', 'an error or a limit'),
  ('running', 'cancelled', 'cancel_execution'),
  ('running', 'waiting', 'it waits for a person, a child, a timer or a limit'),
  ('running', 'paused', 'pause_execution, after the step in progress committed'),
  ('running', 'queued', 'its worker was drained or died'),
  ('waiting', 'queued', 'its turn came, an answer arrived, a child ended, or capacity became free'),
  ('waiting', 'paused', 'pause_execution'),
  ('waiting', 'failed', 'a question expired without an answer'),
  ('waiting', 'running', 'its timer fired and a worker claimed it'),
  ('waiting', 'cancelled', 'cancel_execution'),
  ('paused', 'queued', 'resume_execution'),
  ('paused', 'waiting', 'resume_execution, and its reason for waiting still holds'),
  ('paused', 'failed', 'a question expired without an answer'),
  ('paused', 'cancelled', 'cancel_execution'),
  ('failed', 'queued', 'retry_execution'),
  ('failed', 'waiting', 'retry_execution, and another run of its session is live'),
  ('cancelled', 'queued', 'retry_execution'),
  ('cancelled', 'waiting', 'retry_execution, and another run of its session is live')
on conflict (from_status, to_status) do update set cause = excluded.cause;

insert into howdah.tenants (slug, name) values ('default', 'Default') on conflict do nothing;

select howdah_private.seed_builtin_tools(t.id), howdah_private.seed_manager(t.id)
from howdah.tenants as t order by t.id;

-- Begins the audit log of tenants that have none.
select howdah_private.audit_action(t.id, 'begin', 'audit_log', t.id::text) from howdah.tenants as t
where not exists (select from howdah_private.audit_heads as h where h.tenant_id = t.id)
  and not exists (select from howdah_private.audit_inbox as i where i.tenant_id = t.id)
order by t.id;

insert into howdah_private.installation (has_settings, has_input_filters, has_run_limits)
select exists (select from howdah.settings), exists (select from howdah.output_filters),
  exists (select from howdah.limits)
on conflict do nothing;

-- Creates the queue task before the first run. Otherwise the first insert would create it, and
-- every other insert would wait for the end of that transaction.
select graphile_worker.add_job('advance', job_key => 'howdah.seed');
select graphile_worker.remove_job('howdah.seed');
