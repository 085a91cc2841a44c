import { healthPaths } from './health/health-paths.ts';
import { openApi } from './http/openapi.ts';
import { openAiPaths } from './openai/paths.ts';
import { routes } from './rest/rest-routes.ts';
import { socketPath } from './ws/socket-messages.ts';

/** The OpenAPI description at `/openapi.json`. */
export const description = openApi({
  routes,
  endpoints: [...openAiPaths, ...healthPaths],
  sockets: [socketPath],
});
