import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { measureFirstInserts } from '../data/first-insert.ts';
import { measureLimitedCommits } from '../data/limited-commits.ts';
import { type Figure, figure, median, ratios } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';

const CALLS = 100;
const MANY = 1_000;

const ONE_RUN = `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), 'x')`;
const MANY_RUNS = `insert into howdah.executions (agent_id, input)
  select howdah.agent('bench'), 'x' from generate_series(1, ${MANY})`;
const ONE_USER = `insert into howdah.users (username) values (howdah.uuid_v7()::text)`;

/** Triggers of `executions` that check the agents and sessions of new runs. */
export const RUN_TRIGGERS = ['_020_permit_agents'];
/** Triggers of `users` that write the audit log. */
export const USER_TRIGGERS = ['_950_audit_insert'];
const LIMIT = `insert into howdah.limits (scope, metric, period, max_value) values ('tenant', 'runs', 'day', 1e9)`;
const NO_LIMIT = `delete from howdah.limits where metric = 'runs'`;

/**
 * Measures what permissions, limits and the audit log add to the time of an insert. Each round
 * repeats an insert on one connection, first with them and then without. The inserts are of runs
 * without a limit, of runs with a limit, and of a user, which is audited. Also measures the first
 * insert of a connection, and then commits of steps on several connections at once, without and
 * with a limit of tokens.
 */
export const guards: Bench = async ({ server, rounds }) => {
  const database = await server.createDatabase();
  const client = await database.pool.connect();
  try {
    await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // inserts the row of the tool
    await client.query(BENCH_AGENT);
    const count = rounds(5);
    const runs = { ...ofTriggers('executions', RUN_TRIGGERS), text: ONE_RUN };
    const unlimited = [
      ...(await measureGuard(client, count, 'one_run_ratio', runs)),
      ...(await measureGuard(client, count, `${MANY}_runs_ratio`, { ...runs, text: MANY_RUNS })),
    ];
    const first = await measureFirstInserts(database, count);
    await client.query(LIMIT);
    return [
      ...unlimited,
      ...first,
      ...(await measureGuard(client, count, 'one_run_under_quota_ratio', {
        text: ONE_RUN,
        on: LIMIT,
        off: NO_LIMIT,
      })),
      ...(await measureGuard(client, count, 'one_user_audited_ratio', {
        ...ofTriggers('users', USER_TRIGGERS),
        text: ONE_USER,
      })),
      ...(await measureLimitedCommits(database, count)),
    ];
  } finally {
    client.release();
    await database.drop();
  }
};

/** An insert, and the statements that switch on and off what is measured. */
type GuardedInsert = { text: string; on: string; off: string };

function ofTriggers(table: string, triggers: readonly string[]): Omit<GuardedInsert, 'text'> {
  const alter = (action: 'enable' | 'disable'): string =>
    triggers.map((it) => `alter table howdah.${table} ${action} trigger ${it}`).join('; ');
  return { on: alter('enable'), off: alter('disable') };
}

/** Returns the ratio of the times with and without the guard, and the time with it. */
async function measureGuard(
  client: pg.PoolClient,
  rounds: number,
  name: string,
  { text, on: switchOn, off: switchOff }: GuardedInsert,
): Promise<Figure[]> {
  const on: number[] = [];
  const off: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    on.push(await medianMs(client, text));
    await client.query(switchOff);
    off.push(await medianMs(client, text));
    await client.query(switchOn);
  }
  return [
    figure('guards', name, ratios(on, off), 'ratio'),
    figure('guards', name.replace('ratio', 'ms'), on, 'ms'),
  ];
}

/** Repeats a statement. Returns the median of its milliseconds. */
async function medianMs(client: pg.PoolClient, text: string): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < (text === MANY_RUNS ? CALLS / 10 : CALLS); call += 1) {
    const startedAt = performance.now();
    await client.query(text);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}
