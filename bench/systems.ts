import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { programBeside } from '../src/package-root.ts';
import type { BenchContext } from './bench.ts';
import { type Counters, readCounters } from './meters/counters.ts';
import type { Job, JobKind, JobResult } from './processes/job.ts';

// The systems that are compared with Howdah: limits, which show what the machine can reach
// without an engine, and peers, which are other engines. Each job of a system is a process of its
// own.

const CHILD = programBeside(import.meta.url, 'processes/job-process');
/** The time after which a job is killed. */
const TIMEOUT_MS = 300_000;
/** The number of connections that a system may open. */
export const CONNECTIONS = 32;

/** The command that installs the peers. */
export const INSTALL_PEERS = 'npm install --prefix bench/peers';

export type System = {
  name: string;
  role: 'limit' | 'peer';
  jobs: readonly JobKind[];
  /** The package that must be installed in bench/peers. Without one no installation is needed. */
  package?: string;
  /** A description of when a step is durable, and what a kill loses. */
  durability: string;
};

/** The durability of Howdah's own steps. */
export const OWN_DURABILITY =
  'Each step is an append-only row. It is committed (fsync, synchronous_commit on) before the next step of its run begins; one commit may contain steps of many runs. kill -9 loses calls in progress. Another worker takes over and repeats them with the same idempotency key.';

export const SYSTEMS: readonly System[] = [
  {
    name: 'promises',
    role: 'limit',
    jobs: ['waiting'],
    durability: 'None. The runs are promises of one process, and nothing is written.',
  },
  {
    name: 'raw_node',
    role: 'limit',
    jobs: ['steps', 'waiting'],
    durability:
      'One synchronous commit per step, with `pg` alone. No process takes over after a kill.',
  },
  {
    name: 'graphile_worker',
    role: 'peer',
    jobs: ['steps', 'latency', 'crash'],
    durability:
      'A chain of jobs with localQueue. add_job stores the result, then complete_job follows, each in a synchronous commit. kill -9 leaves jobs locked for four hours (here an operator unlocks them after 5 s). A kill between the two commits forks the chain.',
  },
  {
    name: 'dbos',
    role: 'peer',
    package: '@dbos-inc/dbos-sdk',
    jobs: ['steps', 'latency', 'waiting', 'crash'],
    durability:
      'The result of a step is committed (synchronous) after the step returns and before the next step begins. kill -9 loses steps in flight. They run again when a process with the same executor id launches. The queue is polled every 10 ms (default: every second).',
  },
  {
    name: 'langgraph',
    role: 'peer',
    package: '@langchain/langgraph-checkpoint-postgres',
    jobs: ['steps', 'waiting', 'crash'],
    durability:
      'With durability "sync", putWrites and the checkpoint are each committed before the next superstep. kill -9 loses the step in flight. Nothing recovers by itself: here the application invokes each of its thread ids again.',
  },
  {
    name: 'mastra',
    role: 'peer',
    package: '@mastra/pg',
    jobs: ['steps', 'waiting', 'crash'],
    durability:
      'The in-process engine with PostgresStore. A snapshot of all results so far is written before and after each step. kill -9 loses the step in flight. restartAllActiveWorkflowRuns() recovers one run after the other.',
  },
  {
    name: 'pg_boss',
    role: 'peer',
    package: 'pg-boss',
    jobs: ['steps', 'latency', 'crash'],
    durability:
      'A chain of jobs with LISTEN/NOTIFY. send, fetch and complete are a synchronous commit each. kill -9 leaves jobs active for 15 minutes, or with a heartbeat for at least 10 s (as here). A step may run twice and fork its chain.',
  },
];

export const PEERS = SYSTEMS.filter(({ role }) => role === 'peer');

/** Returns the names of the peers that are installed. */
export function installedPeers(): string[] {
  return PEERS.filter(
    ({ package: name }) =>
      !name || existsSync(new URL(`peers/node_modules/${name}/package.json`, import.meta.url)),
  ).map(({ name }) => name);
}

/**
 * Returns the systems that support a kind of job: all limits, and the peers for which `has` is
 * true.
 */
export function systemsFor(kind: JobKind, has: (name: string) => boolean): System[] {
  return SYSTEMS.filter(
    ({ name, role, jobs }) => jobs.includes(kind) && (role === 'limit' || has(name)),
  );
}

export type RunningJob = { child: ChildProcess; result: Promise<JobResult> };

/** Starts a job in a process of its own. The process is killed after five minutes. */
export function startJob(job: Job): RunningJob {
  const child = fork(CHILD, [JSON.stringify(job)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  let errorOutput = '';
  child.stderr?.on('data', (chunk) => {
    errorOutput = (errorOutput + chunk).slice(-600);
  });
  const timeout = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  const result = new Promise<JobResult>((resolve, reject) => {
    child.once('message', (message) => resolve(message as JobResult));
    child.once('exit', (code, signal) => {
      clearTimeout(timeout);
      reject(new Error(`${job.system} ended with ${code ?? signal}: ${errorOutput}`));
    });
  });
  result.catch(() => {}); // callers that kill the job do not await its result
  return { child, result };
}

type JobRequest<Kind extends JobKind> = Omit<Extract<Job, { kind: Kind }>, 'url' | 'connections'>;

/**
 * Runs a job on a new database. Returns its result, with the commits and bytes of WAL that the
 * server counted meanwhile. If the system fails, the result has only these counts.
 */
export async function measureSystem<Kind extends JobKind>(
  { server, talk }: BenchContext,
  request: JobRequest<Kind>,
): Promise<JobResult & Counters> {
  const database = await server.createEmptyDatabase();
  try {
    const before = await readCounters(database.pool);
    const job = { ...request, url: database.url, connections: CONNECTIONS } as unknown as Job;
    const { child, result } = startJob(job);
    const measured = await result.catch((error: Error): JobResult => {
      talk(error.message);
      return {};
    });
    if (child.exitCode === null && child.signalCode === null) {
      await once(child, 'exit');
    }
    const after = await readCounters(database.pool);
    return { ...measured, commits: after.commits - before.commits, wal: after.wal - before.wal };
  } finally {
    await database.drop();
  }
}
