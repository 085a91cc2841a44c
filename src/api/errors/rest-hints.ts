/** The collections of REST that show rows of a table, where the path is not its name. */
const PATHS: Readonly<Record<string, string>> = {
  agent_systems: '/agent-systems',
  agents: '/api/agents',
  alert_rules: '/api/alert-rules',
  execution_timeline: '/api/executions/ID/steps',
  executions: '/api/executions',
  mcp_servers: '/api/mcp-servers',
  models: '/api/models',
  prompts: '/api/prompts',
  questions: '/api/questions',
  resources: '/api/resources',
  sessions: '/sessions',
  setting_values: '/api/settings',
  settings: '/api/settings',
  tools: '/api/tools',
  webhook_deliveries: '/api/webhook-deliveries',
  webhooks: '/api/webhooks',
  agent_versions: '/api/agents/ID/versions',
  workflow_versions: '/api/workflows/ID/versions',
  workflows: '/api/workflows',
};

/** What REST has in place of functions that hints name. */
const CALLS: Readonly<Record<string, string>> = {
  agent: 'its id, as GET /api/agents?name=NAME shows it',
  answer_question: 'POST /api/questions/ID/answer',
  run: 'POST /api/execute',
  start_session: 'POST /sessions',
  tail: 'GET /api/executions/ID/steps',
  switch_agent: 'PUT /sessions/ID/agent',
  workflow: 'its id, as GET /api/workflows?name=NAME shows it',
};

/**
 * A hint of the database in words of REST: a table is the path of its rows, a function the request that does the same.
 * What REST has nothing for keeps its name, without the schema.
 */
export function restHint(hint: string): string {
  return hint.replace(/\bhowdah\.(\w+)(\((?:[^()']|'[^']*')*\))?/g, (_, name: string, given) => {
    const known = given === undefined ? PATHS[name] : CALLS[name];
    return known ?? `${name}${given ?? ''}`;
  });
}
