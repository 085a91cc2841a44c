import type { FastifyInstance } from 'fastify';
import { systemFileSchema } from '../../systems/schema/file-schema.ts';

/** The schemas editors complete files by. They say nothing about anybody, so they take no login. */
export function schemaRoutes(app: FastifyInstance): void {
  const text = JSON.stringify(systemFileSchema());
  app.get('/schemas/agent-system.v1.json', (_request, reply) =>
    reply
      .type('application/schema+json')
      .header('cache-control', 'public, max-age=3600')
      .send(text),
  );
}
