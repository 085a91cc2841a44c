import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { isEntry } from '../../src/package-root.ts';

// A model that thinks for a second: a local HTTP server in a process of its own, and the one client that Howdah, the
// limits and the peers all ask it by.

const THINKS_MS = 1_000;

export type FakeModel = { url: string; stop(): void };

export async function startFakeModel(): Promise<FakeModel> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url));
  const [port] = await once(child, 'message');
  return { url: `http://127.0.0.1:${port}/`, stop: () => child.kill() };
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

export function askFakeModel(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { agent, method: 'POST' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    asking.on('error', reject);
    asking.end('{"prompt":"hello"}');
  });
}

if (isEntry(import.meta.url)) {
  const server = createServer((incoming, answer) => {
    incoming.resume();
    setTimeout(() => answer.end('ok'), THINKS_MS);
  });
  server.keepAliveTimeout = 120_000;
  server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 }, () => {
    const address = server.address();
    process.send?.(typeof address === 'object' ? address?.port : undefined);
  });
  process.once('disconnect', () => process.exit());
}
