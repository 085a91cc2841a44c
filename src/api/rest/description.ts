import { healthPaths } from '../health-paths.ts';
import { openAiPaths } from '../openai/paths.ts';
import { socketPath } from '../ws/messages.ts';
import { openApi } from './openapi.ts';
import { routes } from './routes.ts';

/** What the server says of itself at `/openapi.json`. */
export const description = openApi({
  routes,
  doors: [...openAiPaths, ...healthPaths],
  sockets: [socketPath],
});
