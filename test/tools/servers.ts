import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Dial, DialOptions } from '../../src/tools/egress/http-exchange.ts';

export type Seen = {
  method: string;
  path: string;
  headers: http.IncomingHttpHeaders;
  body: string;
};
type Answer = (request: Seen, response: http.ServerResponse) => void;
export type TestServer = { host: string; url: string; port: number; seen: Seen[] };

/**
 * Starts a server on a free loopback port, which runs until the test ends and records its requests.
 */
export async function startServer(
  answer: Answer,
  secure?: { key: string; cert: string },
): Promise<TestServer> {
  const seen: Seen[] = [];
  const listener: http.RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = '', url: path = '', headers } = request;
    seen.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    answer(seen.at(-1) as Seen, response);
  };
  const server = secure ? https.createServer(secure, listener) : http.createServer(listener);
  const port = await listenOnLoopback(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${port}`;
  return { host, url: `${secure ? 'https' : 'http'}://${host}`, port, seen };
}

/** Makes a server listen on loopback, and returns its port. */
export async function listenOnLoopback(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export type DialRecord = { host: string; port: number; addresses: string[]; servername?: string };

/**
 * Returns a `dial` that connects to a loopback port instead of the requested address, and records
 * the address. With it, a test can use public addresses, and a request that a faulty guard lets
 * through gets an answer.
 */
export function dialTo(port: () => number, ca?: string): Dial & { calls: DialRecord[] } {
  const calls: DialRecord[] = [];
  const dial = (options: DialOptions): net.Socket => {
    const { host, servername } = options;
    const call = { host, port: options.port, addresses: addressesOf(options) };
    calls.push(servername === undefined ? call : { ...call, servername });
    const to = { host: '127.0.0.1', port: port() };
    return options.secure
      ? tls.connect({ ...to, ...(servername ? { servername } : {}), ...(ca ? { ca } : {}) })
      : net.connect(to);
  };
  return Object.assign(dial, { calls });
}

/** Returns the addresses that `net.connect` would use: an IP address itself, or those of a name. */
function addressesOf({ host, lookup }: DialOptions): string[] {
  if (net.isIP(host) !== 0) return [host];
  let found: string[] = [];
  lookup(host, { all: true }, (_error, all) => {
    found = Array.isArray(all) ? all.map(({ address }) => address) : [all];
  });
  return found;
}
