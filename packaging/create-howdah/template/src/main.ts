import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { start } from 'howdah';
import { createApp } from './app.ts';
import { passwordOf } from './login.ts';
import { setUp } from './set-up.ts';
import { deliveryDate } from './tools/delivery-date.ts';

if (existsSync('.env')) process.loadEnvFile();
const { HOST: host = '127.0.0.1', PORT: port = '3000' } = process.env;
const password = passwordOf(process.env);

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const howdah = await start({
  port: false,
  auth: password ? 'required' : 'none', // none is refused unless HOST is a loopback address
  tools: [deliveryDate],
  signal: stop.signal,
});
await setUp(howdah);

const server = createApp(howdah, password);
server.listen(Number(port), host, () => {
  const { port: opened } = server.address() as AddressInfo;
  console.log(`The app is at http://${host}:${opened}`);
  console.log(`Login: ${password ? 'any name, and APP_PASSWORD' : 'none, this machine only'}`);
});
stop.signal.addEventListener('abort', () => {
  server.close();
  server.closeAllConnections();
});
