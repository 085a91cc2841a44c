import { agentRoutes } from './agent-routes.ts';
import { agentSystemRoutes } from './agent-systems.ts';
import { definitionRoutes } from './definition-routes.ts';
import { executeRoutes } from './execute.ts';
import { executionRoutes } from './executions.ts';
import { feedbackRoutes } from './feedback.ts';
import { queryRoutes } from './query.ts';
import { questionRoutes } from './questions.ts';
import type { Route } from './route.ts';
import { talkRoutes } from './session-talk.ts';
import { sessionRoutes } from './sessions.ts';
import { settingRoutes } from './settings.ts';
import { webhookRoutes } from './webhooks.ts';

/** Every operation of the REST door. */
export const routes: readonly Route[] = [
  ...agentRoutes,
  ...executeRoutes,
  ...executionRoutes,
  ...feedbackRoutes,
  ...queryRoutes,
  ...questionRoutes,
  ...sessionRoutes,
  ...talkRoutes,
  ...agentSystemRoutes,
  ...definitionRoutes,
  ...webhookRoutes,
  ...settingRoutes,
];
