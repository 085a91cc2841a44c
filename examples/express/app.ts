import express from 'express';
import type { Howdah } from 'howdah';

/** Creates an Express app with the API of Howdah at /howdah, and a route that runs an agent. */
export function createApp(howdah: Howdah) {
  const app = express();
  app.use('/howdah', howdah.handler()); // before express.json(), which reads bodies
  app.use(express.json());
  app.post('/answers', async (request, response) => {
    const { agent, question } = request.body;
    const { execution_id } = await howdah.createRun({ agent, message: question });
    const { output } = await howdah.waitFor(execution_id);
    response.json({ output });
  });
  return app;
}
