import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { checkMessages } from '../../../src/api/graphql/limits/message-checks.ts';
import { MAX_READER_BYTES } from '../../../src/api/login/rights.ts';

let server: WebSocketServer;
let client: WebSocket;
let socket: WebSocket;
beforeAll(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const connected = once(server, 'connection');
  client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  [[socket]] = await Promise.all([connected, once(client, 'open')]);
});
afterAll(async () => {
  client?.terminate();
  server?.close();
  if (server) await once(server, 'close');
});

test('a message passes after those before it, a large one once its bound is known', async () => {
  const passed: string[] = [];
  const lengths: number[] = [];
  const right = Promise.withResolvers<number>();
  socket.on('message', (data: Buffer) => passed.push(JSON.parse(String(data)).type));
  checkMessages(socket, {
    mostBytesFor(length) {
      lengths.push(length);
      return right.promise;
    },
    inTurn: () => undefined,
  });
  const receive = (type: string, text = '') =>
    socket.emit('message', Buffer.from(JSON.stringify({ type, text })), false);
  receive('first');
  receive('large', 'x'.repeat(MAX_READER_BYTES));
  receive('behind');
  await new Promise(setImmediate);
  expect(passed).toEqual(['first']);
  expect(lengths).toEqual([expect.any(Number)]); // for the large message only
  right.resolve(2 * MAX_READER_BYTES);
  await expect.poll(() => passed).toEqual(['first', 'large', 'behind']);
  receive('last');
  await expect.poll(() => passed.at(-1)).toBe('last');
});
