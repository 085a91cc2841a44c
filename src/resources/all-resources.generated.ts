// Generated from the rooms of src/resources: npm run generate.
import { apiKeys } from './administration/api-keys.ts';
import { approvals } from './administration/approvals.ts';
import { grants } from './administration/grants.ts';
import { hooks } from './administration/hooks.ts';
import { limits } from './administration/limits.ts';
import { outputFilters } from './administration/output-filters.ts';
import { retentionPolicies } from './administration/retention-policies.ts';
import { savedViews } from './administration/saved-views.ts';
import { secrets } from './administration/secrets.ts';
import { toolPolicies } from './administration/tool-policies.ts';
import { users } from './administration/users.ts';
import { alertRules } from './automation/alert-rules.ts';
import { inboundHooks } from './automation/inbound-hooks.ts';
import { schedules } from './automation/schedules.ts';
import { webhooks } from './automation/webhooks.ts';
import { agents } from './definitions/agents.ts';
import { connectedAccounts } from './definitions/connected-accounts.ts';
import { documents } from './definitions/documents.ts';
import { integrations } from './definitions/integrations.ts';
import { knowledgeBases } from './definitions/knowledge-bases.ts';
import { mcpServers } from './definitions/mcp-servers.ts';
import { memories } from './definitions/memories.ts';
import { models } from './definitions/models.ts';
import { prompts } from './definitions/prompts.ts';
import { resources } from './definitions/resources.ts';
import { searches } from './definitions/searches.ts';
import { skills } from './definitions/skills.ts';
import { tools } from './definitions/tools.ts';
import { workflows } from './definitions/workflows.ts';
import { datasetItems } from './quality/dataset-items.ts';
import { datasets } from './quality/datasets.ts';
import { evaluationResults } from './quality/evaluation-results.ts';
import { evaluations } from './quality/evaluations.ts';
import { graders } from './quality/graders.ts';
import { grades } from './quality/grades.ts';
import { gradingRules } from './quality/grading-rules.ts';
import type { Resource } from './resource.ts';

/** All resources. */
export const allResources: readonly Resource[] = [
  apiKeys,
  approvals,
  grants,
  hooks,
  limits,
  outputFilters,
  retentionPolicies,
  savedViews,
  secrets,
  toolPolicies,
  users,
  alertRules,
  inboundHooks,
  schedules,
  webhooks,
  agents,
  connectedAccounts,
  documents,
  integrations,
  knowledgeBases,
  mcpServers,
  memories,
  models,
  prompts,
  resources,
  searches,
  skills,
  tools,
  workflows,
  datasetItems,
  datasets,
  evaluationResults,
  evaluations,
  graders,
  grades,
  gradingRules,
];
