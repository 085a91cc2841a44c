import { spawnSync } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Where processes run. */
export type Machines = {
  /** In words. */
  readonly kind: string;
  /** As they reach the database. */
  readonly databaseUrl: string;
  /** One more: what its processes begin with, and the address their servers have. */
  add(): { before: readonly string[]; host: string };
  remove(): void;
};

/** A network namespace for each, on one bridge, where this user may make them (root on Linux); else all on loopback. */
export async function openMachines(databaseUrl: string): Promise<Machines> {
  const probe = `howdah-${process.pid}-probe`;
  if (process.getuid?.() !== 0 || !mayIp('netns', 'add', probe)) return onLoopback(databaseUrl);
  ip('netns', 'del', probe);
  return inNamespaces(databaseUrl);
}

function onLoopback(databaseUrl: string): Machines {
  return {
    kind: 'processes of this machine, on loopback (network namespaces take root on Linux)',
    databaseUrl,
    add: () => ({ before: [], host: '127.0.0.1' }),
    remove() {},
  };
}

/** The bridge has no way out: nobody but this machine and those on it reaches what listens there. */
async function inNamespaces(databaseUrl: string): Promise<Machines> {
  const bridge = `hwd${process.pid}`;
  const network = `198.18.${process.pid % 256}`; // kept for tests of networks, RFC 2544
  const spaces: string[] = [];
  let relay: Relay | undefined;
  const remove = () => {
    relay?.close();
    for (const space of spaces.splice(0)) mayIp('netns', 'del', space);
    mayIp('link', 'del', bridge);
  };
  process.once('exit', remove); // also when it is interrupted
  try {
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('addr', 'add', `${network}.1/24`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    relay = await startRelay(`${network}.1`, new URL(databaseUrl));
  } catch (error) {
    remove();
    throw error;
  }
  return {
    kind: 'a network namespace for each process',
    databaseUrl: relay.url,
    add() {
      const number = spaces.length + 1;
      const space = `howdah-${process.pid}-${number}`;
      const cable = `${bridge}x${number}`;
      const host = `${network}.${number + 1}`;
      ip('netns', 'add', space);
      spaces.push(space);
      ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
      ip('link', 'set', cable, 'master', bridge, 'up');
      ip('-n', space, 'addr', 'add', `${host}/24`, 'dev', 'eth0');
      ip('-n', space, 'link', 'set', 'eth0', 'up');
      ip('-n', space, 'link', 'set', 'lo', 'up');
      return { before: ['ip', 'netns', 'exec', space], host };
    },
    remove,
  };
}

type Relay = { url: string; close(): void };

/** The database on an address that the namespaces reach, since it listens on loopback alone. */
async function startRelay(host: string, database: URL): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (here) => {
    const port = Number(database.port || 5432);
    const there = connect({ port, host: database.hostname, noDelay: true });
    for (const [one, other] of [
      [here, there],
      [there, here],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.once('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const url = new URL(database);
  url.host = `${host}:${(server.address() as AddressInfo).port}`;
  return {
    url: url.toString(),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const mayIp = (...words: string[]): boolean => spawnSync('ip', words).status === 0;

function ip(...words: string[]): void {
  const { status, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
