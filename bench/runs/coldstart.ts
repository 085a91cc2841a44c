import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/embedded.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import { KEY_VARIABLES, modelVariables } from '../../src/providers/environment/variables.ts';
import type { Bench } from '../bench.ts';
import { figure, median, ratios } from '../figures.ts';
import type { BenchServer } from '../server.ts';

const HOWDAH = join(PACKAGE_ROOT, 'bin/howdah');
const HELP_CALLS = 10;
const REST_MS = 2_000;
/** After eight to ten idle seconds V8 returns the memory that the start used. */
const IDLE_MS = 15_000;

/**
 * Starts Howdah in empty folders. Measures the time until it is ready, and the memory of an idle
 * process.
 */
export const coldstart: Bench = async ({ rounds, server }) => {
  const seconds: Record<'demo' | 'start' | 'cluster', number[]> = {
    demo: [],
    start: [],
    cluster: [],
  };
  const help: number[] = [];
  const node: number[] = [];
  const rest: number[] = [];
  const idle: number[] = [];
  for (let round = 1; round <= rounds(3); round += 1) {
    seconds.demo.push(
      await inEmptyHome(server, (home) => timeUntilOutput(home, 'demo', /\d+ {2}output/)),
    );
    seconds.start.push(
      await inEmptyHome(server, (home) =>
        timeUntilOutput(home, 'start', /Howdah is ready/, async (child) => {
          await sleep(REST_MS);
          rest.push(residentMb(child));
          await sleep(IDLE_MS - REST_MS);
          idle.push(residentMb(child));
          child.kill('SIGTERM');
        }),
      ),
    );
    seconds.cluster.push(
      await inEmptyHome(server, async (home) => {
        const startedAt = performance.now();
        await startEmbedded({ home });
        return (performance.now() - startedAt) / 1000;
      }),
    );
    help.push(await medianCommandMs([HOWDAH, '--help']));
    node.push(await medianCommandMs(['--eval', '0']));
  }
  const limit = { role: 'limit' } as const;
  return [
    figure('coldstart', 'coldstart_first_answer_s', seconds.demo, 's', { atMost: 10 }),
    figure('coldstart', 'coldstart_ready_s', seconds.start, 's'),
    figure('coldstart', 'bare_cluster_s', seconds.cluster, 's', limit),
    figure('coldstart', 'help_ms', help, 'ms', { atMost: 150 }),
    figure('coldstart', 'help_vs_node_ratio', ratios(help, node), 'ratio'),
    figure('coldstart', 'bare_node_ms', node, 'ms', limit),
    figure('coldstart', 'rest_rss_mb', rest, 'MB'),
    figure('coldstart', 'idle_rss_mb', idle, 'MB'),
  ];
};

/** The running commands. No other code ends them. */
const children = new Set<ChildProcess>();

/** Measures with an empty folder as HOWDAH_HOME. Ends all processes and removes it afterwards. */
async function inEmptyHome(
  server: BenchServer,
  measure: (home: string) => Promise<number>,
): Promise<number> {
  if (server.isStopping()) throw new Error('the server is being stopped');
  const home = mkdtempSync(join(tmpdir(), 'howdah-cold-'));
  chmodSync(home, 0o755); // the server may run as another user
  const measuring = measure(home);
  const cleanUp = async (): Promise<void> => {
    for (const child of children) child.kill('SIGTERM');
    await measuring.catch(() => {});
    await stopEmbedded(home);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 }); // killed processes may still write
  };
  const unregister = server.onStop(cleanUp);
  try {
    return await measuring;
  } finally {
    unregister();
    await cleanUp();
  }
}

/**
 * Starts a command. Returns the seconds until its output matches `pattern`, or NaN if it never
 * does. `onMatch` must end a command that does not end by itself.
 */
async function timeUntilOutput(
  home: string,
  command: string,
  pattern: RegExp,
  onMatch: (child: ChildProcess) => Promise<void> = async () => {},
): Promise<number> {
  const env = { ...process.env };
  for (const name of ['DATABASE_URL', ...Object.keys(modelVariables), ...KEY_VARIABLES]) {
    delete env[name];
  }
  const startedAt = performance.now();
  const child = spawn(process.execPath, [HOWDAH, command], {
    cwd: home, // a folder without a .env file
    env: { ...env, HOWDAH_HOME: home, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  const ended = once(child, 'exit').finally(() => children.delete(child));
  let output = '';
  let seconds = Number.NaN;
  const readOutput = (chunk: unknown): void => {
    output += chunk;
    if (Number.isNaN(seconds) && pattern.test(output)) {
      seconds = (performance.now() - startedAt) / 1000;
      void onMatch(child);
    }
  };
  child.stdout.on('data', readOutput);
  child.stderr.on('data', readOutput);
  await ended;
  return seconds;
}

/** Returns the resident memory of a process, or NaN if there is no /proc. */
function residentMb({ pid }: ChildProcess): number {
  try {
    const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kb) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Runs a command of Node several times. Returns the median of its milliseconds. */
async function medianCommandMs(args: string[]): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < HELP_CALLS; count += 1) {
    const startedAt = performance.now();
    await once(spawn(process.execPath, args, { stdio: 'ignore' }), 'exit');
    times.push(performance.now() - startedAt);
  }
  return median(times);
}
