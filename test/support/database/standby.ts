import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';
import { serverAccount } from '../../../src/db/embedded/system-account.ts';

export type Standby = {
  url: string;
  /** Kills the server, as if its machine had been switched off. */
  stop(): Promise<void>;
  /** Restarts the server. Its port may change. */
  start(): Promise<void>;
  /** Runs a query as the owner, on a new connection to the standby. */
  ask(text: string): Promise<Record<string, unknown>[]>;
  /** Stops the server and deletes its files. */
  remove(): Promise<void>;
};

/**
 * Starts a hot standby of the embedded server at `url` with streaming replication. The embedded
 * server has no pg_basebackup, so the files are copied in backup mode.
 */
export async function startStandby(
  url: string,
  settings: Record<string, string> = {},
): Promise<Standby> {
  const home = mkdtempSync(join(tmpdir(), 'howdah-standby-'));
  chmodSync(home, 0o755); // the server may run as another user
  const folder = join(home, 'postgres');
  const primary = new pg.Client({ connectionString: url });
  await primary.connect();
  try {
    const { rows } = await primary.query('show data_directory');
    await primary.query(`select pg_backup_start('standby', fast => true)`);
    copyServer(rows[0].data_directory, folder);
    const label = await primary.query(
      'select labelfile from pg_backup_stop(wait_for_archive => false)',
    );
    const account = serverAccount(rows[0].data_directory);
    const { hostname, port, username, password } = new URL(url);
    const conninfo = `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`;
    const own = { primary_conninfo: conninfo, ...settings };
    const lines = Object.entries(own).map(([name, value]) => `${name} = '${value}'\n`);
    const files = {
      backup_label: label.rows[0].labelfile,
      'standby.signal': '',
      'postgresql.auto.conf': lines.join(''),
    };
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      if (account) chownSync(path, account.uid, account.gid);
    }
  } finally {
    await primary.end();
  }
  const standby: Standby = {
    url: '',
    async start() {
      standby.url = (await startEmbedded({ home })).url;
    },
    stop: async () => void (await stopEmbedded(home)),
    async ask(text) {
      const client = new pg.Client({ connectionString: standby.url });
      client.on('error', () => {});
      await client.connect();
      return (await client.query(text).finally(() => client.end())).rows;
    },
    async remove() {
      await stopEmbedded(home);
      rmSync(home, { recursive: true, force: true });
    },
  };
  await standby.start();
  return standby;
}

/**
 * Copies the files of a server, except the write-ahead log, which is streamed, and locks and
 * sockets, which the standby creates.
 */
function copyServer(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    preserveTimestamps: true,
    filter: (path) =>
      !/^postmaster\.(pid|opts)$/.test(basename(path)) && basename(dirname(path)) !== 'pg_wal',
  });
  chmodSync(to, 0o700);
  const account = serverAccount(from);
  for (const name of ['pg_wal/archive_status', 'pg_wal/summaries']) {
    mkdirSync(join(to, name), { recursive: true, mode: 0o700 });
  }
  if (!account) return;
  for (const name of ['.', ...readdirSync(to, { recursive: true, encoding: 'utf8' })]) {
    chownSync(join(to, name), account.uid, account.gid);
  }
}
