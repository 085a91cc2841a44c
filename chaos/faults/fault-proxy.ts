import net from 'node:net';

/** One connection through the proxy. A silent one stays open, and nothing passes any more. */
export type ProxyConnection = { client: net.Socket; server: net.Socket; isSilent: boolean };

/**
 * What happens to the bytes on their way; a rule sees every chunk and says `pass`, `drop` (swallowed without a word),
 * `cut` (both ends of this connection are torn down) or how many bytes still pass before it is cut.
 */
export type Rule = (chunk: Buffer, connection: ProxyConnection) => 'pass' | 'drop' | 'cut' | number;

export type FaultProxy = {
  /** The same database through the proxy. */
  url: string;
  /** Replace them at any time. */
  toServer: Rule;
  toClient: Rule;
  /** Refuses new connections while true. */
  isDown: boolean;
  /** How long so many bytes take; undefined: no time. What is on its way stays in order, whatever this becomes. */
  delay: ((bytes: number) => Promise<unknown>) | undefined;
  /** The connections there are. */
  readonly connections: ReadonlySet<ProxyConnection>;
  /** Tears down all connections there are. */
  cutAll(): void;
  close(): Promise<void>;
};

const pass: Rule = () => 'pass';

/** A TCP proxy in front of the database at `url`, on a free loopback port, which does as its rules say. */
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
    const carry = (from: net.Socket, to: net.Socket, rule: () => Rule): void => {
      from.setNoDelay(true);
      let underWay = 0;
      let before: Promise<unknown> = Promise.resolve();
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
        if (underWay === 0 && !proxy.delay) return write(forwarded, isLast);
        underWay += 1;
        before = before
          .then(() => proxy.delay?.(forwarded.length))
          .then(() => {
            underWay -= 1;
            write(forwarded, isLast);
          });
      });
      from.on('error', end);
      from.on('close', end);
    };
    carry(client, server, () => proxy.toServer);
    carry(server, client, () => proxy.toClient);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String((listener.address() as net.AddressInfo).port);
  const proxy: FaultProxy = {
    url: through.toString(),
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

/**
 * Loses the answers to the next `times` messages that match: the server does the work, the client only sees its
 * connection break.
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
