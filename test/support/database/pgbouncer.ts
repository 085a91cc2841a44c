import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { serverAccount } from '../../../src/db/embedded/system-account.ts';

/** The reason why PgBouncer is not available; undefined if it is. */
export const noPgbouncer =
  spawnSync('pgbouncer', ['--version'], { stdio: 'ignore' }).status === 0
    ? undefined
    : 'there is no pgbouncer on this machine (apt-get install pgbouncer)';

export type Pgbouncer = {
  /** Returns the URL of the same database behind the pooler. */
  urlOf(url: string): string;
  /** Returns the output of `show` in the console of PgBouncer, for example of `show pools`. */
  show(what: string): Promise<Record<string, string>[]>;
  stop(): Promise<void>;
};

/**
 * Starts PgBouncer in transaction mode for all databases of the server at `url`, with `poolSize`
 * connections for each database. `more` contains further lines of its configuration.
 */
export async function startPgbouncer(
  url: string,
  poolSize: number,
  more: readonly string[] = [],
): Promise<Pgbouncer> {
  const { hostname, port: serverPort, username, password } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), 'howdah-pgbouncer-'));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const login = [
    `user=${decodeURIComponent(username)}`,
    ...(password === '' ? [] : [`password='${decodeURIComponent(password)}'`]),
  ].join(' ');
  const file = join(folder, 'pgbouncer.ini');
  const lines = [
    ...['[databases]', `* = host=${hostname} port=${serverPort || 5432} ${login}`],
    ...['[pgbouncer]', 'listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir ='],
    ...['pool_mode = transaction', `default_pool_size = ${poolSize}`, 'auth_type = any'],
    ...['max_client_conn = 500', 'admin_users = console'],
    ...more,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 });
  const account = serverAccount(folder);
  const child = spawn('pgbouncer', [file], {
    stdio: 'ignore',
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  const show = async (what: string) => {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user: 'console', database: 'pgbouncer' },
    });
    client.on('error', () => {});
    await client.connect();
    return (await client.query(`show ${what}`).finally(() => client.end())).rows;
  };
  const stop = async () => {
    await killProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitForAnswer(() => show('version'), child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    urlOf(of) {
      const { pathname } = new URL(of);
      return `postgres://${username}@127.0.0.1:${port}${pathname}`;
    },
    show,
    stop,
  };
}

async function waitForAnswer(attempt: () => Promise<unknown>, child: ChildProcess): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

/** Returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
