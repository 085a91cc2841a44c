-- Describes each table in one row. Policies, permissions, privileges, the triggers of the audit log
-- and of updated_at, the export and the erasure of a user, and the erasure of runs are computed
-- from it. `test/sql/tables/table_rules.test.ts` reports a table without a row.
--
--   kind      definition: what people configure. The audit log has each change.
--             content: what people and runs say and share. If callers write it, the audit log has
--             the changes by people, and those by the engine on request (audit_contents).
--             log: what happened, written once or changed by the engine alone.
--             queue: work that is still to do, and what the engine notes for itself.
--   anchor    whose life the rows share: run, session, user or none. Contents with the anchor run
--             also end with the user of their column of class person
--   writing   what a caller must be permitted to do to write the rows: run, edit or manage. A table
--             whose rows start runs later needs `run` too
--   role      the least role that has these permissions
--   by_agent  whether a grant on the agent of the row gives them too
--   reading   the least role that may read the rows; null: everybody in the tenant
--   exported  the kind of the documents that export_user_data makes of the rows of a user. The
--             columns of class `person` say whose row it is (column_classes.sql)
--   policies  the policies besides engine and operator, and besides tenant for tables of howdah:
--             tenant (tenants see rows of a private table), inserter, eraser
--   by_hand   what is not computed, and where it is written instead:
--             sight: the condition under which a tenant sees a row (40_policies)
--             stamp: the trigger that sets updated_at (30_triggers)
--             checks: whether values are missing or violate a check, by the functions that write
--             rows for runs, where a trigger would cost each step (95_refusals)
--             audit: what the audit log has of it (30_triggers/audit.sql)
--             export: what export_user_data returns of it (export_user_data.sql)
--             names: how a user who is erased is renamed in it (erase_user_data.sql)
--             erasure: what becomes of rows whose run, session or user is erased (erase_runs.sql,
--             erase_user_data.sql), or which job removes them. Otherwise rows go with their run
create or replace function howdah_private.table_rules()
  returns table (
    object text, kind text, anchor text, writing text[], role howdah.user_role, by_agent boolean,
    reading howdah.user_role, exported text, policies text[], by_hand text[]
  )
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  -- tables that callers write
  select w.object, w.kind, w.anchor, string_to_array(w.writing, ' '), w.role::howdah.user_role,
    w.by_agent, w.reading::howdah.user_role, w.exported, string_to_array(w.policies, ' '),
    string_to_array(w.by_hand, ' ')
  from (values
    ('agent_knowledge_bases', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('agent_models', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('agent_servers', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('agent_skills', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('agent_systems', 'definition', 'none', 'manage', 'admin', false, 'admin', null, '', ''),
    ('agent_tools', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('agents', 'definition', 'none', 'edit', 'member', true, null, 'agent', 'inserter',
      'sight stamp'),
    ('alert_rules', 'definition', 'none', 'manage', 'admin', false, 'admin', null, '', ''),
    ('api_keys', 'definition', 'user', 'manage', 'admin', false, 'admin', 'api_key', '', ''),
    ('approvals', 'definition', 'none', 'manage', 'admin', false, null, 'approval', '',
      'sight erasure'),
    ('dataset_items', 'content', 'none', 'edit', 'member', false, null, 'dataset_item', '',
      'erasure'),
    ('datasets', 'definition', 'none', 'edit', 'member', false, null, null, '', ''),
    ('documents', 'content', 'none', 'edit', 'member', false, null, 'document', '', 'stamp'),
    ('executions', 'log', 'run', 'run', 'member', true, null, null, 'eraser inserter',
      'sight stamp export erasure'),
    ('feedback_entries', 'content', 'run', 'run', 'member', true, null, null, 'eraser',
      'stamp audit export erasure'),
    ('graders', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('grades', 'content', 'user', 'run', 'member', false, null, 'grade', '', 'audit sight'),
    ('grading_rules', 'definition', 'none', 'manage run', 'admin', false, null, null, '', ''),
    ('grants', 'definition', 'user', 'manage', 'admin', false, null, 'grant', '', ''),
    ('inbound_hooks', 'definition', 'none', 'manage run', 'admin', false, null, 'inbound_hook',
      '', ''),
    ('integrations', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('knowledge_bases', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('limits', 'definition', 'none', 'manage', 'admin', false, null, 'limit', '', ''),
    ('mail', 'content', 'run', 'run', 'member', true, null, null, '', 'sight export erasure'),
    ('mcp_servers', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('memories', 'content', 'user', 'run', 'member', false, null, null, '', 'sight export'),
    ('models', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('output_filters', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('prompts', 'definition', 'none', 'edit', 'member', false, null, null, '', ''),
    ('resources', 'content', 'run', 'run', 'member', false, null, null, '',
      'export names erasure'),
    ('retention_policies', 'definition', 'none', 'manage', 'owner', false, null, null, '', ''),
    ('saved_views', 'content', 'user', 'run', 'member', false, null, 'saved_view', '', 'sight'),
    ('schedules', 'definition', 'none', 'edit run', 'member', true, null, 'schedule', '', ''),
    ('secrets', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('sessions', 'content', 'session', 'run', 'member', true, null, null, '',
      'export erasure'),
    ('settings', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('skills', 'definition', 'none', 'edit', 'member', false, null, null, '', ''),
    ('todos', 'content', 'session', 'run', 'member', false, null, null, '',
      'export erasure'),
    ('tool_policies', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('tools', 'definition', 'none', 'manage', 'admin', false, null, null, '', ''),
    ('users', 'definition', 'user', 'manage', 'admin', false, null, null, '', 'export names'),
    ('version_labels', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('webhooks', 'definition', 'none', 'manage', 'admin', false, 'admin', null, '', ''),
    ('workflow_agents', 'definition', 'none', 'edit', 'member', true, null, null, '', ''),
    ('workflows', 'definition', 'none', 'edit', 'member', true, null, null, 'inserter',
      'sight stamp')
  ) as w (
    object, kind, anchor, writing, role, by_agent, reading, exported, policies, by_hand)
  union all
  -- tables that only the engine and owners write
  select e.object, e.kind, e.anchor, '{}', null, false, e.reading::howdah.user_role, e.exported,
    string_to_array(e.policies, ' '), string_to_array(e.by_hand, ' ')
  from (values
    ('account_flows', 'queue', 'none', null, null, '', ''),
    ('account_links', 'queue', 'none', null, null, '', ''),
    ('agent_system_versions', 'log', 'none', 'admin', null, '', ''),
    ('agent_versions', 'log', 'none', null, null, 'eraser', 'checks'),
    ('alert_limits', 'definition', 'none', null, null, '', ''),
    ('audit_checkpoints', 'log', 'none', null, null, '', ''),
    ('audit_heads', 'queue', 'none', null, null, '', ''),
    ('audit_inbox', 'queue', 'none', null, null, '', 'names'),
    ('audit_log', 'log', 'none', 'admin', null, '', 'names checks'),
    ('board_entries', 'content', 'run', null, null, '', 'sight export erasure'),
    ('cached_answers', 'log', 'run', null, null, 'tenant', 'sight'),
    ('chunks', 'content', 'none', null, null, '', ''),
    ('citations', 'log', 'run', null, null, '', ''),
    ('connected_accounts', 'content', 'user', null, 'connected_account', '', 'sight erasure'),
    ('data_keys', 'queue', 'none', null, null, '', ''),
    ('debounced_runs', 'queue', 'run', null, null, '', 'names'),
    ('due_answers', 'queue', 'run', null, null, '', 'erasure'),
    ('due_documents', 'queue', 'none', null, null, '', ''),
    ('due_grades', 'queue', 'run', null, null, '', 'erasure'),
    ('due_work', 'queue', 'none', null, null, '', ''),
    ('embedding_generations', 'queue', 'none', null, null, '', ''),
    ('ended_runs', 'queue', 'run', null, null, '', ''),
    ('evaluation_results', 'log', 'none', null, null, '', 'erasure'),
    ('evaluations', 'log', 'none', null, 'evaluation', '', ''),
    ('hooks', 'definition', 'none', null, null, '', ''),
    ('idempotency_keys', 'queue', 'run', null, null, '', 'erasure'),
    ('inbound_deliveries', 'log', 'run', null, null, '', 'erasure'),
    ('inbox', 'queue', 'run', null, null, 'eraser', ''),
    ('judgements', 'queue', 'run', null, null, '', ''),
    ('knowledge_watches', 'definition', 'none', null, null, '', ''),
    ('login_tenants', 'definition', 'none', null, null, '', ''),
    ('master_keys', 'definition', 'none', null, null, '', ''),
    ('mcp_prompts', 'definition', 'none', null, null, '', ''),
    ('mcp_sessions', 'queue', 'user', null, null, '', 'names'),
    ('mcp_tools', 'definition', 'none', null, null, '', ''),
    ('memory_extractions', 'log', 'run', null, null, '', ''),
    ('message_log', 'log', 'run', null, null, 'eraser tenant', 'sight export erasure'),
    ('model_tests', 'log', 'none', null, 'model_test', '', ''),
    ('needed_code', 'queue', 'none', null, null, '', ''),
    ('parked_runs', 'queue', 'run', null, null, '', 'erasure'),
    ('prompt_versions', 'log', 'none', null, null, 'eraser', ''),
    ('query_embeddings', 'queue', 'none', null, null, '', ''),
    ('query_rankings', 'queue', 'none', null, null, '', ''),
    ('questions', 'content', 'run', null, null, 'eraser',
      'sight stamp export names erasure checks'),
    ('queue_sweep', 'queue', 'none', null, null, '', ''),
    ('receivers', 'queue', 'run', null, null, '', ''),
    ('request_keys', 'queue', 'user', null, null, '', 'names'),
    ('recognition_totals', 'queue', 'none', null, null, '', ''),
    ('recognized_pages', 'queue', 'none', null, null, '', ''),
    ('rerank_totals', 'queue', 'none', null, null, '', ''),
    ('run_callbacks', 'queue', 'run', null, null, '', ''),
    ('run_heads', 'queue', 'run', null, null, 'tenant', 'sight erasure'),
    ('run_memories', 'log', 'run', null, null, '', ''),
    ('run_tags', 'queue', 'run', null, null, 'tenant', 'sight erasure'),
    ('runs_without_worker', 'queue', 'run', null, null, '', 'erasure'),
    ('sealed_documents', 'queue', 'none', null, null, '', ''),
    ('sealed_secrets', 'queue', 'none', null, null, '', ''),
    ('search_results', 'log', 'run', null, null, '', 'sight erasure'),
    ('searched_bases', 'log', 'none', null, null, 'tenant', 'sight'),
    ('searches', 'log', 'run', null, 'search', '', 'sight'),
    ('skill_versions', 'log', 'none', null, null, 'eraser', ''),
    ('status_transitions', 'log', 'none', null, null, '', ''),
    ('steps', 'log', 'run', null, null, 'eraser', 'export erasure checks'),
    ('suspects', 'queue', 'run', null, null, '', 'erasure'),
    ('table_triggers', 'definition', 'none', null, null, '', ''),
    ('tenants', 'definition', 'none', null, null, '', 'sight'),
    ('todo_changes', 'queue', 'session', null, null, '', 'erasure'),
    ('token_revocations', 'queue', 'none', null, null, '', ''),
    ('tool_names', 'queue', 'none', null, null, '', ''),
    ('tree_orders', 'queue', 'run', null, null, '', 'erasure'),
    ('usage_durations', 'log', 'none', null, null, '', ''),
    ('usage_events', 'queue', 'run', null, null, '', 'erasure'),
    ('usage_totals', 'log', 'none', null, null, '', ''),
    ('watched_rows', 'queue', 'run', null, null, '', 'stamp'),
    ('webhook_deliveries', 'queue', 'run', 'admin', null, 'eraser', ''),
    ('workflow_versions', 'log', 'none', null, null, 'eraser', '')
  ) as e (object, kind, anchor, reading, exported, policies, by_hand)
$$;
