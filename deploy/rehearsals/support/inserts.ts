import { percentile } from '../../../bench/figures.ts';
import { createClient, createPool } from '../../../src/db/connection/pool.ts';

const WRITERS = 4;
const APPLICATION = 'howdah-rehearsal';
const POLL_MS = 20;

type Interval = { from: number; to: number };
type Phase = Interval & { name: string };

/** Durations of the inserts beside some work, and the locks that they waited for. */
export type Inserts<T> = {
  /** Result of the work. */
  result: T;
  count: number;
  p50: number;
  p99: number;
  max: number;
  /** Longest insert by phase of the work. An insert belongs to the phase that it overlaps most. */
  longest: Map<string, number>;
  /** Observed waits, such as `drop: howdah.sessions behind howdah-months`, with their number. */
  waits: Map<string, number>;
};

/**
 * Inserts runs, each with a session, until `work` has ended. Four connections insert one run after
 * the other. `work` calls the function that it gets at the start of each of its phases.
 */
export async function insertWhile<T>(
  url: string,
  work: (startPhase: (name: string) => void) => Promise<T>,
): Promise<Inserts<T>> {
  const pool = createPool({ url, applicationName: APPLICATION, max: WRITERS });
  const inserts: Interval[] = [];
  const phases: Phase[] = [
    { name: 'start', from: performance.now(), to: Number.POSITIVE_INFINITY },
  ];
  const startPhase = (name: string) => {
    const [now, last] = [performance.now(), phases.at(-1) as Phase];
    last.to = now;
    phases.push({ name, from: now, to: Number.POSITIVE_INFINITY });
  };
  let isOver = false;
  const write = async () => {
    while (!isOver) {
      const from = performance.now();
      await pool.query(INSERT);
      inserts.push({ from, to: performance.now() });
    }
  };
  const waits = new Map<string, number>();
  const observe = () =>
    observeWaits(url, waits, () => (isOver ? undefined : (phases.at(-1) as Phase).name));
  try {
    const others = Promise.all([observe(), ...Array.from({ length: WRITERS }, write)]);
    const result = await work(startPhase).finally(() => {
      isOver = true;
    });
    await others;
    const times = inserts.map(({ from, to }) => to - from);
    const [p50, p99, max] = [50, 99, 100].map((rank) => percentile(times, rank));
    return {
      ...{ result, count: times.length, waits, longest: longestByPhase(inserts, phases) },
      ...{ p50: p50 as number, p99: p99 as number, max: max as number },
    };
  } finally {
    isOver = true;
    await pool.end();
  }
}

const INSERT = `
  with created as (
    insert into howdah.sessions (agent_id) values (howdah.agent('bench')) returning id
  )
  insert into howdah.executions (agent_id, session_id, input)
  select howdah.agent('bench'), c.id, 'hello' from created as c`;

function longestByPhase(inserts: readonly Interval[], phases: Phase[]): Map<string, number> {
  const longest = new Map<string, number>();
  for (const { from, to } of inserts) {
    const overlap = (phase: Phase) => Math.min(to, phase.to) - Math.max(from, phase.from);
    const phase = phases.reduce((best, one) => (overlap(one) > overlap(best) ? one : best));
    longest.set(phase.name, Math.max(longest.get(phase.name) ?? 0, to - from));
  }
  return longest;
}

/**
 * Polls which inserts wait for a lock and which application blocks them. Ends when `phase` returns
 * undefined.
 */
async function observeWaits(
  url: string,
  waits: Map<string, number>,
  phase: () => string | undefined,
): Promise<void> {
  const client = createClient({ url, applicationName: `${APPLICATION}-watch` });
  client.on('error', () => {});
  await client.connect();
  try {
    for (let now = phase(); now !== undefined; now = phase()) {
      const { rows } = await client.query(WAITS, [APPLICATION]);
      for (const { resource, blocker } of rows) {
        const line = `${now}: ${resource} behind ${blocker}`;
        waits.set(line, (waits.get(line) ?? 0) + 1);
      }
      await client.query('select pg_sleep($1)', [POLL_MS / 1000]);
    }
  } finally {
    await client.end();
  }
}

/**
 * Selects the waiting inserts. A transaction that notifies has an `object` lock of the server until
 * its commit is flushed, so a wait for this lock is a wait for the disk.
 */
const WAITS = `
  select
    case a.wait_event
      when 'object' then 'the commits of others'
      else coalesce(l.relation::regclass::text, a.wait_event)
    end as resource,
    coalesce(b.application_name, 'others') as blocker
  from pg_catalog.pg_stat_activity as a
  left join pg_catalog.pg_locks as l on l.pid = a.pid and not l.granted
  left join pg_catalog.pg_stat_activity as b on b.pid = (pg_catalog.pg_blocking_pids(a.pid))[1]
  where a.application_name = $1 and a.wait_event_type = 'Lock'`;
