import { showMe } from '../../operations/administration/me.ts';
import { previewOutputFilters } from '../../operations/administration/output-filters.ts';
import {
  deleteSetting,
  getSetting,
  listSettings,
  putSetting,
} from '../../operations/administration/settings.ts';
import { useToolPolicies } from '../../operations/administration/tool-policies.ts';
import { listUsage } from '../../operations/administration/usage.ts';
import { useAlertRules } from '../../operations/automation/alert-rules.ts';
import { acceptTool } from '../../operations/definitions/mcp-tools.ts';
import { listModelCatalog } from '../../operations/definitions/model-catalog.ts';
import { listLiveRuns } from '../../operations/runs/live-runs.ts';
import { exportRun } from '../../operations/runs/run-export.ts';
import { stepRequest } from '../../operations/runs/step-request.ts';
import { editTodoList, readTodoList } from '../../operations/runs/todolists.ts';
import { allResources } from '../../resources/all-resources.generated.ts';
import { administrationRoutes } from './administration/administration-routes.ts';
import { queryRoutes } from './ask-manager.ts';
import { inboundHookRoutes } from './automation/inbound-hooks.ts';
import { webhookRoutes } from './automation/webhooks.ts';
import { agentRoutes } from './definitions/agent-routes.ts';
import { agentSystemRoutes } from './definitions/agent-systems.ts';
import { definitionRoutes } from './definitions/definition-routes.ts';
import { integrationRoutes } from './definitions/integrations.ts';
import { qualityRoutes } from './definitions/quality.ts';
import { resourceRoutes } from './framework/resource-routes.ts';
import type { Route } from './framework/route.ts';
import { knowledgeRoutes } from './knowledge/knowledge.ts';
import { memoryRoutes } from './knowledge/memories.ts';
import { resourceTypesRoute } from './resource-types.ts';
import { executeRoutes } from './runs/execute.ts';
import { executionRoutes } from './runs/executions.ts';
import { feedbackRoutes } from './runs/feedback.ts';
import { questionRoutes } from './runs/questions.ts';
import { sessionMessageRoutes } from './runs/session-messages.ts';
import { sessionRoutes } from './runs/sessions.ts';
import { watchedRowRoutes } from './watched-row-routes.ts';

/** Operations that commands share, besides those of the files above. */
const sharedOperations: readonly Route[] = [
  showMe,
  listUsage,
  listModelCatalog,
  listLiveRuns,
  exportRun,
  stepRequest,
  readTodoList,
  editTodoList,
  useAlertRules,
  acceptTool,
  listSettings,
  getSetting,
  putSetting,
  deleteSetting,
  useToolPolicies,
  previewOutputFilters,
];

/** Operations in files of their own. */
const ownRoutes: readonly Route[] = [
  ...agentRoutes,
  ...executeRoutes,
  ...executionRoutes,
  ...feedbackRoutes,
  ...queryRoutes,
  ...questionRoutes,
  ...watchedRowRoutes,
  ...sessionRoutes,
  ...sessionMessageRoutes,
  ...agentSystemRoutes,
  ...sharedOperations,
  ...definitionRoutes,
  ...webhookRoutes,
  ...inboundHookRoutes,
  ...integrationRoutes,
  ...knowledgeRoutes,
  ...memoryRoutes,
  ...qualityRoutes,
  ...administrationRoutes,
];

/** All operations on rows. A resource without operations of its own needs no file here. */
const routes: readonly Route[] = [
  ...ownRoutes,
  ...allResources
    .filter(({ path }) => !ownRoutes.some((route) => route.path === path))
    .flatMap(resourceRoutes),
];

/** All operations of the REST API. */
export const restRoutes: readonly Route[] = [...routes, resourceTypesRoute(routes)];
