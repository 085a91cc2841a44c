import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { chatPaths } from './chat-ui/chat-paths.ts';
import { DOCS_POLICY, renderDocsPage } from './docs-page.ts';
import { healthPaths } from './health/health-paths.ts';
import { openApi } from './http/openapi.ts';
import { inboundPaths } from './inbound/inbound-paths.ts';
import { openAiPaths } from './openai/paths.ts';
import { protocolPaths } from './protocol-paths.ts';
import { referenceRoutes } from './reference-page.ts';
import { restRoutes } from './rest/rest-routes.ts';
import { socketPath } from './ws/socket-messages.ts';

/** The OpenAPI description at `/openapi.json`, except for its security. */
export const description = openApi({
  routes: restRoutes,
  endpoints: [...chatPaths, ...inboundPaths, ...openAiPaths, ...protocolPaths, ...healthPaths],
  sockets: [socketPath],
});

/**
 * Serves the description of the REST API, for programs and for people. The description contains
 * nothing about any user, so it needs no login.
 */
export function descriptionRoutes(app: FastifyInstance, { auth }: Pick<Config, 'auth'>): void {
  const security = auth === 'none' ? [{}, { bearer: [] }] : [{ bearer: [] }];
  const text = JSON.stringify({ ...description, security });
  const page = renderDocsPage(description);
  app.get('/openapi.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(text),
  );
  app.get('/docs', (_request, reply) =>
    reply
      .header('content-security-policy', DOCS_POLICY)
      .type('text/html; charset=utf-8')
      .send(page),
  );
  referenceRoutes(app);
}
