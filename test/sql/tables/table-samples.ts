/** Applies an agent system, as an admin does. */
export const APPLY_AGENT_SYSTEM = `select howdah.apply_agent_system('{"version": "v1", "name": "x", "agents": {"x": {}}}')`;

/** A sample of a table. */
export type TableSample = {
  /**
   * Inserts a row of a tenant, as the owner of the database. `$1` is the tenant, `$2` a mark for
   * its texts, `$3` an agent, `$4` a session and `$5` a run of both. Absent if `makeTwoTenants`
   * makes the row by calls.
   */
  readonly row?: string | readonly string[];
  /**
   * Writes the table as a caller does who has the permission. Absent if callers do not write it.
   * `permissions.test.ts` makes the rows that the statement needs.
   */
  readonly write?: string;
};

/**
 * Each table that tenants read, in the order in which the rows are inserted. The list is kept by
 * hand, so that the tests of isolation and permissions do not depend on the rules that they check
 * (sql/04_tables).
 */
export const TABLE_SAMPLES: Record<string, TableSample> = {
  agent_models: {
    write: `delete from howdah.agent_models`,
  },
  agent_tools: {
    write: `update howdah.agent_tools set requires_approval = true`,
  },
  agent_versions: {},
  agents: {
    write: `update howdah.agents set description = 'x' where name = 'desk'`,
  },
  audit_log: {},
  board_entries: {},
  executions: {
    write: `insert into howdah.executions (agent_id, input) values (howdah.agent('desk'), 'x')`,
  },
  feedback_entries: {
    write: `select howdah.give_feedback(id, 1) from howdah.executions where status = 'queued'`,
  },
  models: {
    write: `update howdah.models set input_price = 1`,
  },
  prompt_versions: {},
  questions: {},
  sessions: {
    write: `update howdah.sessions set title = 'x'`,
  },
  skill_versions: {},
  status_transitions: {},
  steps: {},
  tenants: {},
  tools: {
    write: `update howdah.tools set requires_approval = false`,
  },
  workflow_versions: {},
  users: {
    row: `insert into howdah.users (tenant_id, username, email) values ($1, $2, $2)`,
    write: `insert into howdah.users (username) values ('x')`,
  },
  schedules: {
    row: `insert into howdah.schedules (tenant_id, name, cron, agent_id, input) values ($1, $2, '@daily', $3, $2)`,
    write: `insert into howdah.schedules (name, cron, agent_id, input) values ('x', '0 9 * * *', howdah.agent('desk'), 'x')`,
  },
  hooks: {
    row: `insert into howdah.hooks (tenant_id, event, function) values ($1, 'before_run', 'shop.on_event')`,
  },
  saved_views: {
    row: `insert into howdah.saved_views (tenant_id, name, place, filter, is_shared)
   values ($1, $2, 'runs', jsonb_build_object('agent', $2::text), true)`,
    write: `insert into howdah.saved_views (name, place, filter) values ('x', 'runs', '{}')`,
  },
  limits: {
    row: [
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, max_value) values ($1, 'agent', $3, 'running_runs', 9)`,
      // The tool belongs to no agent, so this limits no call.
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, max_value) select $1, 'tool', id, 'running_calls', 9 from howdah.tools where tenant_id = $1 and name = 'http_request'`,
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value) values ($1, 'agent', $3, 'tokens', 'month', 1e9)`,
    ],
    write: `insert into howdah.limits (metric, period, max_value) values ('runs', 'month', 1000000)`,
  },
  settings: {
    row: `insert into howdah.settings (tenant_id, key, value) values ($1, 'max_depth', '7')`,
    write: `insert into howdah.settings (key, value) values ('max_depth', '4')`,
  },
  tool_policies: {
    row: `insert into howdah.tool_policies (tenant_id, agent_id, effect, decision) values ($1, $3, 'pure', 'allow')`,
    write: `insert into howdah.tool_policies (effect, decision) values ('once', 'ask')`,
  },
  output_filters: {
    row: `insert into howdah.output_filters (tenant_id, name, pattern, is_active) values ($1, $2, $2, false)`,
    write: `insert into howdah.output_filters (name, pattern) values ('x', 'x')`,
  },
  grants: {
    row: `insert into howdah.grants (tenant_id, agent_id, role, permission) values ($1, $3, 'viewer', 'edit')`,
    write: `insert into howdah.grants (agent_id, role, permission) values (howdah.agent('desk'), 'member', 'read')`,
  },
  retention_policies: {
    row: `insert into howdah.retention_policies (tenant_id, keep_runs_days) values ($1, 999)`,
    write: `insert into howdah.retention_policies (keep_runs_days) values (9)`,
  },
  usage_totals: {
    row: `insert into howdah.usage_totals (tenant_id, day, agent_id, kind, tool, outcome, steps) values ($1, '2020-01-01', $3, 'tool', $2, 'ok', 1)`,
  },
  usage_durations: {
    row: `insert into howdah.usage_durations (tenant_id, day, tool, calls, buckets, bucket_calls, bucket_micros) values ($1, '2020-01-01', $2, 1, '{1}', '{1}', '{1}')`,
  },
  secrets: {
    row: `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, $2, '')`,
    write: `select howdah.remove_secret('openai')`,
  },
  todos: {
    row: `insert into howdah.todos (tenant_id, session_id, title) values ($1, $4, $2)`,
    write: `insert into howdah.todos (session_id, title) select id, 'x' from howdah.sessions`,
  },
  mail: {
    row: `insert into howdah.mail (tenant_id, to_agent_id, subject, content) values ($1, $3, $2, $2)`,
    write: `insert into howdah.mail (to_agent_id, content) values (howdah.agent('desk'), 'x')`,
  },
  resources: {
    row: `insert into howdah.resources (tenant_id, name, type, bytes, session_id, uri) values ($1, $2, 'text/plain', $2::text::bytea, $4, 'docs://' || $2)`,
    write: `insert into howdah.resources (name, type, bytes) values ('x', 'text/plain', 'x')`,
  },
  approvals: {
    row: `insert into howdah.approvals (tenant_id, scope, tool, agent_id, created_by) values ($1, 'agent', $2, $3, $2)`,
    write: `delete from howdah.approvals`,
  },
  workflows: {
    row: `insert into howdah.workflows (tenant_id, name, type, instruction) values ($1, $2, 'chain', $2)`,
    write: `update howdah.workflows set description = 'x'`,
  },
  workflow_agents: {
    row: `insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id, role)
   select $1, id, $3, $2 from howdah.workflows where tenant_id = $1 and name = $2`,
    write: `update howdah.workflow_agents set role = 'x'`,
  },
  model_tests: {
    row: `insert into howdah.model_tests (tenant_id, model_id, created_by)
   select $1, id, $2 from howdah.models where tenant_id = $1 limit 1`,
  },
  prompts: {
    row: `insert into howdah.prompts (tenant_id, name, template) values ($1, $2, $2)`,
    write: `update howdah.prompts set template = 'y'`,
  },
  skills: {
    // An inactive skill is part of no version.
    row: `insert into howdah.skills (tenant_id, name, description, content, is_active) values ($1, $2, $2, $2, false)`,
    write: `update howdah.skills set content = 'y'`,
  },
  agent_skills: {
    row: `insert into howdah.agent_skills (tenant_id, agent_id, skill_id)
   select $1, $3, id from howdah.skills where tenant_id = $1 and name = $2`,
    write: `update howdah.agent_skills set position = 2`,
  },
  knowledge_bases: {
    row: `insert into howdah.knowledge_bases (tenant_id, name) values ($1, $2)`,
    write: `update howdah.knowledge_bases set domain = 'x'`,
  },
  documents: {
    row: `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
   select $1, id, $2, $2 from howdah.knowledge_bases where tenant_id = $1 and name = $2`,
    write: `update howdah.documents set title = 'y'`,
  },
  chunks: {
    row: `insert into howdah.chunks (tenant_id, knowledge_base_id, document_id, seq, start_offset, end_offset, length, trust, digest, heading_path, content)
   select $1, knowledge_base_id, id, 1, 0, 1, 1, 'external', $2, '{}', $2 from howdah.documents where tenant_id = $1 and title = $2`,
  },
  searches: {},
  search_results: {},
  citations: {},
  memories: {
    row: `insert into howdah.memories (tenant_id, subject_id, scope, created_by, content)
   values ($1, $3, 'agent', $2, $2)`,
    write: `select howdah.remember('x', 'tenant')`,
  },
  datasets: {
    row: `insert into howdah.datasets (tenant_id, name) values ($1, $2)`,
    write: `insert into howdah.datasets (name) values ('x')`,
  },
  dataset_items: {
    row: `insert into howdah.dataset_items (tenant_id, dataset_id, input, expected, split, metadata)
   select $1, id, $2, to_jsonb($2::text), $2, jsonb_build_object('mark', $2::text) from howdah.datasets where tenant_id = $1 and name = $2`,
    write: `insert into howdah.dataset_items (dataset_id, input) select id, 'x' from howdah.datasets limit 1`,
  },
  graders: {
    row: `insert into howdah.graders (tenant_id, dataset_id, name, kind)
   select $1, id, $2, 'exact' from howdah.datasets where tenant_id = $1 and name = $2`,
    write: `insert into howdah.graders (name, kind) values ('x', 'exact')`,
  },
  grading_rules: {
    row: [
      `insert into howdah.graders (tenant_id, name, kind, configuration) values ($1, 'time of ' || $2, 'latency', '{"max": 1}')`,
      `insert into howdah.grading_rules (tenant_id, dataset_id, name, agent_id, graders, is_active)
   select $1, id, $2, $3, array['time of ' || $2], false from howdah.datasets where tenant_id = $1 and name = $2`,
      `update howdah.grading_rules set last_error = jsonb_build_object('message', $2::text) where tenant_id = $1`,
    ],
    write: `insert into howdah.grading_rules (name, dataset_id, agent_id, graders)
   select 'x', id, howdah.agent('desk'), '{cheap}' from howdah.datasets limit 1`,
  },
  evaluations: {
    row: `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats, version, items_digest, created_by, graders)
   select $1, id, $3, howdah.uuid_v7(), 1, 1, 1, 'x', $2, '[]' from howdah.datasets where tenant_id = $1 and name = $2`,
  },
  evaluation_results: {
    row: `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, error)
   select $1, e.id, i.id, 1, jsonb_build_object('message', $2::text) from howdah.evaluations as e
   join howdah.dataset_items as i on i.dataset_id = e.dataset_id where e.tenant_id = $1 and i.input = $2`,
  },
  grades: {
    row: `insert into howdah.grades (tenant_id, evaluation_id, evaluation_result_id, user_id, score, comment)
   select $1, r.evaluation_id, r.id, u.id, 1, $2 from howdah.evaluation_results as r
   join howdah.users as u on u.tenant_id = r.tenant_id and u.username = $2
   where r.tenant_id = $1 and r.error ->> 'message' = $2`,
    write: `select howdah.grade(id, 1) from howdah.evaluation_results where graded_at is not null`,
  },
  agent_knowledge_bases: {
    row: `insert into howdah.agent_knowledge_bases (tenant_id, agent_id, knowledge_base_id)
   select $1, $3, id from howdah.knowledge_bases where tenant_id = $1 and name = $2`,
    write: `update howdah.agent_knowledge_bases set k = 3`,
  },
  mcp_servers: {
    row: `insert into howdah.mcp_servers (tenant_id, name, type, configuration)
   values ($1, $2, 'http', '{"url": "https://mcp.example.com/"}')`,
    write: `update howdah.mcp_servers set description = 'x'`,
  },
  integrations: {
    row: `insert into howdah.integrations (tenant_id, name, resource_url)
   values ($1, $2, 'https://api.example.com/')`,
    write: `insert into howdah.integrations (name, resource_url) values ('x', 'https://api.example.com')`,
  },
  connected_accounts: {
    row: `insert into howdah.connected_accounts (tenant_id, integration_id)
   select $1, id from howdah.integrations where tenant_id = $1 and name = $2`,
  },
  mcp_tools: {
    row: `insert into howdah.mcp_tools (tenant_id, server_id, name, description, parameters, annotations, digest, status)
   select $1, id, $2, $2, '{}', '{}', $2, 'new' from howdah.mcp_servers where tenant_id = $1`,
  },
  mcp_prompts: {
    row: `insert into howdah.mcp_prompts (tenant_id, server_id, name, description, template, variables, digest, status)
   select $1, id, $2, $2, $2, '{}', $2, 'new' from howdah.mcp_servers where tenant_id = $1`,
  },
  agent_servers: {
    row: `insert into howdah.agent_servers (tenant_id, agent_id, server_id)
   select $1, $3, id from howdah.mcp_servers where tenant_id = $1 and name = $2`,
    write: `update howdah.agent_servers set allowed_tools = '{}'`,
  },
  alert_rules: {
    row: `insert into howdah.alert_rules (tenant_id, name, query, is_active) values ($1, $2, 'select ' || quote_literal($2), false)`,
    write: `insert into howdah.alert_rules (name, query) values ('x', 'select 1')`,
  },
  webhooks: {
    row: `insert into howdah.webhooks (tenant_id, url, secret_name) values ($1, 'https://hooks.example.com/' || $2, $2)`,
    write: `insert into howdah.webhooks (url) values ('https://hooks.example.com/')`,
  },
  webhook_deliveries: {
    row: `insert into howdah.webhook_deliveries (tenant_id, webhook_id, execution_id, event, url, payload, next_attempt_at)
   select $1, id, howdah.uuid_v7(), 'execution.completed', url, jsonb_build_object('type', $2::text), now() from howdah.webhooks where tenant_id = $1`,
  },
  inbound_hooks: {
    row: `insert into howdah.inbound_hooks (tenant_id, name, description, verification, secret_name, agent_id) values ($1, $2, $2, 'github', $2, $3)`,
    write: `insert into howdah.inbound_hooks (name, verification, secret_name, agent_id) values ('x', 'github', 'openai', howdah.agent('desk'))`,
  },
  inbound_deliveries: {
    row: `insert into howdah.inbound_deliveries (tenant_id, inbound_hook_id, status, error) select $1, id, 'failed', jsonb_build_object('message', $2::text) from howdah.inbound_hooks where tenant_id = $1`,
  },
  knowledge_watches: {
    row: `insert into howdah.knowledge_watches (tenant_id, knowledge_base_id, table_name, content, key_columns)
   select $1, id, $2, $2, '{id}' from howdah.knowledge_bases where tenant_id = $1`,
  },
  table_triggers: {
    row: `insert into howdah.table_triggers (tenant_id, table_name, agent_id, input, key_columns)
   values ($1, $2, $3, $2, '{id}')`,
  },
  watched_rows: {
    row: `insert into howdah.watched_rows (execution_id, tenant_id, table_trigger_id, row_key, watches)
   select howdah.uuid_v7(), $1, id, '{"id": 1}', array[id] from howdah.table_triggers where tenant_id = $1`,
  },
  version_labels: {
    row: `insert into howdah.version_labels (tenant_id, agent_id, version, label) values ($1, $3, 1, 'production')`,
    write: `select howdah.label_agent_version(howdah.agent('desk'), 1, 'production')`,
  },
  agent_systems: {
    row: `insert into howdah.agent_systems (tenant_id, name, source, digest) values ($1, $2, $2, $2)`,
    write: APPLY_AGENT_SYSTEM,
  },
  agent_system_versions: {
    row: `insert into howdah.agent_system_versions (tenant_id, agent_system_id, version, source, digest, resolved)
   select $1, id, 1, $2, $2, '{}' from howdah.agent_systems where tenant_id = $1`,
  },
  api_keys: {
    row: `insert into howdah.api_keys (tenant_id, name, prefix, hash, created_by)
   values ($1, $2, 'hwd_' || left(md5($2), 12), sha256($2::text::bytea), $2)`,
    write: `update howdah.api_keys set name = 'x'`,
  },
};
