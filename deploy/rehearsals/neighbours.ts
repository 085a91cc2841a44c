import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BENCH_AGENT, startEngine } from '../../bench/processes/engine.ts';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import { claimingCalls, costsOf } from './support/claiming.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title =
  'what a tenant with a long queue costs another one, and how steps are shared by weight';

/** How long a model takes to answer. */
const MODEL_MS = 50;
/** Runs the worker holds at most: few, so that all slots are taken. */
const SLOTS = 20;
/** Of each long run: calls of a tool, each after an answer of the model. */
const CALLS = 9;
const OWN_MS = 1_000;
/** A queue that is longer may cost some levels of its indexes, and what changes beside. */
const OWN_PAGES = 60;

/** Options: --runs N (100000) of the tenant with the queue, --probes N (100) of the other, --seconds N (15) for each share. */
export async function* run({ words, talk, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const { runs, probes, seconds } = numbersIn(words);
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
    await makeNeighbour(database);
    const alone = await probe(database, Math.ceil(probes / 5));
    await queue(database, 'default', SLOTS * 4, `${CALLS} default`);
    const short = await pages(database, talk);
    yield figure('neighbours', 'first_step_alone_ms_p50', percentile(alone, 50), 'ms');
    await queue(database, 'default', runs, `${CALLS} default`);
    talk(`${runs} runs of ${2 * CALLS + 2} steps are queued, ${SLOTS} at work`);
    const long = await pages(database, talk);
    for (const [call, found] of long) {
      const atMost = (short.get(call) ?? 0) * 1.5 + OWN_PAGES;
      yield figure('neighbours', `pages_${call.replaceAll(' ', '_')}`, found, 'pages', { atMost });
    }
    const beside = await probe(database, probes);
    for (const percent of [50, 99, 100]) {
      const name = percent === 100 ? 'max' : `p${percent}`;
      const value = percentile(beside, percent);
      yield figure('neighbours', `first_step_beside_ms_${name}`, value, 'ms', { atMost: OWN_MS });
    }
    await queue(database, 'quiet', Math.min(runs, 5_000), `${CALLS} quiet`);
    for (const weight of [1, 3]) {
      await database.pool.query(`update howdah.tenants set weight = $1 where slug = 'quiet'`, [
        weight,
      ]);
      await settle(database, weight);
      modelCalls.clear();
      await sleep(seconds * 1_000);
      const share = (modelCalls.get('quiet') ?? 0) / (modelCalls.get('default') ?? 0);
      yield figure('neighbours', `steps_at_weights_${weight}_to_1`, share, 'ratio', {
        atLeast: (weight * 8) / 10,
        atMost: (weight * 5) / 4,
      });
    }
    yield* limits(database);
  } finally {
    await engine.stop(0);
    await database.drop();
  }
}

/** How many pages each question of a claim looks at, in a session of its own; tables that are read whole are said. */
async function pages({ pool }: BenchDatabase, talk: (line: string) => void) {
  const client = await pool.connect();
  try {
    const { rows } = await client.query(`select id from howdah.tenants where slug = 'default'`);
    const calls = await claimingCalls(client, rows[0].id);
    const costs = await costsOf(client, calls);
    for (const { call, pages, wholeReads } of costs) {
      const whole = wholeReads.length > 0 ? `, reads ${wholeReads.join(', ')} whole` : '';
      talk(`${call}: ${pages} pages${whole}`);
    }
    return new Map(costs.map(({ call, pages }) => [call, pages]));
  } finally {
    client.release(true); // its plans are not kept for anybody
  }
}

/** A limit is lowered for a tenant that works, and raised again: what that takes to show. */
async function* limits({ pool }: BenchDatabase): AsyncGenerator<Figure> {
  const running = async () => {
    const { rows } = await pool.query(
      `select count(*)::int as runs from howdah.executions
       where status = 'running' and tenant_id = (select id from howdah.tenants where slug = 'quiet')`,
    );
    return rows[0].runs as number;
  };
  const until = async (isReached: (runs: number) => boolean): Promise<number> => {
    const startedAt = performance.now();
    while (!isReached(await running())) await sleep(5);
    return performance.now() - startedAt;
  };
  await pool.query(
    `insert into howdah.limits (tenant_id, metric, max_value) select id, 'running_runs', 2 from howdah.tenants where slug = 'quiet'`,
  );
  await until((runs) => runs <= 2);
  await pool.query('update howdah.limits set max_value = 8');
  const raised = await until((runs) => runs > 2);
  yield figure('neighbours', 'raised_limit_is_live_ms', raised, 'ms', { atMost: OWN_MS });
}

/** A tenant beside `default`, with the same agent. */
async function makeNeighbour({ pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query(
    `insert into howdah.tenants (slug, name) values ('quiet', 'Quiet') returning id`,
  );
  await pool.query(
    `with agent as (
       insert into howdah.agents (tenant_id, name, instruction, max_steps) values ($1, 'bench', 'Ping.', 100000) returning id
     ), tool as (
       insert into howdah.tools (tenant_id, name, kind, description, parameters)
       values ($1, 'ping', 'custom', 'Gives some bytes.', '{"type": "object"}') returning id
     )
     insert into howdah.agent_tools (tenant_id, agent_id, tool_id) select $1, a.id, t.id from agent as a, tool as t`,
    [rows[0].id],
  );
}

async function queue(
  { pool }: BenchDatabase,
  tenant: string,
  runs: number,
  input: string,
): Promise<void> {
  const AT_ONCE = 10_000;
  for (let left = runs; left > 0; left -= AT_ONCE) {
    await pool.query(
      `insert into howdah.executions (tenant_id, agent_id, input)
       select a.tenant_id, a.id, $2 from howdah.agents as a join howdah.tenants as t on t.id = a.tenant_id,
         generate_series(1, $3) where t.slug = $1 and a.name = 'bench'`,
      [tenant, input, Math.min(left, AT_ONCE)],
    );
  }
}

/** One run of the neighbour after the other; gives the milliseconds from each insert to its first step, by the clock of the database. */
async function probe({ pool }: BenchDatabase, count: number): Promise<number[]> {
  const waits: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { rows } = await pool.query(
      `insert into howdah.executions (tenant_id, agent_id, input)
       select a.tenant_id, a.id, '0 quiet' from howdah.agents as a join howdah.tenants as t on t.id = a.tenant_id
       where t.slug = 'quiet' and a.name = 'bench' returning id, clock_timestamp() as at`,
    );
    for (;;) {
      const found = await pool.query(
        `select extract(epoch from clock_timestamp() - $2::timestamptz)::float8 * 1000 as ms from howdah.steps where execution_id = $1 limit 1`,
        [rows[0].id, rows[0].at],
      );
      if (found.rows[0]) {
        waits.push(found.rows[0].ms);
        break;
      }
      await sleep(5);
    }
  }
  return waits;
}

/** Until the slots are held as the weights say. */
async function settle({ pool }: BenchDatabase, weight: number): Promise<void> {
  const isShared = `select count(*) filter (where t.slug = 'quiet') >= $1::int as is_shared
    from howdah.executions as e join howdah.tenants as t on t.id = e.tenant_id where e.status = 'running'`;
  const most = Math.floor((SLOTS * weight) / (weight + 1)) - 1;
  for (let looks = 0; looks < 200; looks += 1) {
    if ((await pool.query(isShared, [most])).rows[0].is_shared) return;
    await sleep(100);
  }
}

function numbersIn(words: readonly string[]) {
  const { values } = parseArgs({
    args: [...words],
    options: {
      runs: { type: 'string', default: '100000' },
      probes: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '15' },
    },
  });
  const number = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`--${name} takes a whole number from 1 on, not ${values[name]}`);
  };
  return { runs: number('runs'), probes: number('probes'), seconds: number('seconds') };
}
