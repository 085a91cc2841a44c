import { EventEmitter, once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openEventStream } from '../../../src/api/http/event-stream.ts';
import { leftSignal, whenClosed } from '../../../src/api/limits/connection-draining.ts';

/** Returns the response of a request that a client waits for, and a way to let the client leave. */
async function openResponse(): Promise<{ response: ServerResponse; leave(): void }> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const request = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  request.on('error', () => {});
  const [, response] = await once(server, 'request');
  return { response, leave: () => request.destroy() };
}

test('a request with many statements has one listener for its client', async () => {
  const { response, leave } = await openResponse();
  const before = response.listenerCount('close');
  const signals = Array.from({ length: 50 }, () => leftSignal(response));
  expect(response.listenerCount('close')).toBe(before + 1);
  const left = once(signals[49] as AbortSignal, 'abort');
  leave();
  await left;
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test('work that no longer waits for its client is forgotten', async () => {
  const { response, leave } = await openResponse();
  const called: string[] = [];
  const work = () => void called.push('both');
  const [endFirst] = [whenClosed(response, work), whenClosed(response, work)];
  whenClosed(response, () => void called.push('forgotten'))();
  endFirst?.();
  const left = once(leftSignal(response), 'abort');
  leave();
  await left;
  expect(called).toEqual(['both']);
  whenClosed(response, () => void called.push('at once'))();
  expect(called).toEqual(['both', 'at once']);
});

test('many writers of one stream wait with one listener', async () => {
  const { response, leave } = await openResponse();
  const stream = openEventStream(response);
  const most = EventEmitter.defaultMaxListeners;
  const frame = 'x'.repeat(1_000_000); // more than the client, which reads nothing, has room for
  const writes = Array.from({ length: 3 * most }, () => stream.write(frame));
  expect(response.listenerCount('close')).toBeLessThan(most);
  expect(response.listenerCount('drain')).toBeLessThan(most);
  leave();
  await Promise.all(writes);
});
