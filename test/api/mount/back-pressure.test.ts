import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { createHandler, type MountableApi } from '../../../src/api/mount/handler.ts';
import { openMemoryConnection } from '../../../src/api/mount/memory-connection.ts';

// A server never writes far ahead of a client that reads its answer.

const CHUNK = Buffer.alloc(64 * 1024);
const TOTAL = 1_024 * CHUNK.length;
/** Capacity of the buffers of streams and of a client's sockets over TCP. */
const MAX_AHEAD = TOTAL / 2;

let written = 0;
const source = createServer((_request, response) => {
  written = 0;
  const write = (): void => {
    while (written < TOTAL) {
      written += CHUNK.length;
      if (!response.write(CHUNK)) return void response.once('drain', write);
    }
    response.end();
  };
  write();
});
const api: MountableApi = {
  isClosing: false,
  connect: (address) => openMemoryConnection(source, address),
  upgrade: (_request, socket) => void socket.destroy(),
};
const handler = createHandler(api, () => Promise.reject(new Error('nobody logs in')));

const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
});

async function readInSteps(response: Response): Promise<number> {
  let received = 0;
  for await (const chunk of response.body ?? []) {
    received += chunk.length;
    await new Promise((resolve) => setImmediate(resolve)); // the server may write now
    expect(written - received).toBeLessThan(MAX_AHEAD);
  }
  return received;
}

test('a Fetch handler', async () => {
  expect(await readInSteps(await handler(new Request('http://localhost/')))).toBe(TOTAL);
});

test('Node middleware', async () => {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await readInSteps(await fetch(`http://127.0.0.1:${port}/`))).toBe(TOTAL);
});
