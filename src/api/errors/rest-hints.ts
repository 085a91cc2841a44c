import { allResources } from '../../resources/all-resources.generated.ts';

/** The paths of rows that are no resources. */
const OTHER_PATHS: Readonly<Record<string, string>> = {
  agent_systems: '/agent-systems',
  agent_versions: '/api/agents/ID/versions',
  audit_log: '/api/audit-log',
  execution_timeline: '/api/executions/ID/steps',
  executions: '/api/executions',
  feedback_entries: '/api/executions/ID/feedback',
  inbound_deliveries: '/api/inbound-deliveries',
  prompt_versions: '/api/prompts/ID/versions',
  questions: '/api/questions',
  sessions: '/sessions',
  setting_values: '/api/settings',
  settings: '/api/settings',
  skill_versions: '/api/skills/ID/versions',
  version_labels: '/api/agents/ID/versions',
  watched_rows: '/api/watched-rows',
  webhook_deliveries: '/api/webhook-deliveries',
  workflow_versions: '/api/workflows/ID/versions',
};
/** The paths of REST that show the rows of a table. */
const PATHS: Readonly<Record<string, string>> = {
  ...OTHER_PATHS,
  ...Object.fromEntries(allResources.map(({ table, path }) => [table, path])),
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
