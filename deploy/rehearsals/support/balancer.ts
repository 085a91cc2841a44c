import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** One address for several servers. */
export type Balancer = {
  url: string;
  /** Takes part from when it is ready, until it says that it is not. */
  join(url: string): void;
  /** Is asked nothing more, whatever it says. */
  leave(url: string): void;
  /** All but these leave, and these are there from when they are ready. Resolves when that is so. */
  turnTo(urls: readonly string[]): Promise<void>;
  /** Resolves when it is asked. */
  ready(url: string): Promise<void>;
  /** Requests given to another one. */
  readonly retried: number;
  close(): void;
};

const LOOK_MS = 100;
/** Whoever does not say within this that it is ready is not. */
const ANSWER_MS = 5_000;

/** As probes of orchestrators have it: once is nothing, unless it says that it goes. */
const MOST_MISSED = 3;

type Backend = { isReady: boolean; missed: number };

/** Whether `/readyz` said that this is why. */
function isUnready(said: string, name: string): boolean {
  try {
    const { checks } = JSON.parse(said) as { checks: { name: string; ok: boolean }[] };
    return checks.some((check) => check.name === name && !check.ok);
  } catch {
    return false;
  }
}

/**
 * Passes requests and WebSockets on, to one server after the other, over connections that are kept. It asks `/readyz` of each.
 * Given to another one is only what nobody took the connection for, and what only reads, when a kept connection ended before an
 * answer: else what has left may have been done.
 */
export async function startBalancer(): Promise<Balancer> {
  const backends = new Map<string, Backend>();
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  let turn = 0;
  let retried = 0;

  const next = (): string | undefined => {
    const ready = [...backends].filter(([, { isReady }]) => isReady).map(([url]) => url);
    turn += 1;
    return ready[turn % ready.length];
  };
  const look = async ([url, backend]: [string, Backend]) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(`${url}/readyz`, { signal }).catch(() => undefined);
    const said = (await answer?.text().catch(() => undefined)) ?? '';
    backend.missed = answer?.status === 200 ? 0 : backend.missed + 1;
    const isGoing = isUnready(said, 'draining');
    if (backend.missed === 0) backend.isReady = true;
    else if (isGoing || backend.missed >= MOST_MISSED) backend.isReady = false;
  };
  const closing = new AbortController();
  // one look after the other: on a machine that is slow to answer they would pile up
  const keepLooking = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await Promise.all([...backends].map(look));
      await delay(LOOK_MS);
    }
  };
  void keepLooking();

  const pass = (from: IncomingMessage, body: Buffer, to: ServerResponse): void => {
    const url = next();
    if (url === undefined) {
      to.writeHead(502).end('nobody is ready');
      return;
    }
    const { method, headers } = from;
    const sent = request(`${url}${from.url}`, { method, headers, agent });
    const stop = () => sent.destroy();
    to.once('close', stop);
    sent.on('response', (answer) => {
      const { connection: _, ...answerHeaders } = answer.headers;
      to.writeHead(answer.statusCode ?? 502, answerHeaders);
      answer.pipe(to);
      answer.once('error', () => to.destroy());
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      to.off('close', stop);
      const isRefused = error.code === 'ECONNREFUSED';
      const isCut = sent.reusedSocket && method === 'GET' && !to.headersSent;
      if (isRefused || isCut) {
        const backend = backends.get(url);
        if (backend && isRefused) backend.isReady = false;
        retried += 1;
        pass(from, body, to);
      } else if (!to.headersSent) to.writeHead(502).end(`${url}: ${error.message}`);
      else to.destroy();
    });
    sent.end(body);
  };

  const server = createServer(async (from, to) => {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk);
    pass(from, Buffer.concat(chunks), to);
  });
  server.on('upgrade', (from, client: Socket, head) => {
    const url = next();
    if (url === undefined) return client.destroy();
    const { hostname, port } = new URL(url);
    const lines = from.rawHeaders.flatMap((word, at, all) =>
      at % 2 ? [] : [`${word}: ${all[at + 1]}`],
    );
    const there = connect(Number(port), hostname, () => {
      there.write(`${from.method} ${from.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      there.write(head);
      there.pipe(client).pipe(there);
    });
    there.on('error', () => client.destroy());
    client.on('error', () => there.destroy());
    sockets.add(client);
    client.once('close', () => sockets.delete(client));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const balancer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    join: (url: string) => void backends.set(url, { isReady: false, missed: 0 }),
    leave: (url: string) => void backends.delete(url),
    async ready(url: string) {
      while (backends.get(url)?.isReady !== true) {
        await delay(LOOK_MS);
      }
    },
    async turnTo(urls: readonly string[]) {
      urls.forEach(balancer.join);
      await Promise.all(urls.map(balancer.ready));
      for (const url of [...backends.keys()]) if (!urls.includes(url)) balancer.leave(url);
    },
    get retried() {
      return retried;
    },
    close() {
      closing.abort();
      agent.destroy();
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
  return balancer;
}
