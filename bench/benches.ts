import { programBeside } from '../src/package-root.ts';
import type { Bench } from './bench.ts';
import { query } from './clients/query.ts';
import { subscribers } from './clients/subscribers.ts';
import { bulk } from './data/bulk.ts';
import { encryption } from './data/encryption.ts';
import { history } from './data/history.ts';
import { knowledge } from './data/knowledge.ts';
import { queued } from './data/queued.ts';
import { toolCache } from './data/tool-cache.ts';
import { writeBack } from './data/write-back.ts';
import { formatDataSize } from './data-sizes.ts';
import { grading } from './quality/grading.ts';
import { gradingRules } from './quality/grading-rules.ts';
import { coldstart } from './runs/coldstart.ts';
import { control } from './runs/control.ts';
import { fanOut } from './runs/fan-out.ts';
import { guards } from './runs/insert-triggers.ts';
import { size } from './runs/install-size.ts';
import { latency } from './runs/latency.ts';
import { recovery } from './runs/recovery.ts';
import { startLag } from './runs/start-lag.ts';
import { steps } from './runs/steps.ts';
import { waiting } from './runs/waiting.ts';

type BenchEntry = {
  run: Bench;
  /** A description of the workload and the figures, for tables and documents. */
  description: string;
  /** An addition to the description if peers were measured, which do other work. */
  peerDescription?: string;
  /** Whether the bench does what only superusers may do. */
  needsSuperuser?: true;
};

/**
 * The bench of the console, which is loaded when it runs: its browser and its operations are not
 * part of an installation.
 */
const consoleBench: Bench = async (context) => {
  const module = await import(programBeside(import.meta.url, 'console/console'));
  return module.consoleBench(context);
};

/** All benches by name, in the order of the table. */
export const BENCHES: Record<string, BenchEntry> = {
  steps: {
    run: steps,
    description:
      '640 runs of 19 tool calls each, 64 at once, after 640 runs to warm up. Every second step stores 500 random bytes. Steps are rows of `howdah.steps`, counted per second from the first start to the last commit. CPU is that of the worker, and of the server without the connection that takes the measurements (needs /proc and a server that the bench started). pgbench and raw_node: transactions of one insert of 500 bytes and one update. Slow flush: the same with a `commit_delay` of 2 ms.',
    peerDescription: 'Peers: runs of 20 steps, each of which stores 500 bytes.',
  },
  latency: {
    run: latency,
    description:
      'One run at a time on an idle system. Times from before the insert to the first model request, and between two commits of a run whose model and tool respond at once; CPU of the server. Limits: the same SQL on one connection.',
    peerDescription: 'Peers: from the call that enqueues a job to the first line of its handler.',
  },
  control: {
    run: control,
    description:
      '200 runs in a model call. Time from `cancel_execution` until the worker aborts the model call. Many: the functions for many runs, by one call for 2,000 queued runs, compared with the insert of these runs by one statement.',
  },
  bulk: {
    run: bulk,
    needsSuperuser: true,
    description: `${formatDataSize('BENCH_BULK_ROWS')} executions inserted by one statement, compared with the same rows and jobs in plain tables without triggers. Neighbour: single runs of another tenant, alone and during such an insert.`,
  },
  guards: {
    run: guards,
    description:
      'Inserts with permissions, limits and audit, compared with the same inserts while those triggers are disabled. First insert: CPU of the first statement of a new connection, compared with a table of the same columns, checks and indexes without triggers. Commits: eight connections, each with batches of four runs and flushes of 2 ms, with a limit of tokens and without.',
  },
  query: {
    run: query,
    description: 'GraphQL over HTTP: a page of 20 runs with agent and steps, of 10,000 runs.',
  },
  encryption: {
    run: encryption,
    description:
      '200 runs of 19 tool calls, each of which stores 500 random bytes. A worker then encrypts their contents. Ratios: the time to encrypt the runs to the time to execute them; the size of their rows, and the time of a GraphQL page of 20 of these runs with inputs, outputs and steps, after the encryption to before.',
  },
  subscribers: {
    run: subscribers,
    description:
      '1,000 GraphQL subscribers with a socket each, ten for each run; each run commits two steps per second. Time from before the commit of a step until a client receives it. The clients run on the same cores. Limit: LISTEN, and a frame to each socket, without Howdah. Flat out: one connection commits as fast as it can.',
  },
  'start-lag': {
    run: startLag,
    description:
      'Four workers of 10 slots, filled by long runs. Time from before the insert of a short run to its first model request, 200 times. Half full: all slots of two workers are taken. Nearly full: 38 of 40 slots are taken.',
  },
  'fan-out': {
    run: fanOut,
    description:
      'One run that starts 250, 1,000 or 2,000 children in one step, in a worker of 100 slots whose model responds at once. Times from before the insert to the first model request of a child, and to the end of all children; CPU per child. Map: a workflow over a list. Calls: tool calls of another agent in one model response.',
  },
  waiting: {
    run: waiting,
    description:
      '10,000 runs at once in one worker, three turns each; each turn is a request of 1 s to a local model server. Wall time (at best 3 s), CPU, peak memory and longest stall of the event loop. Limits and peers use the same HTTP client. Then 10,000 runs ask a person a question, and one statement answers all of them.',
  },
  recovery: {
    run: recovery,
    description:
      '200 runs of 20 tool calls of 50 ms. The worker is killed (-9) when half of the calls are done; a second worker is already running, or starts after the kill. Times from the kill to the first call of a run of the killed worker, until all of its runs continue, and until all runs have completed. Counts: runs lost, committed calls repeated, calls in progress repeated.',
    peerDescription: 'Peers: the second process starts at once.',
  },
  coldstart: {
    run: coldstart,
    description:
      'In an empty folder: `howdah start` until it is ready, `howdah demo` until the first answer (both create and migrate a database), and `howdah --help`. Resident memory of API and worker, 2 and 15 s after the start. Limits: creating and starting the database cluster alone, and Node without a program.',
  },
  size: {
    run: size,
    description: 'The packages that `npm install --omit=dev` installs, and their size on disk.',
  },
  knowledge: {
    run: knowledge,
    description:
      'Searches of knowledge bases with judged queries (Cranfield, CISI): nDCG@10 of `howdah.search`, and of `minisearch` with a stemmer. Then 50,400 documents of one chunk: documents per second from the insert until all can be searched, and the time of searches with three and nine words. Then the time of searches in documents of three languages, and with a reranker that answers at once, beside the same search without. Needs HOWDAH_TEST_ASSETS.',
  },
  console: {
    run: consoleBench,
    needsSuperuser: true,
    description: `The console in a headless Chromium on the same cores, which the bench and the API share. Step shown: from the commit of a step until the page of its run paints it, while 200 runs are at work. 50 tabs: 40 lists of runs and 10 pages of runs that follow them, beside 200 runs at work; ratios of the time until a run starts, and of a turn (two committed steps), to the same without tabs. Idle: statements that one open tab adds, \`begin\` and \`commit\` included, over 60 s. Heap of a live list after 7,200 new runs, as many as the list can take in an hour, sent without pauses; the ratio is to the heap at the start. First paint, the first rows, and the longest answer of the API with ${formatDataSize('CONSOLE_RUNS')} finished runs, and with 1,000, without a cache of the browser.`,
  },
  history: {
    run: history,
    needsSuperuser: true,
    description: `A database with ${formatDataSize('HISTORY_EXECUTIONS')} runs of ten steps (\`howdah dev generate\`), compared with an empty one: insert, claim, commit, and the first row of a subscription. Also ten analytical queries, bytes and WAL per step, the share of HOT updates, bloat, and the growth of a session from turn to turn.`,
  },
  queued: {
    run: queued,
    description: `A database with ${formatDataSize('QUEUED_RUNS')} queued runs and ${formatDataSize('PARKED_RUNS')} runs that wait for a person, compared with an empty one: insert, claim and commit, the periodic tasks of a worker, and the search for the next job.`,
  },
  grading: {
    run: grading,
    description: `${formatDataSize('GRADED_RUNS')} runs, in a worker of 100 slots whose model responds at once, and their grades afterwards (\`howdah.evaluate_runs\`). Times from the insert until all runs have ended, and from the call until all are graded: by three graders in SQL functions, or by one query each in the sandbox of SQL graders. Beside: the time of as many runs while others are graded.`,
  },
  'grading-rules': {
    run: gradingRules,
    description: `${formatDataSize('GRADED_RUNS')} runs, in a worker of 100 slots whose model responds at once, graded by rules: by three graders of answers, and by an SQL query for the outcome of each run, which arrives after its end. Times per run, from the start of an evaluation until its last grade; the ratios are to the time per run until all runs have ended. Beside: as many runs while both rules grade.`,
  },
  'tool-cache': {
    run: toolCache,
    description:
      '60 runs with ten calls of a SQL function that reads a row, in a worker of 100 slots whose model responds at once. Hits: the answer cache of tools answers all calls; times are per call. Misses: the tool has the cache, and no call was made before. Both are ratios of the time until all runs have ended to that of the same function without the cache. Beside: steps of runs whose tools have no cache while another tool has it, and their rate compared with that while none has.',
  },
  'write-back': {
    run: writeBack,
    description: `${formatDataSize('WATCHED_ROWS')} rows inserted into a watched table by one statement, in a worker of 100 slots whose model responds at once. Times from before the insert until the first and the last answer are in their rows. Runs: the time of as many runs that are inserted by themselves. Growth: the time per answer, compared with a third of the rows.`,
  },
};
