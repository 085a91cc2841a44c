import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type WebSocket, WebSocketServer } from 'ws';
import { isEntry } from '../../src/package-root.ts';

/**
 * Starts a process that passes the notifications of Postgres for a run to the sockets of that run,
 * and does nothing else.
 */
export async function startBareFeed(url: string): Promise<{ url: string; stop(): void }> {
  const child = fork(fileURLToPath(import.meta.url), [url]);
  const [port] = await once(child, 'message');
  return { url: `ws://127.0.0.1:${port}`, stop: () => void child.kill() };
}

if (isEntry(import.meta.url)) {
  const output = 'x'.repeat(500);
  const byRun = new Map<string, WebSocket[]>();
  const listener = new pg.Client({ connectionString: process.argv[2] });
  await listener.connect();
  listener.on('notification', ({ payload = '' }) => {
    const [id = '', seq] = payload.split(' ');
    const frame = JSON.stringify({ seq: Number(seq), kind: 'tool', name: 'ping', output });
    for (const socket of byRun.get(id) ?? []) {
      socket.send(frame);
    }
  });
  await listener.query('listen bare_feed');
  const server = createServer();
  new WebSocketServer({ server }).on('connection', (socket, { url = '' }) => {
    const id = url.slice(1);
    byRun.set(id, [...(byRun.get(id) ?? []), socket]);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    const address = server.address();
    process.send?.(typeof address === 'object' ? address?.port : undefined);
  });
  process.once('disconnect', () => process.exit());
}
