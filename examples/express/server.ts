import { start } from 'howdah';
import { createApp } from './app.ts';

const stop = new AbortController();
const howdah = await start({ port: false, signal: stop.signal });
const server = createApp(howdah).listen(3000);
howdah.attach(server, { prefix: '/howdah' }); // GraphQL subscriptions over WebSockets

process.once('SIGTERM', () => {
  stop.abort(); // other workers take over the runs
  server.close();
});
