import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

// Serves the page of this folder, and forwards /api/chat to Howdah, as the server of a web
// application would: HOWDAH_URL=http://127.0.0.1:8000 node examples/chat/serve.ts

const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Bundles and serves the page on a free port, or on `port`. */
export async function servePage({ howdah, port = 0 }: { howdah: string; port?: number }) {
  const [script, page] = await Promise.all([bundle(), readFile(pathOf('index.html'), 'utf8')]);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    if (pathname.startsWith('/api/chat')) return void forward(howdah, request, response);
    const isScript = pathname === '/main.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : page);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [pathOf('main.tsx')],
    tsconfig: pathOf('tsconfig.json'),
    bundle: true,
    write: false,
    format: 'esm',
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles[0]?.text ?? '';
}

/** Forwards a request, and aborts it when the browser disconnects. */
async function forward(howdah: string, request: IncomingMessage, response: ServerResponse) {
  const { method = 'GET', url = '/', headers } = request;
  const disconnected = new AbortController();
  response.on('close', () => disconnected.abort());
  try {
    const body: Buffer[] = [];
    for await (const piece of request) body.push(piece);
    const answer = await fetch(`${howdah}${url}`, {
      method,
      headers: { 'content-type': headers['content-type'] ?? 'application/json' },
      ...(body.length > 0 && { body: Buffer.concat(body) }),
      signal: disconnected.signal,
    });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    for await (const piece of answer.body ?? []) response.write(piece);
    response.end();
  } catch {
    response.destroy();
  }
}

if (import.meta.main) {
  const howdah = process.env.HOWDAH_URL ?? 'http://127.0.0.1:8000';
  const { url } = await servePage({ howdah, port: Number(process.env.PORT ?? 3000) });
  console.log(`chat: ${url}/?agent=development`);
}
