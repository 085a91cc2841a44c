import { randomUUID } from 'node:crypto';
import { type Client, createClient } from 'graphql-ws';
import type pg from 'pg';
import { WebSocket } from 'ws';
import { createNotifier } from '../src/db/notifier.ts';
import { startApiProcess } from './api.ts';
import type { Bench } from './bench.ts';
import { figure, percentile } from './figures.ts';

const CLIENTS = 1_000;
const RUNS = 100;
const STEPS = 20;
const STEPS_QUERY =
  'subscription ($id: UUID!) { executionSteps(executionId: $id, after: 0) { seq kind name output } }';

type Arrivals = Map<string, number[]>;

/**
 * 1,000 GraphQL subscribers, each on a socket of its own, ten to a run: from before the commit of a step until a client
 * has it. The API is a process of its own; the clients share this one. Runs commit one after the other, as fast as one
 * connection can, and every step must reach each of its ten.
 */
export const subscribers: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const api = await startApiProcess(database.url);
  const notifier = createNotifier(database.url);
  const arrivals: Arrivals = new Map();
  const clients: Client[] = [];
  try {
    const worker = await registerWorker(database.pool);
    const ids = await makeRuns(database.pool);
    await database.pool.query('select howdah_private.claim_executions($1, $2)', [worker, ids]);
    for (let index = 0; index < CLIENTS; index += 1) {
      clients.push(subscribe(api.url, ids[index % RUNS] ?? '', arrivals));
    }
    await settled(() => registered(database.pool), RUNS);
    const sent = new Map<string, number>();
    for (let seq = 1; seq <= STEPS; seq += 1) {
      for (const id of ids) {
        sent.set(`${id} ${seq}`, performance.now());
        await commit(database.pool, worker, id, seq);
        notifier.announce(id);
      }
    }
    await settled(async () => [...arrivals.values()].flat().length, CLIENTS * STEPS);
    const waits = [...arrivals].flatMap(([key, times]) =>
      times.map((at) => at - (sent.get(key) ?? Number.NaN)),
    );
    talk(`${waits.length} of ${CLIENTS * STEPS} arrived`);
    return [
      figure('subscribers', 'subscribers_ms_p50', percentile(waits, 50), 'ms'),
      figure('subscribers', 'subscribers_ms_p99', percentile(waits, 99), 'ms', { atMost: 50 }),
      figure('subscribers', 'subscribers_lost', CLIENTS * STEPS - waits.length, 'count', {
        atMost: 0,
      }),
    ];
  } finally {
    await Promise.all(clients.map((client) => client.dispose()));
    await notifier.close();
    await api.stop();
    await database.drop();
  }
};

function subscribe(url: string, id: string, arrivals: Arrivals): Client {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
  });
  client.subscribe<{ executionSteps: { seq: number } }>(
    { query: STEPS_QUERY, variables: { id } },
    {
      next: ({ data, errors }) => {
        if (!data) {
          throw new Error(`a subscription was refused: ${errors?.[0]?.message}`);
        }
        const key = `${id} ${data.executionSteps.seq}`;
        const times = arrivals.get(key) ?? [];
        times.push(performance.now());
        arrivals.set(key, times);
      },
      error: () => {},
      complete: () => {},
    },
  );
  return client;
}

/** A worker's row, so that runs can be claimed by hand; no process is behind it. */
async function registerWorker(pool: pg.Pool): Promise<string> {
  const worker = randomUUID();
  await pool.query(
    `insert into howdah_private.workers (id, pool_id, host, pid, release) values ($1, 'bench', 'bench', 1, 'bench')`,
    [worker],
  );
  return worker;
}

async function makeRuns(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('development'), 'run ' || i from generate_series(1, $1::int) as i returning id`,
    [RUNS],
  );
  return rows.map((row) => row.id);
}

async function commit(pool: pg.Pool, worker: string, id: string, seq: number): Promise<void> {
  const step = { kind: 'tool', name: 'ping', output: 'x'.repeat(500) };
  await pool.query('select * from howdah_private.commit_steps($1, $2)', [
    worker,
    JSON.stringify([{ id, fence: 1, after: seq - 1, steps: [step] }]),
  ]);
}

async function registered(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('select count(*)::int as runs from howdah_private.watchers');
  return rows[0].runs;
}

/** Waits until the count is reached, or has not moved for five seconds. */
async function settled(count: () => Promise<number>, goal: number): Promise<void> {
  let last = -1;
  let movedAt = performance.now();
  while (performance.now() - movedAt < 5_000) {
    const now = await count();
    if (now >= goal) {
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // all ten of the last one
      return;
    }
    if (now !== last) {
      last = now;
      movedAt = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
