/**
 * The REST collections that show the rows of a table, where the path is not the name of the table.
 */
const PATHS: Readonly<Record<string, string>> = {
  agent_systems: '/agent-systems',
  agents: '/api/agents',
  alert_rules: '/api/alert-rules',
  api_keys: '/api/api-keys',
  approvals: '/api/approvals',
  audit_log: '/api/audit-log',
  execution_timeline: '/api/executions/ID/steps',
  executions: '/api/executions',
  grants: '/api/grants',
  hooks: '/api/hooks',
  limits: '/api/limits',
  mcp_servers: '/api/mcp-servers',
  models: '/api/models',
  output_filters: '/api/output-filters',
  prompt_versions: '/api/prompts/ID/versions',
  prompts: '/api/prompts',
  questions: '/api/questions',
  resources: '/api/resources',
  retention_policies: '/api/retention-policies',
  schedules: '/api/schedules',
  secrets: '/api/secrets',
  sessions: '/sessions',
  setting_values: '/api/settings',
  settings: '/api/settings',
  skill_versions: '/api/skills/ID/versions',
  skills: '/api/skills',
  tool_policies: '/api/tool-policies',
  tools: '/api/tools',
  users: '/api/users',
  version_labels: '/api/agents/ID/versions',
  webhook_deliveries: '/api/webhook-deliveries',
  webhooks: '/api/webhooks',
  agent_versions: '/api/agents/ID/versions',
  workflow_versions: '/api/workflows/ID/versions',
  workflows: '/api/workflows',
};

/** The REST requests for functions that hints name. */
const CALLS: Readonly<Record<string, string>> = {
  add_input: 'POST /api/executions/ID/input',
  agent: 'its id, from GET /api/agents?name=NAME',
  answer_question: 'POST /api/questions/ID/answer',
  revoke_api_key: 'POST /api/api-keys/ID/revoke',
  run: 'POST /api/execute',
  run_schedule: 'POST /api/schedules/ID/run',
  schedule_times: 'GET /api/schedules/times',
  start_session: 'POST /sessions',
  tail: 'GET /api/executions/ID/steps',
  switch_agent: 'PUT /sessions/ID/agent',
  workflow: 'its id, from GET /api/workflows?name=NAME',
};

/**
 * Translates a hint of the database to REST. A table becomes the path of its rows, and a function
 * becomes the request that does the same. A name without an equivalent in REST is kept without its
 * schema.
 */
export function restHint(hint: string): string {
  return hint.replace(/\bhowdah\.(\w+)(\((?:[^()']|'[^']*')*\))?/g, (_, name: string, args) => {
    const known = args === undefined ? PATHS[name] : CALLS[name];
    return known ?? `${name}${args ?? ''}`;
  });
}
