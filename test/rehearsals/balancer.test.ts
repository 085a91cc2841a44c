import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../../deploy/rehearsals/support/balancer.ts';

// What the rehearsals of deploys look through: it is to lose no request by itself, and to hide none that a server has lost.

type Backend = { url: string; server: Server; isReady: boolean; isGoing: boolean };

/** Answers with its own name. */
async function startBackend(name: string): Promise<Backend> {
  const server = createServer((request, response) => {
    if (request.url !== '/readyz') return response.end(name);
    const checks = [{ name: 'draining', ok: !backend.isGoing }];
    response.writeHead(backend.isReady && !backend.isGoing ? 200 : 503);
    return response.end(JSON.stringify({ checks }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const backend = { url, server, isReady: true, isGoing: false };
  onTestFinished(() => void server.close().closeAllConnections());
  return backend;
}

async function twoBehindOne(): Promise<{ balancer: Balancer; a: Backend; b: Backend }> {
  const balancer = await startBalancer();
  onTestFinished(() => balancer.close());
  const [a, b] = await Promise.all([startBackend('a'), startBackend('b')]);
  await balancer.turnTo([a.url, b.url]);
  return { balancer, a, b };
}

const askTwice = async ({ url }: Balancer, method = 'GET'): Promise<string[]> => {
  const one = async () => (await fetch(`${url}/`, { method })).text();
  return [await one(), await one()].sort();
};
const eventually = (work: () => Promise<void>) =>
  vi.waitFor(work, { timeout: 60_000, interval: 50 });

test('alternates between servers and skips a server that is draining', async () => {
  const { balancer, a } = await twoBehindOne();
  expect(await askTwice(balancer)).toEqual(['a', 'b']);
  a.isGoing = true;
  await eventually(async () => expect(await askTwice(balancer)).toEqual(['b', 'b']));
  expect(balancer.retried).toBe(0);
});

test('skips a server that fails its readiness checks until it is ready again', async () => {
  const { balancer, b } = await twoBehindOne();
  b.isReady = false;
  await eventually(async () => expect(await askTwice(balancer)).toEqual(['a', 'a']));
  b.isReady = true;
  await eventually(async () => expect(await askTwice(balancer)).toEqual(['a', 'b']));
});

test('sends a request to another server when the connection is refused', async () => {
  const { balancer, a } = await twoBehindOne();
  a.server.close().closeAllConnections();
  expect(await askTwice(balancer, 'POST')).toEqual(['b', 'b']);
});
