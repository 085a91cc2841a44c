import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { isEntry } from '../../src/package-root.ts';

// A model that responds after a second: a local HTTP server in a process of its own. Howdah, the
// limits and the peers call it by the same HTTP client.

const RESPONSE_DELAY_MS = 1_000;

export type FakeModel = { url: string; stop(): void };

/** Starts the server. It ends with this process. */
export async function startFakeModel(): Promise<FakeModel> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url));
  const [port] = await once(child, 'message');
  return { url: `http://127.0.0.1:${port}/`, stop: () => child.kill() };
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/** Sends a request to the server. Returns the text of its response. */
export function callFakeModel(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, method: 'POST' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end('{"prompt":"hello"}');
  });
}

if (isEntry(import.meta.url)) {
  const server = createServer((incoming, response) => {
    incoming.resume();
    setTimeout(() => response.end('ok'), RESPONSE_DELAY_MS);
  });
  server.keepAliveTimeout = 120_000;
  server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 }, () => {
    const address = server.address();
    process.send?.(typeof address === 'object' ? address?.port : undefined);
  });
  process.once('disconnect', () => process.exit());
}
