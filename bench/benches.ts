import type { Bench } from './bench.ts';
import { bulk } from './data/bulk.ts';
import { coldstart } from './runs/coldstart.ts';
import { control } from './runs/control.ts';
import { encryption } from './data/encryption.ts';
import { fanOut } from './runs/fan-out.ts';
import { guards } from './runs/guards.ts';
import { history } from './data/history.ts';
import { latency } from './runs/latency.ts';
import { query } from './clients/query.ts';
import { queued } from './data/queued.ts';
import { recovery } from './runs/recovery.ts';
import { size } from './runs/size.ts';
import { sizeText } from './sizes.ts';
import { startLag } from './runs/start-lag.ts';
import { steps } from './runs/steps.ts';
import { subscribers } from './clients/subscribers.ts';
import { waiting } from './runs/waiting.ts';

/** A bench with what it counts, and what of the peers where that is not the same. Some do what only superusers may. */
type Entry = { run: Bench; counts: string; peers?: string; needsSuperuser?: true };

/** Every bench by its name, in the order of the table. */
export const BENCHES: Record<string, Entry> = {
  steps: {
    run: steps,
    counts:
      '64 runs at once of 19 tool calls each, 640 in all, after 640 to warm up; every second step stores 500 random bytes. `howdah.steps` rows per second, from the first start to the last commit. CPU of the worker, and of the server without the connection that watches (needs /proc and a server that the bench started). pgbench and bare node: transactions of one insert of 500 bytes and one update. Slow flush: `commit_delay` of 2 ms.',
    peers: 'Peers: runs of 20 steps, each with 500 bytes to keep.',
  },
  latency: {
    run: latency,
    counts:
      'One run at a time on an idle system: from before the insert to the first model request, and between two commits when model and tool take no time; CPU of the server. Limits: the same SQL on one connection.',
    peers: 'Peers: from the call that enqueues to the first line of the handler.',
  },
  control: {
    run: control,
    counts:
      '200 runs in a model call: from `cancel_execution` until the worker hangs up on the model.',
  },
  bulk: {
    run: bulk,
    needsSuperuser: true,
    counts: `${sizeText('BENCH_BULK_ROWS')} executions inserted by one statement, against the same rows and jobs in plain tables without triggers.`,
  },
  guards: {
    run: guards,
    counts:
      'Inserts with permissions, limits and audit, over the same inserts with those triggers switched off.',
  },
  query: {
    run: query,
    counts: 'GraphQL over HTTP: a page of 20 runs with agent and steps, among 10,000.',
  },
  encryption: {
    run: encryption,
    counts:
      '200 runs of 19 tool calls, each of which stores 500 random bytes; then a worker encrypts their contents. Time to encrypt them, over the time to run them; bytes of their rows after, over before; a GraphQL page of 20 of these runs with inputs, outputs and steps after, over before.',
  },
  subscribers: {
    run: subscribers,
    counts:
      '1,000 GraphQL subscribers, each with its own socket, ten to a run, two steps a second in each run: from before the commit of a step until a client has it. The clients share these cores. Limit: LISTEN and a frame to each socket. Flat out: commits as fast as one connection can.',
  },
  'start-lag': {
    run: startLag,
    counts:
      'Four workers of 10 slots, filled by long runs: from before the insert of a short run to its first model request, 200 times. Half full: all slots of two workers. Nearly full: 38 of 40 slots.',
  },
  'fan-out': {
    run: fanOut,
    counts:
      'One run that begins 250, 1,000 or 2,000 children in one step, in a worker of 100 slots whose model answers at once: from before the insert to the first model request of a child, and to the end of all; CPU for each child. Map: a workflow over a list. Calls: of another agent in a single answer.',
  },
  waiting: {
    run: waiting,
    counts:
      '10,000 runs at once in one worker, three turns each, each turn a request of 1 s to a local model server: wall time (3 s at best), CPU, peak memory and longest stall of the event loop. Limits and peers use the same HTTP client. Then 10,000 runs that ask a person and are answered by one statement.',
  },
  recovery: {
    run: recovery,
    counts:
      '200 runs of 20 tool calls of 50 ms; the worker is killed (-9) when half are done, beside another one or before its start. From the kill to the first call of a run it held, until all of its runs continue, and until all have completed; runs lost, committed calls repeated, calls in progress begun again.',
    peers: 'Peers: the second process starts at once.',
  },
  coldstart: {
    run: coldstart,
    counts:
      'In an empty folder: `howdah start` until it is ready, `howdah demo` until the first answer (both create and migrate a database), `howdah --help`; resident memory of API and worker 2 and 15 s after the start. Limits: the cluster alone, and Node doing nothing.',
  },
  size: {
    run: size,
    counts: 'What `npm install --omit=dev` puts on disk.',
  },
  history: {
    run: history,
    needsSuperuser: true,
    counts: `A database with ${sizeText('HISTORY_EXECUTIONS')} runs of ten steps (\`howdah dev generate\`) beside an empty one: claim, commit, insert, the first row of a subscription, and ten questions; bytes and WAL per step, share of HOT updates, bloat, and growth of a session from turn to turn.`,
  },
  queued: {
    run: queued,
    counts: `${sizeText('QUEUED_RUNS')} queued runs and ${sizeText('PARKED_RUNS')} that wait for a person beside an empty database: wake-ups, claims, and the chores of a worker.`,
  },
};
