import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machines } from './machines.ts';
import type { Release } from './releases.ts';

export type ProcessKind = 'api' | 'worker';

/** A process of a release. */
export type FleetProcess = {
  readonly kind: ProcessKind;
  readonly release: Release;
  /** URL of an API; empty for a worker. */
  readonly url: string;
  /** Sends SIGTERM. Resolves to the milliseconds until the exit. Rejects if the process failed. */
  stop(): Promise<number>;
};

/** Processes of several releases on one database. APIs require a token. */
export type Fleet = {
  start(kind: ProcessKind, release: Release): Promise<FleetProcess>;
  startTwo(kind: ProcessKind, release: Release): Promise<FleetProcess[]>;
  migrate(release: Release): Promise<void>;
  /** Creates a token with the rights that the load needs. */
  createToken(release: Release): Promise<string>;
  /** Kills the remaining processes. */
  killAll(): void;
};

/** Creates a fleet that starts each process on a machine of its own. */
export function createFleet(machines: Machines): Fleet {
  const home = mkdtempSync(join(tmpdir(), 'howdah-fleet-'));
  const children = new Set<ChildProcess>();
  const env = fleetEnvironment(machines.databaseUrl, home);
  const spawnProgram = (release: Release, argv: readonly string[]) => {
    const { commandPrefix, host } = machines.add();
    const program = [process.execPath, join(release.folder, 'bin/howdah')];
    const [command = '', ...rest] = [...commandPrefix, ...program, ...argv];
    const child = spawn(command, rest, {
      env: { ...env, HOST: host },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8');
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', killAll); // also after Ctrl+C
  const start: Fleet['start'] = async (kind, release) => {
    const child = spawnProgram(release, kind === 'api' ? ['api', '--drain', '5s'] : ['worker']);
    const stderr = await waitForStderr(child, /Model {5}/);
    const url = /GraphQL +(http:\/\/[\d.:]+)/.exec(stderr())?.[1] ?? '';
    return { kind, release, url, stop: () => stop(child, `${release.name} ${kind}`, stderr) };
  };
  return {
    killAll,
    start,
    startTwo: (kind, release) => Promise.all([start(kind, release), start(kind, release)]),
    migrate: async (release) =>
      void (await waitForOutput(spawnProgram(release, ['migrate', 'up']))),
    async createToken(release) {
      const argv = ['token', '--user', 'load', '--role', 'admin', '--create'];
      return (await waitForOutput(spawnProgram(release, argv))).trim();
    },
  };
}

function fleetEnvironment(databaseUrl: string, home: string): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return {
    ...{ PATH, HOME, PORT: '0', HOWDAH_HOME: home, HOWDAH_LOG_LEVEL: 'error' },
    ...{ DATABASE_URL: databaseUrl, HOWDAH_AUTH: 'required' },
    HOWDAH_JWT_SECRET: randomBytes(48).toString('base64'),
    HOWDAH_SECRET_KEY: randomBytes(32).toString('base64'),
  };
}

async function stop(child: ChildProcess, name: string, stderr: () => string): Promise<number> {
  const startedAt = performance.now();
  const hadEnded = child.exitCode !== null || child.signalCode !== null;
  if (!hadEnded) {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
  if (hadEnded || child.exitCode !== 0) {
    const status = child.exitCode ?? child.signalCode;
    const how = `${hadEnded ? 'by itself ' : ''}with ${status}`;
    throw new Error(`a ${name} ended ${how}: ${stderr().slice(-2_000)}`);
  }
  return performance.now() - startedAt;
}

/** Waits for the end of a process. Returns its standard output, and throws if it fails. */
async function waitForOutput(child: ChildProcess): Promise<string> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) {
    throw new Error(`${child.spawnargs.join(' ')} ended with ${code ?? signal}: ${stderr}`);
  }
  return stdout;
}

/**
 * Waits until a process has printed a text to stderr. Returns a function that returns all it has
 * printed there so far.
 */
async function waitForStderr(child: ChildProcess, pattern: RegExp): Promise<() => string> {
  const { promise, resolve, reject } = Promise.withResolvers<() => string>();
  let stderr = '';
  child.once('exit', () => reject(new Error(`a process did not start: ${stderr}`)));
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
    if (pattern.test(stderr)) resolve(() => stderr);
  });
  return promise;
}
