import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import type { Machines } from './machines.ts';
import { UsageError } from './rehearsal.ts';

/** A release as it stands in a folder of its own. */
export type Release = { name: string; folder: string };

export const THIS_RELEASE: Release = { name: 'new', folder: PACKAGE_ROOT };

/** A process of a release: an API with its address, or a worker. */
export type Member = {
  readonly part: 'api' | 'worker';
  readonly release: Release;
  /** Of an API. */
  readonly url: string;
  /** SIGTERM; how many milliseconds it took to go. */
  stop(): Promise<number>;
};

export type Fleet = {
  start(part: Member['part'], release: Release): Promise<Member>;
  two(part: Member['part'], release: Release): Promise<Member[]>;
  migrate(release: Release): Promise<void>;
  /** Of a user who may do what the load does. */
  token(release: Release): Promise<string>;
  /** Kills what is left. */
  end(): void;
};

/** Starts processes of releases on one database, each on a machine of its own. Whoever asks their APIs needs the token. */
export function createFleet(machines: Machines): Fleet {
  const home = mkdtempSync(join(tmpdir(), 'howdah-fleet-'));
  const children = new Set<ChildProcess>();
  const { PATH, HOME } = process.env;
  const env = {
    ...{ PATH, HOME, PORT: '0', HOWDAH_HOME: home, HOWDAH_LOG_LEVEL: 'error' },
    ...{ DATABASE_URL: machines.databaseUrl, HOWDAH_AUTH: 'required' },
    HOWDAH_JWT_SECRET: randomBytes(48).toString('base64'),
    HOWDAH_SECRET_KEY: randomBytes(32).toString('base64'),
  };
  const spawnProgram = (release: Release, words: readonly string[]) => {
    const { before, host } = machines.add();
    const program = [process.execPath, join(release.folder, 'bin/howdah')];
    const [command = '', ...rest] = [...before, ...program, ...words];
    const child = spawn(command, rest, {
      env: { ...env, HOST: host },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8');
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const end = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', end); // also when it is interrupted
  const start: Fleet['start'] = async (part, release) => {
    const child = spawnProgram(release, part === 'api' ? ['api', '--drain', '5s'] : ['worker']);
    const said = await untilSaid(child, /Model {5}/);
    return {
      part,
      release,
      url: /GraphQL +(http:\/\/[\d.:]+)/.exec(said())?.[1] ?? '',
      async stop() {
        const began = performance.now();
        const isGoneAlready = child.exitCode !== null || child.signalCode !== null;
        if (!isGoneAlready) {
          const exit = once(child, 'exit');
          child.kill('SIGTERM');
          await exit;
        }
        if (isGoneAlready || child.exitCode !== 0) {
          const how = `${isGoneAlready ? 'by itself ' : ''}with ${child.exitCode ?? child.signalCode}`;
          throw new Error(`a ${release.name} ${part} ended ${how}: ${said().slice(-2_000)}`);
        }
        return performance.now() - began;
      },
    };
  };
  return {
    end,
    start,
    two: (part, release) => Promise.all([start(part, release), start(part, release)]),
    migrate: async (release) =>
      void (await waitForOutput(spawnProgram(release, ['migrate', 'up']))),
    async token(release) {
      const words = ['token', '--user', 'load', '--role', 'admin', '--create'];
      return (await waitForOutput(spawnProgram(release, words))).trim();
    },
  };
}

/** What it wrote. Throws when it does not end well. */
async function waitForOutput(child: ChildProcess): Promise<string> {
  let written = '';
  let said = '';
  child.stdout?.on('data', (chunk) => {
    written += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0)
    throw new Error(`${child.spawnargs.join(' ')} ended with ${code ?? signal}: ${said}`);
  return written;
}

/** Resolves when it said that, to a function that gives all it has said since. */
async function untilSaid(child: ChildProcess, words: RegExp): Promise<() => string> {
  const { promise, resolve, reject } = Promise.withResolvers<() => string>();
  let said = '';
  child.once('exit', () => reject(new Error(`a process did not start: ${said}`)));
  child.stderr?.on('data', (chunk) => {
    said += chunk;
    if (words.test(said)) resolve(() => said);
  });
  return promise;
}

/**
 * The release before this one, in a folder that is removed afterwards: the one that is named, or the newest commit whose
 * migrations are the first ones of ours, to the letter (others cannot be migrated: branches that were merged had numbers in between).
 */
export function checkOutBefore(named: string | undefined): Release & { remove(): void } {
  const commit = named ?? commitBefore();
  const home = mkdtempSync(join(tmpdir(), 'howdah-release-'));
  const folder = join(home, 'tree');
  git('worktree', 'add', '--detach', folder, commit);
  symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(folder, 'node_modules'));
  const remove = () => {
    if (!existsSync(home)) return;
    git('worktree', 'remove', '--force', folder);
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', remove); // also when it is interrupted
  return { name: 'old', folder, remove };
}

function commitBefore(): string {
  if (!existsSync(join(PACKAGE_ROOT, '.git'))) {
    throw new UsageError('the release before is a commit: this takes a clone of the repository');
  }
  const ours = migrationsOf('HEAD');
  const commits = git('log', '--first-parent', '--format=%H', '--', 'migrations').split('\n');
  const head = git('rev-parse', 'HEAD').trim();
  const candidates = commits.filter((commit) => {
    const theirs = migrationsOf(commit);
    return commit !== head && theirs.every((name, at) => name === ours[at]);
  });
  // one with fewer migrations, else one with the same: while there is only the baseline, releases differ in sql/
  const before =
    candidates.find((commit) => migrationsOf(commit).length < ours.length) ?? candidates[0];
  if (before === undefined)
    throw new UsageError('this clone does not go back that far: name a commit by --from');
  return before;
}

/** Name and content of each: a migration may change until it is released. */
const migrationsOf = (commit: string): string[] =>
  git('ls-tree', '--format=%(path) %(objectname)', commit, 'migrations/').split('\n').toSorted();

function git(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', ['-C', PACKAGE_ROOT, ...words], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new UsageError(`git ${words[0]}: ${stderr.trim()}`);
  return stdout.trim();
}
