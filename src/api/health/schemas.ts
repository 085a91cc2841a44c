import type { FastifyInstance } from 'fastify';
import { systemFileSchema } from '../../systems/schema/file-schema.ts';

/**
 * Serves the schemas by which editors complete files. They contain nothing about any user, so they
 * need no login.
 */
export function schemaRoutes(app: FastifyInstance): void {
  const text = JSON.stringify(systemFileSchema());
  app.get('/schemas/agent-system.v1.json', (_request, reply) =>
    reply
      .type('application/schema+json')
      .header('cache-control', 'public, max-age=3600')
      .send(text),
  );
}
