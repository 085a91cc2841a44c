import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import { BENCH_AGENT, startEngine } from '../../bench/processes/engine.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import { claimStatements, measureCosts } from './support/claim-costs.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

// The tenant `default` queues many long runs, and its neighbour `quiet` a few. The figures say how
// long the neighbour waits, what a claim costs with the long queue, how model calls are shared by
// weight, and how soon a changed limit takes effect.

export const title =
  'measures what the long queue of one tenant costs another one, and how weights share the slots';

export const usage = `  --runs N      queued runs of the tenant with the long queue (100000)
  --probes N    runs of the other tenant whose first step is timed (100)
  --seconds N   duration of each measurement of shares (15)`;

/** Duration of a model call. */
const MODEL_MS = 50;
/** Runs that the worker processes at once: few, so that all slots are taken. */
const SLOTS = 20;
/** Tool calls of a long run, each after an answer of the model. */
const CALLS = 9;
const MAX_DELAY_MS = 1_000;
/**
 * Pages that a statement may read beyond 1.5 times those with a short queue: levels of larger
 * indexes, and rows that change meanwhile.
 */
const EXTRA_PAGES = 60;
const RUNS_PER_INSERT = 10_000;
const POLL_MS = 5;

/** Measures a database with one worker. */
export async function* run({ argv, log, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const { runs, probes, seconds } = readOptions(argv);
  const database = await (await server()).createDatabase();
  const modelCalls = new Map<string, number>();
  const engine = await startEngine({
    url: database.url,
    concurrency: SLOTS,
    async onModelCall(input) {
      const tenant = input.split(' ')[1] ?? '';
      modelCalls.set(tenant, (modelCalls.get(tenant) ?? 0) + 1);
      await sleep(MODEL_MS);
    },
  });
  try {
    await database.pool.query(BENCH_AGENT);
    await createNeighbour(database);
    yield* measureQueue(database, { runs, probes, log });
    await queueRuns(database, 'quiet', Math.min(runs, 5_000), `${CALLS} quiet`);
    yield* measureShares(database, modelCalls, seconds);
    yield* measureRaisedLimit(database);
  } finally {
    await engine.stop(0);
    await database.drop();
  }
}

function readOptions(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runs: { type: 'string', default: '100000' },
      probes: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '15' },
    },
  });
  const number = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`--${name} takes a whole number above 0, not ${values[name]}`);
  };
  return { runs: number('runs'), probes: number('probes'), seconds: number('seconds') };
}

/** Compares claims and first steps with a long queue to those with a short one. */
async function* measureQueue(
  database: BenchDatabase,
  { runs, probes, log }: { runs: number; probes: number; log(line: string): void },
): AsyncGenerator<Figure> {
  const alone = await probeFirstSteps(database, Math.ceil(probes / 5));
  await queueRuns(database, 'default', SLOTS * 4, `${CALLS} default`);
  const short = await measurePages(database, log);
  yield figure('neighbours', 'first_step_alone_ms_p50', percentile(alone, 50), 'ms');
  await queueRuns(database, 'default', runs, `${CALLS} default`);
  log(`${runs} runs of ${2 * CALLS + 2} steps are queued, ${SLOTS} are running`);
  const long = await measurePages(database, log);
  for (const [call, pages] of long) {
    const atMost = (short.get(call) ?? 0) * 1.5 + EXTRA_PAGES;
    yield figure('neighbours', `pages_${call.replaceAll(' ', '_')}`, pages, 'pages', { atMost });
  }
  const beside = await probeFirstSteps(database, probes);
  for (const percent of [50, 99, 100]) {
    const name = `first_step_beside_ms_${percent === 100 ? 'max' : `p${percent}`}`;
    const value = percentile(beside, percent);
    yield figure('neighbours', name, value, 'ms', { atMost: MAX_DELAY_MS });
  }
}

/** Compares the model calls of both tenants, with equal weights and with three times the weight. */
async function* measureShares(
  database: BenchDatabase,
  modelCalls: Map<string, number>,
  seconds: number,
): AsyncGenerator<Figure> {
  for (const weight of [1, 3]) {
    const update = `update howdah.tenants set weight = $1 where slug = 'quiet'`;
    await database.pool.query(update, [weight]);
    await waitForShares(database, weight);
    modelCalls.clear();
    await sleep(seconds * 1_000);
    const share = (modelCalls.get('quiet') ?? 0) / (modelCalls.get('default') ?? 0);
    yield figure('neighbours', `steps_at_weights_${weight}_to_1`, share, 'ratio', {
      atLeast: (weight * 8) / 10,
      atMost: (weight * 5) / 4,
    });
  }
}

/** Measures the pages that each statement of a claim reads, in a session of its own. */
async function measurePages({ pool }: BenchDatabase, log: (line: string) => void) {
  const client = await pool.connect();
  try {
    const { rows } = await client.query(`select id from howdah.tenants where slug = 'default'`);
    const costs = await measureCosts(client, await claimStatements(client, rows[0].id));
    for (const { call, pages, sequentialScans } of costs) {
      const scans =
        sequentialScans.length > 0 ? `, sequential scan of ${sequentialScans.join(', ')}` : '';
      log(`${call}: ${pages} pages${scans}`);
    }
    return new Map(costs.map(({ call, pages }) => [call, pages]));
  } finally {
    client.release(true); // closes the session, and with it the cached plans
  }
}

/** Lowers a limit of an active tenant, raises it, and measures the time until more runs start. */
async function* measureRaisedLimit({ pool }: BenchDatabase): AsyncGenerator<Figure> {
  const countRunning = async () => {
    const { rows } = await pool.query(
      `select count(*)::int as runs from howdah.executions
       where status = 'running'
         and tenant_id = (select id from howdah.tenants where slug = 'quiet')`,
    );
    return rows[0].runs as number;
  };
  const waitFor = async (isReached: (runs: number) => boolean): Promise<number> => {
    const startedAt = performance.now();
    while (!isReached(await countRunning())) await sleep(POLL_MS);
    return performance.now() - startedAt;
  };
  await pool.query(
    `insert into howdah.limits (tenant_id, metric, max_value)
     select id, 'running_runs', 2 from howdah.tenants where slug = 'quiet'`,
  );
  await waitFor((runs) => runs <= 2);
  await pool.query('update howdah.limits set max_value = 8');
  const ms = await waitFor((runs) => runs > 2);
  yield figure('neighbours', 'raised_limit_is_live_ms', ms, 'ms', { atMost: MAX_DELAY_MS });
}

/** Creates the tenant `quiet`, with the same agent as `default`. */
async function createNeighbour({ pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query(
    `insert into howdah.tenants (slug, name) values ('quiet', 'Quiet') returning id`,
  );
  await pool.query(
    `with agent as (
       insert into howdah.agents (tenant_id, name, instruction, max_steps)
       values ($1, 'bench', 'Ping.', 100000) returning id
     ), tool as (
       insert into howdah.tools (tenant_id, name, kind, description, parameters)
       values ($1, 'ping', 'custom', 'Gives some bytes.', '{"type": "object"}') returning id
     )
     insert into howdah.agent_tools (tenant_id, agent_id, tool_id)
     select $1, a.id, t.id from agent as a, tool as t`,
    [rows[0].id],
  );
}

/** Inserts runs of a tenant. The input says how many tools the agent calls. */
async function queueRuns(
  { pool }: BenchDatabase,
  tenant: string,
  runs: number,
  input: string,
): Promise<void> {
  for (let left = runs; left > 0; left -= RUNS_PER_INSERT) {
    await pool.query(
      `insert into howdah.executions (tenant_id, agent_id, input)
       select a.tenant_id, a.id, $2
       from howdah.agents as a join howdah.tenants as t on t.id = a.tenant_id,
         generate_series(1, $3)
       where t.slug = $1 and a.name = 'bench'`,
      [tenant, input, Math.min(left, RUNS_PER_INSERT)],
    );
  }
}

/**
 * Inserts runs of the neighbour, one after the other. Returns the milliseconds from each insert to
 * its first step, by the clock of the database.
 */
async function probeFirstSteps({ pool }: BenchDatabase, count: number): Promise<number[]> {
  const delays: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { rows } = await pool.query(
      `insert into howdah.executions (tenant_id, agent_id, input)
       select a.tenant_id, a.id, '0 quiet'
       from howdah.agents as a join howdah.tenants as t on t.id = a.tenant_id
       where t.slug = 'quiet' and a.name = 'bench' returning id, clock_timestamp() as at`,
    );
    for (;;) {
      const found = await pool.query(
        `select extract(epoch from clock_timestamp() - $2::timestamptz)::float8 * 1000 as ms
         from howdah.steps where execution_id = $1 limit 1`,
        [rows[0].id, rows[0].at],
      );
      if (found.rows[0]) {
        delays.push(found.rows[0].ms);
        break;
      }
      await sleep(POLL_MS);
    }
  }
  return delays;
}

/** Waits until the slots are shared as the weights say, at most about 20 seconds. */
async function waitForShares({ pool }: BenchDatabase, weight: number): Promise<void> {
  const isShared = `
    select count(*) filter (where t.slug = 'quiet') >= $1::int as is_shared
    from howdah.executions as e join howdah.tenants as t on t.id = e.tenant_id
    where e.status = 'running'`;
  const expected = Math.floor((SLOTS * weight) / (weight + 1)) - 1;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if ((await pool.query(isShared, [expected])).rows[0].is_shared) return;
    await sleep(100);
  }
}
