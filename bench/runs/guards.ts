import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { type Figure, figure, median, ratios } from '../figures.ts';

const CALLS = 100;
const MANY = 1_000;

const ONE_RUN = `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), 'x')`;
const MANY_RUNS = `insert into howdah.executions (agent_id, input)
  select howdah.agent('bench'), 'x' from generate_series(1, ${MANY})`;
const ONE_USER = `insert into howdah.users (username) values (howdah.uuid_v7()::text)`;

/** Triggers that check permissions and count runs for limits. */
export const ON_RUNS = ['_010_permit', '_020_permit_agents', '_950_count_runs'];
/** Triggers that write the audit log. */
export const ON_USERS = ['_950_audit_insert'];
const LIMIT = `insert into howdah.limits (scope, metric, period, max_value) values ('tenant', 'runs', 'day', 1e9)`;

/**
 * What permissions, limits and the audit log cost an insert, beside the same insert with their triggers switched off, call
 * by call on one connection: for runs while there is no limit, for runs under one, and for a definition that is audited.
 */
export const guards: Bench = async ({ server, rounds }) => {
  const database = await server.createDatabase();
  const client = await database.pool.connect();
  try {
    await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // makes the tool's row
    await client.query(BENCH_AGENT);
    const count = rounds(5);
    const unlimited = [
      ...(await costs(client, count, 'one_run_ratio', {
        text: ONE_RUN,
        table: 'executions',
        triggers: ON_RUNS,
      })),
      ...(await costs(client, count, `${MANY}_runs_ratio`, {
        text: MANY_RUNS,
        table: 'executions',
        triggers: ON_RUNS,
      })),
    ];
    await client.query(LIMIT);
    return [
      ...unlimited,
      ...(await costs(client, count, 'one_run_under_quota_ratio', {
        text: ONE_RUN,
        table: 'executions',
        triggers: ON_RUNS,
      })),
      ...(await costs(client, count, 'one_user_audited_ratio', {
        text: ONE_USER,
        table: 'users',
        triggers: ON_USERS,
      })),
    ];
  } finally {
    client.release();
    await database.drop();
  }
};

type Guarded = { text: string; table: string; triggers: readonly string[] };

async function costs(
  client: pg.PoolClient,
  rounds: number,
  name: string,
  guarded: Guarded,
): Promise<Figure[]> {
  const { text, table, triggers } = guarded;
  const switchTo = async (word: 'enable' | 'disable') => {
    for (const trigger of triggers)
      await client.query(`alter table howdah.${table} ${word} trigger ${trigger}`);
  };
  const on: number[] = [];
  const off: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    on.push(await took(client, text));
    await switchTo('disable');
    off.push(await took(client, text));
    await switchTo('enable');
  }
  return [
    figure('guards', name, ratios(on, off), 'ratio'),
    figure('guards', name.replace('ratio', 'ms'), on, 'ms'),
  ];
}

/** Milliseconds of one call, the median of many. */
async function took(client: pg.PoolClient, text: string): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < (text === MANY_RUNS ? CALLS / 10 : CALLS); call += 1) {
    const startedAt = performance.now();
    await client.query(text);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}
