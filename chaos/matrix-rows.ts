import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Breach } from './checks/breach.ts';
import type { FaultKind, ModelFault } from './faults/faults.ts';
import { fullDiskFault } from './faults/full-disk.ts';
import type { ToolName } from './load/plan.ts';
import type { WorkerSettings, World } from './world.ts';

/**
 * One fault on its own. By default there are 60 runs, three workers, and faults for 12 seconds, one
 * every 2 seconds.
 */
export type Scenario = {
  row: number;
  fault: string;
  faults?: readonly FaultKind[];
  modelFaults?: readonly ModelFault[];
  runs?: number;
  forMs?: number;
  everyMs?: number;
  workers?: number;
  workerSettings?: (index: number) => WorkerSettings;
  /** Tools that are each called by one additional run. */
  additionalCalls?: readonly ToolName[];
  /** Whether one of these calls kills its workers, so that its run is stopped as poison. */
  mayPoison?: boolean;
  /** Injects another fault during the round; returns how often. */
  during?(world: World): Promise<number>;
  /** Checks additional guarantees after the round. */
  after?(world: World): Breach[] | Promise<Breach[]>;
  /** Size of a file system for the database alone. The row is skipped if none can be mounted. */
  diskMb?: number;
};

const CLOCK_SKEW = fileURLToPath(new URL('faults/clock-skew.ts', import.meta.url));
const HOUR_MS = 3_600_000;

/** The rows that can be played on one machine. docs/reliability.md has their results. */
export const SCENARIOS: readonly Scenario[] = [
  { row: 2, fault: 'kill -9 of workers at random', faults: ['kill'], runs: 120, forMs: 20_000 },
  { row: 3, fault: 'kill -9 of one Postgres backend', faults: ['kill_backend'], everyMs: 5_000 },
  { row: 4, fault: 'pg_terminate_backend', faults: ['terminate'] },
  { row: 5, fault: 'restart of Postgres, fast', faults: ['restart_fast'], everyMs: 5_000 },
  {
    row: 5,
    fault: 'restart of Postgres, immediate',
    faults: ['restart_immediate'],
    everyMs: 5_000,
  },
  { row: 6, fault: 'partition, reset at its end', faults: ['blackhole'], everyMs: 6_000 },
  { row: 6, fault: 'partition, nothing lost', faults: ['hold'], everyMs: 6_000 },
  { row: 7, fault: 'half-open for ever', faults: ['half_open'], everyMs: 6_000 },
  { row: 7, fault: 'answers of commits and claims lost', faults: ['lose_answer'] },
  { row: 7, fault: 'cut in mid message', faults: ['cut_midway', 'cut'] },
  { row: 8, fault: '200 ms and 20 kB/s', faults: ['slow'], everyMs: 3_000 },
  { row: 9, fault: '429 with Retry-After', modelFaults: ['rate_limited'], after: checkRetryAfter },
  { row: 10, fault: '500, 503, reset', modelFaults: ['error_500', 'error_503', 'reset'] },
  { row: 10, fault: 'models cannot be reached', faults: ['cut_models'] },
  { row: 11, fault: 'silence before and in a stream', modelFaults: ['hang', 'stalled_stream'] },
  { row: 12, fault: 'half a stream', modelFaults: ['half_stream', 'ended_stream'] },
  { row: 13, fault: 'garbage and web pages', modelFaults: ['garbage', 'web_page'] },
  {
    row: 14,
    fault: 'clocks of workers an hour off',
    workerSettings: (index) => ({
      node: ['--import', CLOCK_SKEW],
      env: { CHAOS_SKEW_MS: String([0, HOUR_MS, -HOUR_MS][index % 3]) },
    }),
    modelFaults: ['rate_limited', 'error_500'],
  },
  {
    row: 15,
    fault: 'disk full in the database',
    diskMb: 512,
    ...fullDiskFault('data', 'log', 'data'),
  },
  { row: 17, fault: 'a psql session holds rows', during: lockRows },
  {
    row: 19,
    fault: 'out of memory',
    additionalCalls: ['hoard'],
    mayPoison: true,
    runs: 30,
    workerSettings: () => ({ node: ['--max-old-space-size=96'], mayDie: true }),
  },
  { row: 20, fault: 'frozen for longer than ten seconds', faults: ['freeze'], everyMs: 8_000 },
  { row: 20, fault: 'frozen for moments', faults: ['pause_process'] },
  { row: 21, fault: 'blocked event loop', additionalCalls: ['spin', 'spin'] },
  { row: 22, fault: 'wake-ups four times', faults: ['duplicate_wakeups'], everyMs: 700 },
  {
    row: 26,
    fault: '200 runs at the time of a restart',
    faults: ['restart_fast'],
    runs: 200,
    forMs: 1_000,
    everyMs: 900,
  },
  { row: 27, fault: 'SIGTERM drains', faults: ['drain'] },
  { row: 30, fault: 'none at all' },
];

/** Rows that are covered by a test or another command. */
export const COVERED: readonly (readonly [number, string, string])[] = [
  [1, 'kill -9 at every commit point', 'test/chaos/failpoints.test.ts'],
  [12, 'a cut at every byte of a stream', 'test/providers/openai/openai-stream.test.ts'],
  [13, 'broken arguments, unknown tools, equal ids', 'test/runtime/tool-calls/tool-errors.test.ts'],
  [16, 'disk full on the worker', 'a worker writes no file'],
  [
    18,
    'deadlocks',
    'test/runtime/sql-tools/sql-tool-races.test.ts, test/runtime/control/control-properties.test.ts',
  ],
  [22, 'one key from fifty callers', 'test/sql/runs/run.test.ts'],
  [23, 'a run that kills its workers', 'test/workers/death.test.ts'],
  [24, 'slow subscribers', 'test/api/subscriptions/feed-hub.test.ts, npm run bench -- subscribers'],
  [25, 'huge payloads', 'test/sql/runs/insert.test.ts, test/runtime/model-calls/text.test.ts'],
  [27, 'migrations beside a worker', 'test/db/schema/migrate-beside.test.ts'],
  [28, 'races of controls', 'test/runtime/control/control-properties.test.ts'],
  [29, 'dump and restore', 'test/rehearsals/backup.test.ts, npm run rehearse -- backup'],
  [30, 'an hour without faults', 'npm run chaos -- --soak'],
];

/** Checks that no request was repeated before its Retry-After. */
function checkRetryAfter({ model }: World): Breach[] {
  return [...model.earlyRetries].map((key) => ({
    kind: 'asked too often',
    what: `a request of ${key} was repeated before its Retry-After`,
  }));
}

/** Locks rows of live runs in a slow session, several times. Other runs must not wait for it. */
async function lockRows({ server }: World): Promise<number> {
  let times = 0;
  for (; times < 5; times += 1) {
    await sleep(1_500);
    const client = await server.pool.connect();
    try {
      await client.query('begin');
      await client.query(
        `select from howdah.executions where completed_at is null order by random() limit 3 for update skip locked`,
      );
      await sleep(1_500);
      await client.query('commit');
    } finally {
      client.release();
    }
  }
  return times;
}
