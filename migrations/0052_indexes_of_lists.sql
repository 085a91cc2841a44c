-- Up Migration
-- Indexes of lists, newest first, as tenants read them. A comparison of an enum is not leakproof,
-- so under row security it is no condition of an index. It still proves the predicate of a partial
-- index: each value that few rows may have gets one, in the order of the list.
drop index howdah.questions_status_idx, howdah.questions_open_idx, howdah.questions_closed_idx;
-- Metrics count open questions by kind from an index that holds nothing else.
create index questions_open_idx
  on howdah.questions (tenant_id, id) include (kind) where status = 'open';
create index questions_answered_idx on howdah.questions (tenant_id, id) where status = 'answered';
create index questions_expired_idx on howdah.questions (tenant_id, id) where status = 'expired';
create index questions_cancelled_idx
  on howdah.questions (tenant_id, id) where status = 'cancelled';
create index questions_texts_idx on howdah.questions (tenant_id, id) where kind = 'question';
create index questions_approvals_idx on howdah.questions (tenant_id, id) where kind = 'approval';
create index questions_effects_idx on howdah.questions (tenant_id, id) where kind = 'effect';
create index questions_updated_at_idx on howdah.questions (tenant_id, updated_at);
create index questions_tenant_expires_at_idx
  on howdah.questions (tenant_id, expires_at, id);

create index executions_cancelled_idx
  on howdah.executions (tenant_id, id) where status = 'cancelled';

drop index howdah.sessions_agent_id_idx, howdah.sessions_workflow_id_idx;
create index sessions_agent_id_idx on howdah.sessions (tenant_id, agent_id, id);
create index sessions_workflow_id_idx
  on howdah.sessions (tenant_id, workflow_id, id) where workflow_id is not null;

create index watched_rows_tenant_id_idx on howdah.watched_rows (tenant_id, execution_id);
create index watched_rows_watch_idx
  on howdah.watched_rows (tenant_id, table_trigger_id, execution_id);
create index watched_rows_waiting_idx
  on howdah.watched_rows (tenant_id, execution_id) where write_back = 'waiting';
create index watched_rows_written_idx
  on howdah.watched_rows (tenant_id, execution_id) where write_back = 'written';
create index watched_rows_superseded_idx
  on howdah.watched_rows (tenant_id, execution_id) where write_back = 'superseded';
create index watched_rows_gone_idx
  on howdah.watched_rows (tenant_id, execution_id) where write_back = 'gone';
create index watched_rows_failed_idx
  on howdah.watched_rows (tenant_id, execution_id) where write_back = 'failed';

drop index howdah.feedback_entries_created_by_idx;
create index feedback_entries_created_by_idx
  on howdah.feedback_entries (tenant_id, created_by, id);

create index webhook_deliveries_pending_idx
  on howdah.webhook_deliveries (tenant_id, id) where status = 'pending';
create index webhook_deliveries_delivered_idx
  on howdah.webhook_deliveries (tenant_id, id) where status = 'delivered';
create index webhook_deliveries_failed_idx
  on howdah.webhook_deliveries (tenant_id, id) where status = 'failed';
create index webhook_deliveries_event_idx on howdah.webhook_deliveries (tenant_id, event, id);

create index inbound_deliveries_sender_id_idx
  on howdah.inbound_deliveries (tenant_id, delivery_id) where delivery_id is not null;
create index inbound_deliveries_accepted_idx
  on howdah.inbound_deliveries (tenant_id, id) where status = 'accepted';
create index inbound_deliveries_ignored_idx
  on howdah.inbound_deliveries (tenant_id, id) where status = 'ignored';
create index inbound_deliveries_failed_idx
  on howdah.inbound_deliveries (tenant_id, id) where status = 'failed';
create index inbound_deliveries_rejected_idx
  on howdah.inbound_deliveries (tenant_id, id) where status = 'refused';

drop index howdah.mail_from_agent_id_idx, howdah.mail_to_agent_id_idx;
create index mail_from_agent_id_idx on howdah.mail (tenant_id, from_agent_id, id);
create index mail_to_agent_id_idx on howdah.mail (tenant_id, to_agent_id, id);

create index resources_name_idx on howdah.resources (tenant_id, name, id);
create index resources_type_idx on howdah.resources (tenant_id, type, id);

create index audit_log_actor_idx on howdah.audit_log (tenant_id, actor, seq);
create index audit_log_user_id_idx
  on howdah.audit_log (tenant_id, user_id, seq) where user_id is not null;
create index audit_log_api_key_id_idx
  on howdah.audit_log (tenant_id, api_key_id, seq) where api_key_id is not null;
create index audit_log_action_idx on howdah.audit_log (tenant_id, action, seq);
create index audit_log_object_idx on howdah.audit_log (tenant_id, object, seq);
create index audit_log_created_at_idx on howdah.audit_log (tenant_id, created_at);

-- Down Migration
drop index howdah.audit_log_actor_idx, howdah.audit_log_user_id_idx,
  howdah.audit_log_api_key_id_idx, howdah.audit_log_action_idx, howdah.audit_log_object_idx,
  howdah.audit_log_created_at_idx, howdah.resources_name_idx, howdah.resources_type_idx;
drop index howdah.mail_from_agent_id_idx, howdah.mail_to_agent_id_idx;
create index mail_from_agent_id_idx on howdah.mail (tenant_id, from_agent_id);
create index mail_to_agent_id_idx on howdah.mail (tenant_id, to_agent_id);
drop index howdah.inbound_deliveries_sender_id_idx, howdah.inbound_deliveries_accepted_idx, howdah.inbound_deliveries_ignored_idx,
  howdah.inbound_deliveries_failed_idx, howdah.inbound_deliveries_rejected_idx,
  howdah.webhook_deliveries_pending_idx, howdah.webhook_deliveries_delivered_idx,
  howdah.webhook_deliveries_failed_idx, howdah.webhook_deliveries_event_idx;
drop index howdah.feedback_entries_created_by_idx;
create index feedback_entries_created_by_idx on howdah.feedback_entries (tenant_id, created_by);
drop index howdah.watched_rows_tenant_id_idx, howdah.watched_rows_watch_idx,
  howdah.watched_rows_waiting_idx, howdah.watched_rows_written_idx,
  howdah.watched_rows_superseded_idx, howdah.watched_rows_gone_idx, howdah.watched_rows_failed_idx;
drop index howdah.sessions_agent_id_idx, howdah.sessions_workflow_id_idx;
create index sessions_agent_id_idx on howdah.sessions (tenant_id, agent_id);
create index sessions_workflow_id_idx
  on howdah.sessions (tenant_id, workflow_id) where workflow_id is not null;
drop index howdah.executions_cancelled_idx;
drop index howdah.questions_open_idx, howdah.questions_answered_idx, howdah.questions_expired_idx,
  howdah.questions_cancelled_idx, howdah.questions_texts_idx, howdah.questions_approvals_idx,
  howdah.questions_effects_idx, howdah.questions_updated_at_idx,
  howdah.questions_tenant_expires_at_idx;
create index questions_status_idx on howdah.questions (tenant_id, status, id);
create index questions_open_idx on howdah.questions (tenant_id, kind) where status = 'open';
create index questions_closed_idx
  on howdah.questions (tenant_id, updated_at) where status <> 'open';
