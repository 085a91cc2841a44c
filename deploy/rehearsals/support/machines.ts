import { spawnSync } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

// Machines for the processes of a rehearsal. As root on Linux, each machine is a network namespace
// with an address of its own. All are connected to one bridge, which has no route to the outside.
// Elsewhere, all processes share the loopback address.

/** Machines that processes run on. */
export type Machines = {
  /** Says in words what a machine is. */
  readonly description: string;
  /** URL of the database, as the machines reach it. */
  readonly databaseUrl: string;
  add(): Machine;
  remove(): void;
};

/** The words before a command that runs on a machine, and the address of the machine. */
export type Machine = { commandPrefix: readonly string[]; host: string };

/** Creates network namespaces where this user may, and otherwise uses the loopback address. */
export async function createMachines(databaseUrl: string): Promise<Machines> {
  const probe = `howdah-${process.pid}-probe`;
  const mayCreate = process.getuid?.() === 0 && tryIp('netns', 'add', probe);
  if (!mayCreate) return loopbackMachines(databaseUrl);
  ip('netns', 'del', probe);
  return namespaceMachines(databaseUrl);
}

function loopbackMachines(databaseUrl: string): Machines {
  return {
    description: 'all processes share the loopback address; network namespaces need root on Linux',
    databaseUrl,
    add: () => ({ commandPrefix: [], host: '127.0.0.1' }),
    remove() {},
  };
}

async function namespaceMachines(databaseUrl: string): Promise<Machines> {
  const bridge = `hwd${process.pid}`;
  const network = `198.18.${process.pid % 256}`; // reserved for tests of networks by RFC 2544
  const spaces: string[] = [];
  let relay: Relay | undefined;
  const remove = () => {
    relay?.close();
    for (const space of spaces.splice(0)) tryIp('netns', 'del', space);
    tryIp('link', 'del', bridge);
  };
  process.once('exit', remove); // also after Ctrl+C
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
    description: 'each process has a network namespace of its own',
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
      return { commandPrefix: ['ip', 'netns', 'exec', space], host };
    },
    remove,
  };
}

type Relay = { url: string; close(): void };

/**
 * Starts a relay to the database on an address that the namespaces reach. The database itself
 * listens on the loopback address only.
 */
async function startRelay(host: string, database: URL): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const port = Number(database.port || 5432);
    const upstream = connect({ port, host: database.hostname, noDelay: true });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
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

/** Runs the program `ip`. Returns whether it succeeded. */
const tryIp = (...argv: string[]): boolean => spawnSync('ip', argv).status === 0;

/** Runs the program `ip`. Throws if it fails. */
function ip(...argv: string[]): void {
  const { status, stderr, error } = spawnSync('ip', argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${argv.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
