/** A key of a tool in the environment, and the secret that it becomes. */
export type ToolKey = Readonly<{ variable: string; secretName: string; value: string }>;

/**
 * The variables in which the programs of vendors find their keys, by the secret that each becomes.
 * The first variable with a value counts. Secrets of packs have the names that the packs use.
 */
export const TOOL_KEY_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  brave: ['BRAVE_API_KEY'],
  github: ['GITHUB_TOKEN', 'GH_TOKEN'],
  gitlab: ['GITLAB_TOKEN'],
  hubspot: ['HUBSPOT_ACCESS_TOKEN'],
  jira: ['JIRA_API_TOKEN'],
  linear: ['LINEAR_API_KEY'],
  notion: ['NOTION_TOKEN', 'NOTION_API_KEY'],
  sendgrid: ['SENDGRID_API_KEY'],
  sentry: ['SENTRY_AUTH_TOKEN'],
  serpapi: ['SERPAPI_API_KEY'],
  slack: ['SLACK_BOT_TOKEN'],
  'slack-signing': ['SLACK_SIGNING_SECRET'],
  stripe: ['STRIPE_API_KEY', 'STRIPE_SECRET_KEY'],
  tavily: ['TAVILY_API_KEY'],
};

/** Returns the keys of tools in the environment. An empty variable counts as unset. */
export function toolKeys(env: Readonly<Record<string, string | undefined>>): readonly ToolKey[] {
  return Object.entries(TOOL_KEY_VARIABLES).flatMap(([secretName, variables]) => {
    const variable = variables.find((name) => env[name]?.trim());
    const value = variable && env[variable]?.trim();
    return variable && value ? [{ variable, secretName, value }] : [];
  });
}
