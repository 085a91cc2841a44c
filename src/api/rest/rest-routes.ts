import { allResources } from '../../resources/all-resources.generated.ts';
import { administrationRoutes } from './administration/administration-routes.ts';
import { queryRoutes } from './ask-manager.ts';
import { inboundHookRoutes } from './automation/inbound-hooks.ts';
import { webhookRoutes } from './automation/webhooks.ts';
import { agentRoutes } from './definitions/agent-routes.ts';
import { agentSystemRoutes } from './definitions/agent-systems.ts';
import { definitionRoutes } from './definitions/definition-routes.ts';
import { integrationRoutes } from './definitions/integrations.ts';
import { resourceRoutes } from './framework/resource-routes.ts';
import type { Route } from './framework/route.ts';
import { modelCatalog } from './model-catalog.ts';
import { executeRoutes } from './runs/execute.ts';
import { executionRoutes } from './runs/executions.ts';
import { feedbackRoutes } from './runs/feedback.ts';
import { questionRoutes } from './runs/questions.ts';
import { sessionMessageRoutes } from './runs/session-messages.ts';
import { sessionRoutes } from './runs/sessions.ts';
import { settingRoutes } from './settings.ts';
import { watchedRowRoutes } from './watched-row-routes.ts';

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
  modelCatalog,
  ...definitionRoutes,
  ...webhookRoutes,
  ...inboundHookRoutes,
  ...integrationRoutes,
  ...settingRoutes,
  ...administrationRoutes,
];

/** All operations of the REST API. A resource without operations of its own needs no file here. */
export const restRoutes: readonly Route[] = [
  ...ownRoutes,
  ...allResources
    .filter(({ path }) => !ownRoutes.some((route) => route.path === path))
    .flatMap(resourceRoutes),
];
