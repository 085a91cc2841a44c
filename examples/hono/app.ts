import { Hono } from 'hono';
import type { Howdah } from 'howdah';

/** Creates a Hono app with the API of Howdah at /howdah. */
export function createApp(howdah: Howdah) {
  const app = new Hono();
  const handler = howdah.handler({ prefix: '/howdah' });
  app.all('/howdah/*', (context) => handler(context.req.raw));
  return app;
}
