import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { programBeside } from '../src/package-root.ts';
import type { BenchContext } from './bench.ts';
import { type Counters, counters } from './meters/counters.ts';
import type { Job, JobKind, JobResult } from './processes/job.ts';

const CHILD = programBeside(import.meta.url, 'processes/job-process');
const PATIENCE_MS = 300_000;
export const CONNECTIONS = 32;

export const INSTALL_PEERS = 'npm install --prefix bench/peers';

export type System = {
  name: string;
  role: 'limit' | 'peer';
  takes: readonly JobKind[];
  /** The package to look for in bench/peers; without one it needs nothing that Howdah does not have. */
  needs?: string;
  /** When a step is safe, and what a kill loses. */
  durability: string;
};

/** How safe Howdah's own steps are, in the same words. */
export const OWN_DURABILITY =
  'every step is an append-only row, committed (fsync, synchronous_commit on) before the next one of its run begins; a commit may carry steps of many runs. kill -9 loses calls in progress, which are repeated under the same idempotency key; another worker takes over.';

export const SYSTEMS: readonly System[] = [
  {
    name: 'promises',
    role: 'limit',
    takes: ['waiting'],
    durability: 'none: promises of one process, nothing is written.',
  },
  {
    name: 'raw_node',
    role: 'limit',
    takes: ['steps', 'waiting'],
    durability: 'one synchronous commit per step by bare `pg`; nothing takes over after a kill.',
  },
  {
    name: 'graphile_worker',
    role: 'peer',
    takes: ['steps', 'latency', 'crash'],
    durability:
      'a chain of jobs with localQueue: add_job carries the result, then complete_job, each a synchronous commit. kill -9 leaves its jobs locked for four hours (here an operator unlocks them after 5 s); a kill between the two commits forks the chain.',
  },
  {
    name: 'dbos',
    role: 'peer',
    needs: '@dbos-inc/dbos-sdk',
    takes: ['steps', 'latency', 'waiting', 'crash'],
    durability:
      "a step's result is committed (synchronous) after it returns and before the next begins. kill -9 loses steps in flight, which run again; recovery when a process of the same executor id launches. Queue polled every 10 ms (default: each second).",
  },
  {
    name: 'langgraph',
    role: 'peer',
    needs: '@langchain/langgraph-checkpoint-postgres',
    takes: ['steps', 'waiting', 'crash'],
    durability:
      'durability "sync": putWrites and the checkpoint, a transaction each, before the next superstep. kill -9 loses the step in flight; nothing recovers by itself: here the application knows its thread ids and invokes each.',
  },
  {
    name: 'mastra',
    role: 'peer',
    needs: '@mastra/pg',
    takes: ['steps', 'waiting', 'crash'],
    durability:
      'the in-process engine with PostgresStore: a snapshot of all results so far is written around each step. kill -9 loses the step in flight; recovery by restartAllActiveWorkflowRuns(), one run after the other.',
  },
  {
    name: 'pg_boss',
    role: 'peer',
    needs: 'pg-boss',
    takes: ['steps', 'latency', 'crash'],
    durability:
      'a chain of jobs with LISTEN/NOTIFY: send, fetch, complete, each a synchronous commit. kill -9 leaves jobs active for 15 minutes, or for a heartbeat of 10 s at least (as here); a step may run twice and fork its chain.',
  },
];

export const PEERS = SYSTEMS.filter(({ role }) => role === 'peer');

/** The peers that can be measured here. */
export function installedPeers(): string[] {
  return PEERS.filter(
    ({ needs }) =>
      !needs || existsSync(new URL(`peers/node_modules/${needs}/package.json`, import.meta.url)),
  ).map(({ name }) => name);
}

/** The systems that take part in a kind of job: limits always, peers where they are installed. */
export function systemsFor(kind: JobKind, has: (name: string) => boolean): System[] {
  return SYSTEMS.filter(
    ({ name, role, takes }) => takes.includes(kind) && (role === 'limit' || has(name)),
  );
}

export type RunningJob = { child: ChildProcess; result: Promise<JobResult> };

/** Starts a job in a process of its own. */
export function startJob(job: Job): RunningJob {
  const child = fork(CHILD, [JSON.stringify(job)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = (said + chunk).slice(-600);
  });
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const result = new Promise<JobResult>((resolve, reject) => {
    child.once('message', (message) => resolve(message as JobResult));
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      reject(new Error(`${job.system} ended with ${code ?? signal}: ${said}`));
    });
  });
  result.catch(() => {}); // a job that is killed on purpose
  return { child, result };
}

type JobRequest<Kind extends JobKind> = Omit<Extract<Job, { kind: Kind }>, 'url' | 'connections'>;

/** One whole job on a new database, with what the server counted meanwhile. A system that breaks leaves its figures open. */
export async function measureSystem<Kind extends JobKind>(
  { server, talk }: BenchContext,
  request: JobRequest<Kind>,
): Promise<JobResult & Counters> {
  const database = await server.createEmptyDatabase();
  try {
    const before = await counters(database.pool);
    const job = { ...request, url: database.url, connections: CONNECTIONS } as unknown as Job;
    const { child, result } = startJob(job);
    const found = await result.catch((error: Error): JobResult => {
      talk(error.message);
      return {};
    });
    if (child.exitCode === null && child.signalCode === null) {
      await once(child, 'exit');
    }
    const after = await counters(database.pool);
    return { ...found, commits: after.commits - before.commits, wal: after.wal - before.wal };
  } finally {
    await database.drop();
  }
}
