import { type Client, createClient } from 'graphql-ws';
import type pg from 'pg';
import { WebSocket } from 'ws';
import { createNotifier } from '../src/db/notifier.ts';
import { startApiProcess } from './api.ts';
import type { Bench, BenchContext } from './bench.ts';
import { claimByHand, commitByHand, registerByHand } from './by-hand.ts';
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
export const subscribers: Bench = async (context) => {
  const found: Round[] = [];
  for (let round = 1; round <= context.rounds(3); round += 1) {
    found.push(await measure(context));
  }
  const of = (what: 'waits' | 'commits', percent: number): number[] =>
    found.map((round) => percentile(round[what], percent));
  const at = { role: 'limit' } as const;
  const lost = found.reduce((sum, { waits }) => sum + CLIENTS * STEPS - waits.length, 0);
  return [
    figure('subscribers', 'subscribers_ms_p50', of('waits', 50), 'ms'),
    figure('subscribers', 'subscribers_ms_p99', of('waits', 99), 'ms', { atMost: 50 }),
    figure('subscribers', 'bare_commit_while_subscribed_ms_p50', of('commits', 50), 'ms', at),
    figure('subscribers', 'bare_commit_while_subscribed_ms_p99', of('commits', 99), 'ms', at),
    figure('subscribers', 'subscribers_lost', lost, 'count', { atMost: 0 }),
  ];
};

type Round = { waits: number[]; commits: number[] };

async function measure({ server, talk }: BenchContext): Promise<Round> {
  const database = await server.createDatabase();
  const { pool } = database;
  const api = await startApiProcess(database.url);
  const notifier = createNotifier(database.url);
  const arrivals: Arrivals = new Map();
  const clients: Client[] = [];
  try {
    const worker = await registerByHand(pool);
    const ids = await makeRuns(pool);
    await claimByHand(pool, worker, ids);
    for (let index = 0; index < CLIENTS; index += 1) {
      clients.push(subscribe(api.url, ids[index % RUNS] ?? '', arrivals));
    }
    await settled(() => registered(pool), RUNS);
    const sent = new Map<string, number>();
    const commits: number[] = [];
    for (let seq = 1; seq <= STEPS; seq += 1) {
      for (const id of ids) {
        const begun = performance.now();
        sent.set(`${id} ${seq}`, begun);
        await commitByHand(pool, worker, id, seq);
        commits.push(performance.now() - begun);
        notifier.announce(id);
      }
    }
    await settled(async () => [...arrivals.values()].flat().length, CLIENTS * STEPS);
    const waits = [...arrivals].flatMap(([key, times]) =>
      times.map((at) => at - (sent.get(key) ?? Number.NaN)),
    );
    talk(`${waits.length} of ${CLIENTS * STEPS} arrived`);
    return { waits, commits };
  } finally {
    await Promise.all(clients.map((client) => client.dispose()));
    await notifier.close();
    await api.stop();
    await database.drop();
  }
}

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

async function makeRuns(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('development'), 'run ' || i from generate_series(1, $1::int) as i returning id`,
    [RUNS],
  );
  return rows.map((row) => row.id);
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
