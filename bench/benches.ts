import type { Bench } from './bench.ts';
import { bulk } from './bulk.ts';
import { coldstart } from './coldstart.ts';
import { control } from './control.ts';
import { fanOut } from './fan-out.ts';
import { guards } from './guards.ts';
import { history } from './history.ts';
import { latency } from './latency.ts';
import { query } from './query.ts';
import { queued } from './queued.ts';
import { recovery } from './recovery.ts';
import { size } from './size.ts';
import { saidSize } from './sizes.ts';
import { startLag } from './start-lag.ts';
import { steps } from './steps.ts';
import { subscribers } from './subscribers.ts';
import { waiting } from './waiting.ts';

/** A bench with what it counts, and what of the peers where that is not the same. Some do what only superusers may. */
type Entry = { run: Bench; counts: string; peers?: string; needsSuperuser?: true };

/** Every bench by its name, in the order of the table. */
export const BENCHES: Record<string, Entry> = {
  steps: {
    run: steps,
    counts:
      '64 runs at once. Ours: rows of `howdah.steps` per second, from the first start to the last commit of 640 runs of 19 tool calls; each second row holds 500 random bytes, the others a model answer; 640 runs before them warm up. CPU per step: of the worker process, and of all server processes without the connection that watches; beside pgbench without what connecting takes. Cores busy: both over the same time. A dash means not measured: CPU of the server needs /proc and a server that the bench started. pgbench and bare node: transactions of one insert of 500 bytes and one update. Slow flush: the same with `commit_delay` of 2 ms on the database, pgbench with 64 and with 4 clients.',
    peers: 'Peers: steps of runs of 20 steps, each with 500 bytes to keep before the next begins.',
  },
  latency: {
    run: latency,
    counts:
      'One run at a time on an idle system: from before the insert to the first model request; and between two commits of a run whose model and tool take no time. CPU of all server processes but the connection that watches: for a run from insert to end, and for a step of a run that is alone. Limits: the same SQL said by hand on one connection.',
    peers: 'Peers: from the call that enqueues to the first line of the handler.',
  },
  control: {
    run: control,
    counts:
      '200 runs in the middle of a model call: from `cancel_execution` until the signal hangs up on the model.',
  },
  bulk: {
    run: bulk,
    needsSuperuser: true,
    counts: `${saidSize('BENCH_BULK_ROWS')} executions inserted by one statement, against the same rows and jobs inserted into plain tables without triggers.`,
  },
  guards: {
    run: guards,
    counts:
      'One statement after the other on one connection: an insert with its permissions, limits and audit, over the same insert with their triggers switched off.',
  },
  query: {
    run: query,
    counts:
      'One GraphQL query after the other over HTTP: a page of 20 runs with agent and steps, among 10,000.',
  },
  subscribers: {
    run: subscribers,
    counts:
      '1,000 GraphQL subscribers on sockets of their own, ten to a run, and every run makes two steps a second: from before the commit of a step until a client has it. The clients share these cores. Limit: LISTEN and a frame to each socket of the run, with nothing read, ordered or replayed. Flat out: commits as fast as one connection can.',
  },
  'start-lag': {
    run: startLag,
    counts:
      'Four workers of 10 slots each, and long runs that hold slots: from before the insert of a short run to its first model request, 200 of them one at a time. Half full: the long runs hold all slots of two workers. Nearly full: they hold 38 of the 40 slots.',
  },
  'fan-out': {
    run: fanOut,
    counts:
      'One run that begins 250, 1,000 and 2,000 children in one step, in a worker of 100 slots whose model answers at once: from before the insert of the run to the first model request of a child, and to the end of the run, which waits for all children; and CPU for each child. Map: a workflow that gives each item of a list to an agent, all at once. Calls: an agent that calls another one as often in a single answer.',
  },
  waiting: {
    run: waiting,
    counts:
      '10,000 runs at once in one worker process, three turns each, each turn a request of 1 s to a model server (local HTTP, a process of its own): wall time from before the insert until all have completed (3 s at best), with CPU, peak memory and longest stall of the event loop of that process. Limits and peers do the same through the same HTTP client. Then 10,000 runs that ask a person and are answered by one statement.',
  },
  recovery: {
    run: recovery,
    counts:
      '200 runs of 20 tool calls of 50 ms; the worker process is killed (-9) when half are done, while another one is running already or is started at once. From the kill to the first call of a run it held (worst round), until all of its runs are going on, and until all have completed; runs lost, calls done again after they were committed; calls begun again because they were in the air.',
    peers: 'Peers: the second process starts at once; from the kill to the first step after it.',
  },
  coldstart: {
    run: coldstart,
    counts:
      'In an empty folder: `howdah start` until it is ready, `howdah demo` until the first answer (both make a cluster and migrate); `howdah --help`; resident memory of the server process, API and worker without Postgres, two and fifteen seconds after it was ready. Limits: making and starting the cluster alone, and Node doing nothing.',
  },
  size: {
    run: size,
    counts:
      'What `npm install --omit=dev` puts on disk: the production packages of package-lock.json that are installed here.',
  },
  history: {
    run: history,
    needsSuperuser: true,
    counts: `A database with a history of ${saidSize('HISTORY_EXECUTIONS')} runs of ten steps (\`howdah generate\`) beside an empty one: a claim and a commit called bare, an insert, the first row of a subscription, and ten questions as people ask them; bytes and WAL per step, how many updates touched no index, bloat after many updates, and how the bytes of a session grow from turn to turn.`,
  },
  queued: {
    run: queued,
    counts: `${saidSize('QUEUED_RUNS')} queued runs and ${saidSize('PARKED_RUNS')} that wait for a person beside an empty database: taking a wake-up, a claim, and the chores of a worker, called bare.`,
  },
};
