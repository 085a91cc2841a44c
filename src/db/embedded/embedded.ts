/**
 * The embedded PostgreSQL: a real server in `<home>/postgres`. `pg_ctl` starts the server, which
 * then runs on its own. The server is not a child of ours and outlives the process that started it,
 * so "start" mostly means "adopt the running server". There is no lock: the cluster appears by one
 * atomic rename, PostgreSQL itself allows only one postmaster per folder, and the process that
 * loses that race finds the winner and adopts it.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HowdahError } from '../../contracts/errors.ts';
import { type Binaries, embeddedBinaries } from './binaries.ts';
import { ensureCluster, ownerName, readPassword } from './cluster.ts';
import { ensureDatabase } from './database.ts';
import { clearStale, findPostmaster, lastPort } from './postmaster.ts';
import { runBoundedProgram, runProgram } from './program.ts';
import { checkReachable, makeHome, type SystemAccount, serverAccount } from './system-account.ts';

/**
 * Options of the embedded server. When `port` is taken, a free port is used. `log` receives one
 * line for each action that takes time.
 */
export type EmbeddedOptions = {
  home: string;
  port?: number;
  log?: Log;
  /**
   * The programs to use instead of the ones that npm installed, of any major version from 15 on.
   */
  binaries?: Binaries;
};

/**
 * A running server. `url` contains the owner's password. `adopted` is true if another process
 * started the server.
 */
export type EmbeddedServer = Readonly<{ url: string; port: number; pid: number; adopted: boolean }>;

type Log = (line: string) => void;
type Launch = { dataDir: string; binaries: Binaries; account: SystemAccount | undefined };

/**
 * The pauses between attempts to start. The children of a killed postmaster need a moment to exit.
 * Any other cause of failure still exists after these pauses.
 */
const pauses = [250, 500, 1000, 1000];
const patience = 60_000;

/**
 * Returns the server of `home` with its database `howdah`. Creates and starts the server where
 * needed. Safe to call from any number of processes at once. Throws `EHOME` (the folder is not
 * usable) or `EPOSTGRES` (the server does not start; `detail` has pg_ctl's output and the end of
 * the server's log).
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { log = () => {} } = options;
  const running = await open(dataFolder(options.home), log);
  if (running) return { ...running, adopted: true };
  const launch = await prepare(options);
  for (let attempt = 0; ; attempt++) {
    const wish = options.port ?? lastPort(launch.dataDir);
    const failure = await launchOnce(launch, await freePort(attempt === 0 ? wish : 0));
    const server = await open(launch.dataDir, log);
    if (server) return { ...server, adopted: failure !== undefined };
    const pause = pauses[attempt];
    if (pause === undefined) throw doesNotStart(launch.dataDir, failure);
    await delay(pause);
  }
}

/**
 * Stops the server of `home`, including open sessions. Returns true if a server was running. The
 * data stays.
 */
export async function stopEmbedded(
  home: string,
  binaries: Binaries = embeddedBinaries(),
): Promise<boolean> {
  const dataDir = dataFolder(home);
  if (!isRunning(dataDir)) return false;
  const args = ['-D', dataDir, '-m', 'fast', '-w', '-t', '60', 'stop'];
  const { ok, output } = await runProgram(binaries.pg_ctl, args, serverAccount(dataDir));
  if (ok || !isRunning(dataDir)) return true;
  throw new HowdahError('EPOSTGRES', 'The embedded PostgreSQL does not stop.', {
    hint: 'Stop it as the user who started it.',
    detail: failureText(dataDir, output),
  });
}

/**
 * Returns the owner's URL of the server of `home`, or null when the server is not running. Starts
 * nothing.
 */
export function embeddedUrl(home: string): string | null {
  const dataDir = dataFolder(home);
  const found = findPostmaster(dataDir);
  return found.state === 'ready' ? ownerUrl(dataDir, found.port) : null;
}

/** The state of the server of a home. `busy`: the server starts or stops. */
export type EmbeddedState =
  | { state: 'none' | 'stopped' | 'busy' }
  | { state: 'ready'; url: string };

/**
 * Returns the state of the server of `home`. Neither starts nor creates a server. Throws `EHOME`
 * when we may not read the folder.
 */
export function lookAtEmbedded(home: string): EmbeddedState {
  const dataDir = dataFolder(home);
  const { state } = findPostmaster(dataDir);
  const url = embeddedUrl(home);
  if (url !== null) return { state: 'ready', url };
  if (state === 'busy' || state === 'ready') return { state: 'busy' };
  return { state: existsSync(join(dataDir, 'PG_VERSION')) ? 'stopped' : 'none' };
}

/**
 * Returns the running server, verified by a connection, or undefined when none runs. A postmaster
 * that was just killed may look alive for a moment and close the connection, so only a rejected
 * login ends the attempts at once.
 */
async function open(
  dataDir: string,
  log: Log,
): Promise<Omit<EmbeddedServer, 'adopted'> | undefined> {
  for (let attempt = 0; ; attempt++) {
    const server = await settle(dataDir, log);
    if (server === undefined) return undefined;
    const { port, pid } = server;
    const url = ownerUrl(dataDir, port);
    try {
      await ensureDatabase(url);
      return { url, port, pid };
    } catch (error) {
      const pause = pauses[attempt];
      if (pause === undefined || error instanceof HowdahError) throw error;
      await delay(pause);
    }
  }
}

/**
 * Waits while the server starts or stops, and clears what a dead server left. Returns undefined
 * when no server is running.
 */
async function settle(
  dataDir: string,
  log: Log,
): Promise<{ pid: number; port: number } | undefined> {
  for (let waited = 0; ; waited += await delay(50, 50)) {
    const found = findPostmaster(dataDir);
    if (found.state === 'ready') return found;
    if (found.state === 'stale') clearStale(dataDir, found.file);
    if (found.state === 'absent') return undefined;
    if (waited === 500) log('Waiting for the embedded PostgreSQL, which is starting or stopping.');
    if (waited > patience)
      throw doesNotStart(dataDir, 'It was still starting or stopping after a minute.');
  }
}

async function prepare(options: EmbeddedOptions): Promise<Launch> {
  const { binaries = embeddedBinaries(), log = () => {} } = options;
  const home = resolve(options.home);
  checkName(home);
  const account = serverAccount(dataFolder(home));
  makeHome(home, account);
  const dataDir = dataFolder(realpathSync(home));
  checkReachable(dirname(dataDir), account, 'HOWDAH_HOME');
  checkReachable(dirname(realpathSync(binaries.postgres)), account, 'PostgreSQL itself');
  await ensureCluster(dataDir, binaries, account, log);
  log('Starting the embedded PostgreSQL.');
  rotateLog(dataDir);
  return { dataDir, binaries, account };
}

/**
 * Starts the server once. Returns undefined when pg_ctl reports that its own postmaster is up, else
 * the output of pg_ctl.
 */
async function launchOnce(launch: Launch, port: number): Promise<string | undefined> {
  const { dataDir, binaries, account } = launch;
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    // A statement that reads all months locks each of their partitions with its indexes.
    'max_locks_per_transaction=256',
    // By this name, sql/99_embedded.sql knows a server that is Howdah's alone.
    'cluster_name=howdah',
    // A query could fill the disk, and then PostgreSQL stops.
    'temp_file_limit=1GB',
    // A rejected statement may contain the very key that it was rejected for.
    'log_min_error_statement=panic',
  ];
  const server = `-p ${port} ${settings.map((setting) => `-c ${setting}`).join(' ')}`;
  const wait = ['-w', '-t', String(patience / 1000)];
  const args = ['-D', dataDir, ...wait, '-l', join(dataDir, 'server.log'), '-o', server, 'start'];
  const { ok, output } = await runBoundedProgram(binaries.pg_ctl, args, account);
  return ok ? undefined : output;
}

/** Returns the data folder of the server of `home`. */
export function dataFolder(home: string): string {
  return join(resolve(home), 'postgres');
}

function ownerUrl(dataDir: string, port: number): string {
  return `postgres://${ownerName}:${readPassword(dataDir)}@127.0.0.1:${port}/${ownerName}`;
}

function isRunning(dataDir: string): boolean {
  const { state } = findPostmaster(dataDir);
  return state === 'ready' || state === 'busy';
}

/**
 * Rejects unsafe characters. pg_ctl puts the folder between double quotes of a shell command, and
 * into a file read by lines.
 */
function checkName(home: string): void {
  if (process.platform === 'win32' || !/["$`\\\n]/.test(home)) return;
  throw new HowdahError('EHOME', `PostgreSQL cannot be started in ${JSON.stringify(home)}.`, {
    hint: 'Set HOWDAH_HOME to a folder without " $ ` \\ or line breaks in its name.',
  });
}

function freePort(wish = 0): Promise<number> {
  return new Promise((found, reject) => {
    const probe = createServer();
    probe.once('error', (error) => (wish === 0 ? reject(error) : found(freePort())));
    probe.listen(wish, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => found(port));
    });
  });
}

function rotateLog(dataDir: string): void {
  const file = join(dataDir, 'server.log');
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 16 * 1024 * 1024) renameSync(file, `${file}.old`);
}

function doesNotStart(dataDir: string, output = ''): HowdahError {
  return new HowdahError('EPOSTGRES', `The embedded PostgreSQL in ${dataDir} does not start.`, {
    hint: 'See its messages above, or set DATABASE_URL to use your own PostgreSQL.',
    detail: failureText(dataDir, output),
  });
}

function failureText(dataDir: string, output: string): string {
  return `${output.trim()}\n${logTail(join(dataDir, 'server.log'))}`.trim();
}

/** Returns the last eight lines without reading all of a file that may be large. */
function logTail(path: string): string {
  if (!existsSync(path)) return '';
  const file = openSync(path, 'r');
  try {
    const tail = Buffer.alloc(4096);
    const start = Math.max(0, fstatSync(file).size - tail.length);
    const length = readSync(file, tail, 0, tail.length, start);
    return tail.toString('utf8', 0, length).trimEnd().split('\n').slice(-8).join('\n');
  } finally {
    closeSync(file);
  }
}
