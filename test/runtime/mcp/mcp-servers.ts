import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Returns the path of the program of a public server from npm. */
export function programPath(name: string): string {
  const file = `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`;
  return fileURLToPath(new URL(`../../../${file}`, import.meta.url));
}

/** server-everything over streamable HTTP. */
export type HttpServer = { url: string; host: string; stop(): void };

export async function startEverythingServer(): Promise<HttpServer> {
  const port = await freePort();
  const child = spawn(process.execPath, [programPath('everything'), 'streamableHttp'], {
    env: { PATH: process.env.PATH, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await waitForListen(child);
  const host = `127.0.0.1:${port}`;
  return { url: `http://${host}/mcp`, host, stop: () => void child.kill() };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function waitForListen(child: ChildProcess): Promise<void> {
  const lines = createInterface({ input: child.stderr as Readable });
  for await (const line of lines) {
    if (/listening/i.test(line)) break;
  }
  child.stderr?.resume();
}
