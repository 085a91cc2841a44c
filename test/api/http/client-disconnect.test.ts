import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createConnectionDraining } from '../../../src/api/limits/connection-draining.ts';

const GRACE_MS = 250;

/** Starts to watch one connection that has sent nothing. */
async function watchOne() {
  const departure = createConnectionDraining();
  const server = createServer((socket) => {
    departure.watchConnection(socket.on('error', () => {}).resume());
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  client.on('error', () => {}).resume();
  const [[socket]] = await Promise.all([accepted, once(client, 'connect')]);
  return { departure, client, socket: socket as Socket };
}

/** Resolves after the event loop has read its sockets, so that the next read is one turn later. */
const afterRead = () => new Promise((resolve) => setImmediate(resolve));

test('an idle connection closes after the grace period', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { departure, client, socket } = await watchOne();
  const closed = once(client, 'close');
  departure.close();
  vi.advanceTimersByTime(GRACE_MS - 1);
  await afterRead();
  expect(socket.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(await closed).toEqual([false]); // closed without an error
});

test('a request that a busy event loop has not read yet keeps its connection open', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { departure, client, socket } = await watchOne();
  departure.close();
  await afterRead();
  client.write('GET / HTTP/1.1\r\n');
  vi.advanceTimersByTime(GRACE_MS); // the event loop was busy: the timer runs before the read
  expect(socket.bytesRead).toBe(0);
  await afterRead();
  await afterRead();
  expect(socket.destroyed).toBe(false);
  expect(socket.bytesRead).toBeGreaterThan(0);
});
