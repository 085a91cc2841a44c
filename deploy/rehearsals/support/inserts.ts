import { percentile } from '../../../bench/figures.ts';
import { createClient, createPool } from '../../../src/db/connection/pool.ts';

const WRITERS = 4;
const NAME = 'howdah-rehearsal';
const LOOK_EVERY_MS = 20;

type Insert = { from: number; to: number };
type Phase = { name: string; from: number; to: number };

/** How long inserts took while something else was done, and behind which locks they were seen waiting. */
export type Inserts<T> = {
  result: T;
  count: number;
  p50: number;
  p99: number;
  max: number;
  /** The longest of those that lie for the most part within a phase. */
  longest: Map<string, number>;
  /** As `drop: howdah.sessions behind howdah-months`, and how often it was seen. */
  waits: Map<string, number>;
};

/** Inserts sessions with a run each, one after the other on each of four connections, as long as `work` lasts; it is given what names its phases. */
export async function insertWhile<T>(
  url: string,
  work: (begin: (phase: string) => void) => Promise<T>,
): Promise<Inserts<T>> {
  const pool = createPool({ url, applicationName: NAME, max: WRITERS });
  const inserts: Insert[] = [];
  const phases: Phase[] = [{ name: '', from: performance.now(), to: Number.POSITIVE_INFINITY }];
  const begin = (name: string) => {
    const [now, last] = [performance.now(), phases.at(-1) as Phase];
    last.to = now;
    phases.push({ name, from: now, to: Number.POSITIVE_INFINITY });
  };
  let isOver = false;
  const write = async () => {
    while (!isOver) {
      const from = performance.now();
      await pool.query(
        `with talk as (insert into howdah.sessions (agent_id) values (howdah.agent('bench')) returning id)
         insert into howdah.executions (agent_id, session_id, input) select howdah.agent('bench'), t.id, 'hello' from talk as t`,
      );
      inserts.push({ from, to: performance.now() });
    }
  };
  const waits = new Map<string, number>();
  const look = () => watch(url, waits, () => (isOver ? undefined : (phases.at(-1) as Phase).name));
  try {
    const others = Promise.all([look(), ...Array.from({ length: WRITERS }, write)]);
    const result = await work(begin).finally(() => {
      isOver = true;
    });
    await others;
    const took = inserts.map(({ from, to }) => to - from);
    const [p50, p99, max] = [50, 99, 100].map((rank) => percentile(took, rank));
    return {
      ...{ result, count: took.length, waits, longest: longestOf(inserts, phases) },
      ...{ p50: p50 as number, p99: p99 as number, max: max as number },
    };
  } finally {
    isOver = true;
    await pool.end();
  }
}

function longestOf(inserts: Insert[], phases: Phase[]): Map<string, number> {
  const longest = new Map<string, number>();
  for (const { from, to } of inserts) {
    const within = (phase: Phase) => Math.min(to, phase.to) - Math.max(from, phase.from);
    const most = phases.reduce((best, phase) => (within(phase) > within(best) ? phase : best));
    longest.set(most.name, Math.max(longest.get(most.name) ?? 0, to - from));
  }
  return longest;
}

/** Asks again and again which inserts wait for a lock, and who has it; until there is no phase any more. */
async function watch(
  url: string,
  waits: Map<string, number>,
  phase: () => string | undefined,
): Promise<void> {
  const client = createClient({ url, applicationName: `${NAME}-watch` });
  client.on('error', () => {});
  await client.connect();
  try {
    for (let now = phase(); now !== undefined; now = phase()) {
      const { rows } = await client.query(WAITING, [NAME]);
      for (const { what, who } of rows) {
        const line = `${now}: ${what} behind ${who}`;
        waits.set(line, (waits.get(line) ?? 0) + 1);
      }
      await client.query('select pg_sleep($1)', [LOOK_EVERY_MS / 1000]);
    }
  } finally {
    await client.end();
  }
}

/** Who notifies holds one lock of the server until his commit is on the disk: those are waits for the disk. */
const WAITING = `
  select case a.wait_event when 'object' then 'the commits of others'
      else coalesce(l.relation::regclass::text, a.wait_event) end as what, coalesce(b.application_name, 'others') as who
  from pg_catalog.pg_stat_activity as a
  left join pg_catalog.pg_locks as l on l.pid = a.pid and not l.granted
  left join pg_catalog.pg_stat_activity as b on b.pid = (pg_catalog.pg_blocking_pids(a.pid))[1]
  where a.application_name = $1 and a.wait_event_type = 'Lock'`;
