import net from 'node:net';

/** One connection through the proxy. A silent connection stays open, but forwards nothing. */
export type ProxyConnection = { client: net.Socket; server: net.Socket; isSilent: boolean };

/**
 * Decides about each chunk: `pass` forwards it, `drop` discards it silently, `cut` destroys both
 * sockets of the connection, and a number forwards that many bytes before the cut.
 */
export type Rule = (chunk: Buffer, connection: ProxyConnection) => 'pass' | 'drop' | 'cut' | number;

export type FaultProxy = {
  /** The URL of the server through the proxy. */
  url: string;
  /** The rules of both directions, which can be replaced at any time. */
  toServer: Rule;
  toClient: Rule;
  /** Whether new connections are reset. */
  isDown: boolean;
  /** Waits before a chunk of this size is forwarded. The order of chunks is always preserved. */
  delay: ((bytes: number) => Promise<unknown>) | undefined;
  /** The open connections. */
  readonly connections: ReadonlySet<ProxyConnection>;
  /** Destroys all open connections. */
  cutAll(): void;
  close(): Promise<void>;
};

const pass: Rule = () => 'pass';

/** Starts a TCP proxy in front of a server, on a free loopback port. At first it has no faults. */
export async function startFaultProxy(url: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(url);
  const connections = new Set<ProxyConnection>();
  const listener = net.createServer((client) => {
    if (proxy.isDown) {
      client.resetAndDestroy();
      return;
    }
    const server = net.connect(Number(port || 5432), hostname);
    const connection: ProxyConnection = { client, server, isSilent: false };
    connections.add(connection);
    const end = (): void => {
      client.destroy();
      server.destroy();
      connections.delete(connection);
    };
    forward({ proxy, connection, from: client, to: server, rule: () => proxy.toServer, end });
    forward({ proxy, connection, from: server, to: client, rule: () => proxy.toClient, end });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const proxyUrl = new URL(url);
  proxyUrl.hostname = '127.0.0.1';
  proxyUrl.port = String((listener.address() as net.AddressInfo).port);
  const proxy: FaultProxy = {
    url: proxyUrl.toString(),
    toServer: pass,
    toClient: pass,
    isDown: false,
    delay: undefined,
    connections,
    cutAll() {
      for (const { client, server } of connections) {
        client.destroy();
        server.destroy();
      }
    },
    close() {
      proxy.cutAll();
      return new Promise((resolve) => listener.close(() => resolve()));
    },
  };
  return proxy;
}

type Direction = {
  proxy: FaultProxy;
  connection: ProxyConnection;
  from: net.Socket;
  to: net.Socket;
  rule: () => Rule;
  end: () => void;
};

/** Forwards one direction of a connection, as rule and delay of the proxy say. */
function forward({ proxy, connection, from, to, rule, end }: Direction): void {
  from.setNoDelay(true);
  let delayed = 0;
  let previous: Promise<unknown> = Promise.resolve();
  const write = (chunk: Buffer, isLast: boolean): void => {
    to.write(chunk, () => isLast && end());
  };
  from.on('data', (chunk: Buffer) => {
    if (connection.isSilent) return;
    const verdict = rule()(chunk, connection);
    if (verdict === 'drop') return;
    if (verdict === 'cut') return end();
    const isLast = typeof verdict === 'number';
    const forwarded = isLast ? chunk.subarray(0, verdict) : chunk;
    if (delayed === 0 && !proxy.delay) return write(forwarded, isLast);
    delayed += 1;
    previous = previous
      .then(() => proxy.delay?.(forwarded.length))
      .then(() => {
        delayed -= 1;
        write(forwarded, isLast);
      });
  });
  from.on('error', end);
  from.on('close', end);
}

/**
 * Loses the answers to the next `times` matching messages. The server executes them, but the
 * connection of the client breaks before the answer.
 */
export function loseAnswers(
  proxy: FaultProxy,
  request: RegExp,
  times = 1,
): { lostCount(): number } {
  const doomed = new Set<ProxyConnection>();
  let left = times;
  let lost = 0;
  proxy.toServer = (chunk, connection) => {
    if (left > 0 && request.test(chunk.toString('latin1'))) {
      left -= 1;
      doomed.add(connection);
    }
    return 'pass';
  };
  proxy.toClient = (_chunk, connection) => {
    if (!doomed.delete(connection)) return 'pass';
    lost += 1;
    return 'cut';
  };
  return { lostCount: () => lost };
}
