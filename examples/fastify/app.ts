import { fastify } from 'fastify';
import type { Howdah } from 'howdah';

/** Creates a Fastify app with the API of Howdah at /howdah. */
export function createApp(howdah: Howdah) {
  const app = fastify({ forceCloseConnections: true }); // close() also ends open streams
  const handler = howdah.handler({ prefix: '/howdah' });
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers(); // Howdah reads bodies itself
    scope.addContentTypeParser('*', (_request, _body, done) => done(null));
    scope.all('/howdah/*', async (request, reply) => {
      reply.hijack();
      await handler(request.raw, reply.raw);
    });
  });
  return app;
}
