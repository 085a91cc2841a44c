import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

// A load balancer for the rehearsals of deploys. It must lose no request itself, and hide none that
// a server lost. It reads `/readyz` of each server all the time, and distributes requests and
// WebSockets in turn among those that are ready.
//
// A request is sent to another server in two cases only: the connection was refused, or a GET
// failed on a reused connection before an answer. Otherwise the server may have acted on it.

/** One address for several servers. */
export type Balancer = {
  url: string;
  /** Adds a server. It gets requests while it is ready. */
  add(url: string): void;
  /** Removes a server. It gets no further requests. */
  remove(url: string): void;
  /** Adds servers, waits until all of them are ready, and then removes all others. */
  switchTo(urls: readonly string[]): Promise<void>;
  waitUntilReady(url: string): Promise<void>;
  /** Number of requests that were sent to another server. */
  readonly retries: number;
  close(): void;
};

const PROBE_INTERVAL_MS = 100;
/** A server that does not answer a probe within this time has failed it. */
const PROBE_TIMEOUT_MS = 5_000;
/**
 * Failed probes in a row after which a server is not ready, as in probes of orchestrators. A server
 * that reports to be draining is not ready at once.
 */
const MAX_FAILED_PROBES = 3;

type Backend = { isReady: boolean; failedProbes: number };

/** Starts a balancer without servers, on a free port. */
export async function startBalancer(): Promise<Balancer> {
  const backends = new Backends();
  const proxy = new HttpProxy(backends);
  const sockets = new Set<Socket>();
  const closing = new AbortController();
  void backends.probe(closing.signal);
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    proxy.forward(incoming, Buffer.concat(chunks), response);
  });
  server.on('upgrade', (incoming, client: Socket, head) => {
    const url = backends.next();
    if (url === undefined) return client.destroy();
    forwardSocket(incoming, client, head, new URL(url));
    sockets.add(client);
    client.once('close', () => sockets.delete(client));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (url) => backends.add(url),
    remove: (url) => backends.remove(url),
    switchTo: (urls) => backends.switchTo(urls),
    waitUntilReady: (url) => backends.waitUntilReady(url),
    get retries() {
      return proxy.retries;
    },
    close() {
      closing.abort();
      proxy.close();
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Servers behind a balancer, by URL. */
class Backends {
  readonly #backends = new Map<string, Backend>();
  #turn = 0;

  add(url: string): void {
    this.#backends.set(url, { isReady: false, failedProbes: 0 });
  }

  remove(url: string): void {
    this.#backends.delete(url);
  }

  async switchTo(urls: readonly string[]): Promise<void> {
    for (const url of urls) this.add(url);
    await Promise.all(urls.map((url) => this.waitUntilReady(url)));
    for (const url of [...this.#backends.keys()]) if (!urls.includes(url)) this.remove(url);
  }

  async waitUntilReady(url: string): Promise<void> {
    while (this.#backends.get(url)?.isReady !== true) await delay(PROBE_INTERVAL_MS);
  }

  /** Returns the next ready server, in turn. */
  next(): string | undefined {
    const ready = [...this.#backends].filter(([, { isReady }]) => isReady).map(([url]) => url);
    this.#turn += 1;
    return ready[this.#turn % ready.length];
  }

  /** Marks a server as not ready, until it passes a probe. */
  markUnready(url: string): void {
    const backend = this.#backends.get(url);
    if (backend) backend.isReady = false;
  }

  /**
   * Probes all servers until the signal. A round starts when the one before has ended: on a slow
   * machine, requests at fixed intervals would pile up.
   */
  async probe(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all([...this.#backends].map(([url, backend]) => probeBackend(url, backend)));
      await delay(PROBE_INTERVAL_MS);
    }
  }
}

async function probeBackend(url: string, backend: Backend): Promise<void> {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const response = await fetch(`${url}/readyz`, { signal }).catch(() => undefined);
  const body = (await response?.text().catch(() => undefined)) ?? '';
  backend.failedProbes = response?.status === 200 ? 0 : backend.failedProbes + 1;
  if (backend.failedProbes === 0) backend.isReady = true;
  else if (hasFailedCheck(body, 'draining') || backend.failedProbes >= MAX_FAILED_PROBES) {
    backend.isReady = false;
  }
}

/** Returns whether a body of `/readyz` names a failed check. */
function hasFailedCheck(body: string, name: string): boolean {
  try {
    const { checks } = JSON.parse(body) as { checks: { name: string; ok: boolean }[] };
    return checks.some((check) => check.name === name && !check.ok);
  } catch {
    return false;
  }
}

/** Forwards requests over connections that are reused. */
class HttpProxy {
  readonly #backends: Backends;
  readonly #agent = new Agent({ keepAlive: true });
  retries = 0;

  constructor(backends: Backends) {
    this.#backends = backends;
  }

  forward(incoming: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const url = this.#backends.next();
    if (url === undefined) {
      response.writeHead(502).end('no server is ready');
      return;
    }
    const { method, headers } = incoming;
    const outgoing = request(`${url}${incoming.url}`, { method, headers, agent: this.#agent });
    const abort = () => outgoing.destroy();
    response.once('close', abort);
    outgoing.on('response', (answer) => {
      const { connection: _, ...answerHeaders } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, answerHeaders);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      response.off('close', abort);
      const isRefused = error.code === 'ECONNREFUSED';
      const isCut = outgoing.reusedSocket && method === 'GET' && !response.headersSent;
      if (isRefused || isCut) {
        if (isRefused) this.#backends.markUnready(url);
        this.retries += 1;
        this.forward(incoming, body, response);
      } else if (!response.headersSent) response.writeHead(502).end(`${url}: ${error.message}`);
      else response.destroy();
    });
    outgoing.end(body);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Connects a client that asks for an upgrade with a server, and repeats its request there. */
function forwardSocket(
  { method, url, rawHeaders }: IncomingMessage,
  client: Socket,
  head: Buffer,
  { hostname, port }: URL,
): void {
  const lines = rawHeaders.flatMap((word, index, all) =>
    index % 2 ? [] : [`${word}: ${all[index + 1]}`],
  );
  const server = connect(Number(port), hostname, () => {
    server.write(`${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    server.write(head);
    server.pipe(client).pipe(server);
  });
  server.on('error', () => client.destroy());
  client.on('error', () => server.destroy());
}
