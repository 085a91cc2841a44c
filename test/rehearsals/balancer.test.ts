import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../../deploy/rehearsals/support/balancer.ts';

// The load balancer of the rehearsals of deploys. It must lose no request itself, and hide none
// that a server lost.

type Backend = { url: string; server: Server; isReady: boolean; isDraining: boolean };

/** Starts a server that answers with its name. */
async function startBackend(name: string): Promise<Backend> {
  const server = createServer((request, response) => {
    if (request.url !== '/readyz') return response.end(name);
    const checks = [{ name: 'draining', ok: !backend.isDraining }];
    response.writeHead(backend.isReady && !backend.isDraining ? 200 : 503);
    return response.end(JSON.stringify({ checks }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const backend = { url, server, isReady: true, isDraining: false };
  onTestFinished(() => void server.close().closeAllConnections());
  return backend;
}

async function startBalancedPair(): Promise<{ balancer: Balancer; a: Backend; b: Backend }> {
  const balancer = await startBalancer();
  onTestFinished(() => balancer.close());
  const [a, b] = await Promise.all([startBackend('a'), startBackend('b')]);
  await balancer.switchTo([a.url, b.url]);
  return { balancer, a, b };
}

const requestTwice = async ({ url }: Balancer, method = 'GET'): Promise<string[]> => {
  const send = async () => (await fetch(`${url}/`, { method })).text();
  return [await send(), await send()].sort();
};
const eventually = (work: () => Promise<void>) =>
  vi.waitFor(work, { timeout: 60_000, interval: 50 });

test('alternates between servers and skips a server that is draining', async () => {
  const { balancer, a } = await startBalancedPair();
  expect(await requestTwice(balancer)).toEqual(['a', 'b']);
  a.isDraining = true;
  await eventually(async () => expect(await requestTwice(balancer)).toEqual(['b', 'b']));
  expect(balancer.retries).toBe(0);
});

test('skips a server that fails its readiness checks until it is ready again', async () => {
  const { balancer, b } = await startBalancedPair();
  b.isReady = false;
  await eventually(async () => expect(await requestTwice(balancer)).toEqual(['a', 'a']));
  b.isReady = true;
  await eventually(async () => expect(await requestTwice(balancer)).toEqual(['a', 'b']));
});

test('sends a request to another server when the connection is refused', async () => {
  const { balancer, a } = await startBalancedPair();
  a.server.close().closeAllConnections();
  expect(await requestTwice(balancer, 'POST')).toEqual(['b', 'b']);
});
