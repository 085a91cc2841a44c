-- The columns that callers write, and whether they delete rows. 90_grants.sql grants these
-- privileges to howdah_app. Row-level security and the permissions of table_rules() decide about
-- each row. Ids, the tenant and times are never listed, since the database writes them.
--
--   columns   written at insert and later
--   first     written at insert only
--   later     written by updates only
create or replace function howdah_private.written_columns()
  returns table (object text, columns text[], first text[], later text[], deletes boolean)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select w.object, string_to_array(w.columns, ' '), string_to_array(w.first, ' '),
    string_to_array(w.later, ' '), w.deletes
  from (values
    ('agent_knowledge_bases', 'k weight', 'agent_id knowledge_base_id', '', true),
    ('agent_models', 'model_id purpose position request_params', 'agent_id', '', true),
    ('agent_servers', 'allowed_tools', 'agent_id server_id', '', true),
    ('agent_skills', 'position', 'agent_id skill_id', '', true),
    ('agent_tools', 'configuration requires_approval', 'agent_id tool_id', '', true),
    ('agents',
      'name description instruction system_prompt prompt_id prompt_values use_history human_input '
      'context_policy allow_empty engine engine_configuration capabilities domain output_schema '
      'max_steps max_tokens max_cost max_seconds retry_for cache_answers_for working_memory '
      'memory_policy user_id is_default is_active',
      '', 'deleted_at', false),
    ('alert_rules',
      'name description query engine_check interval_seconds webhook_id is_active', '', '', true),
    ('api_keys', '', '', 'name', false),
    ('approvals', '', '', '', true),
    ('dataset_items', '',
      'dataset_id source_execution_id source_seq split input input_data input_parts history '
      'expected metadata',
      'removed_at', false),
    ('datasets', 'name description', '', '', true),
    ('documents',
      'title type content metadata reread_seconds language',
      'knowledge_base_id resource_id owns_resource url', 'status', true),
    ('executions',
      '',
      'run_at input_trust priority agent_id agent_version_id session_id workflow_id '
      'workflow_version_id max_cost input metadata input_data idempotency_key input_parts '
      'overrides callback_url history client_tools concurrency_key debounce_key debounce_ms',
      '', false),
    ('graders', 'dataset_id name kind configuration weight pass_score', '', '', true),
    ('grading_rules',
      'name dataset_id graders agent_id workflow_id sample interval_seconds delay_seconds '
      'is_active', '', '', true),
    ('grants', 'permission', 'agent_id workflow_id user_id role', '', true),
    ('inbound_hooks',
      'name description verification secret_name previous_secret_name secret_header agent_id '
      'workflow_id condition mapping session_key debounce_key debounce_ms reply is_active',
      '', '', true),
    ('integrations',
      'description resource_url account_scope grant_type scopes issuer endpoints client_id '
      'secret_name sends_resource is_active',
      'name', '', true),
    ('knowledge_bases',
      'name domain language detects_language chunking trust embedding_model_id ranking '
      'rerank_model_id rerank_candidates ocr_model_id records_searches', '', '', true),
    ('limits', 'max_value', 'scope subject_id key metric period', '', true),
    ('mail', '', 'to_agent_id thread_id to_execution_id reply_to_id content subject', '', false),
    ('mcp_servers',
      'name description type configuration trusts_annotations allows_elicitation '
      'sampling_model_id is_active',
      '', '', true),
    ('models',
      'name provider model purpose domain base_url secret_name capabilities input_price '
      'output_price cached_input_price cache_write_price unit_price price_unit context_tokens '
      'request_params fallback_position', '', '', true),
    ('output_filters', 'name pattern places action is_active', 'agent_id', '', true),
    ('prompts', 'name description template variables', '', 'deleted_at', false),
    ('resources', 'name metadata uri', 'execution_id session_id type sha256 bytes', '', true),
    ('retention_policies',
      'keep_contents_days keep_sessions_minutes keep_runs_days is_by_month encrypt_contents',
      '', '', true),
    ('saved_views', 'name filter is_shared', 'place', '', true),
    ('schedules',
      'name cron timezone agent_id workflow_id input input_data metadata session_id priority '
      'concurrency_key overlap_policy catchup_policy is_active', '', '', true),
    ('sessions', 'policy state title', 'user_id agent_id workflow_id', '', false),
    ('settings', 'value', 'scope key', '', true),
    ('skills', 'name description content is_active', '', 'deleted_at', false),
    ('todos', 'position status title note', 'session_id', '', true),
    ('tool_policies', 'min_trust decision', 'agent_id tool_id kind effect', '', true),
    ('tools',
      'name aliases description capabilities domain agent_id workflow_id parameters configuration '
      'effect compensation_tool_id requires_approval timeout_ms cache_answers_for is_active',
      'kind', '', true),
    ('users', 'username email role is_active', '', '', false),
    ('version_labels', 'version', 'agent_id workflow_id prompt_id label', '', true),
    ('webhooks',
      'url events description agent_id workflow_id secret_name previous_secret_name is_active',
      '', '', true),
    ('workflow_agents',
      'sequence_order role agent_id member_workflow_id question configuration',
      'workflow_id', '', true),
    ('workflows',
      'name description type instruction configuration max_steps max_tokens max_cost max_seconds '
      'is_active',
      '', '', false)
  ) as w (object, columns, first, later, deletes)
$$;
