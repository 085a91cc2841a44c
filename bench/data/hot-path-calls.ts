import { randomUUID } from 'node:crypto';
import { type Client, createClient } from 'graphql-ws';
import type pg from 'pg';
import { WebSocket } from 'ws';
import type { StepRecord, Transition } from '../../src/contracts/runs/step.ts';
import { createNotifier } from '../../src/db/feed/notifier.ts';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';
import { median } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';
import type { BenchDatabase } from '../server.ts';

const CALLS = 600;
const WARM_UP_CALLS = 30;
const STEPS = 3;
const SUBSCRIPTIONS = 30;

/** The calls on the hot path of a run, on one connection with prepared statements. */
export type HotCalls = {
  insert(): Promise<string>;
  claim(id: string): Promise<number>;
  commit(id: string, fence: number, after: number): Promise<void>;
  close(): void;
};

/** Opens the calls, for runs of an agent of their own. No worker may run on the database. */
export async function openHotCalls({ pool }: BenchDatabase): Promise<HotCalls> {
  await pool.query(
    `insert into howdah.agents (name, instruction, max_steps) values ('hot', 'x', 1000) on conflict do nothing`,
  );
  const agent = await pool.query(`select howdah.agent('hot') as id`);
  const worker = await registerWorker(pool);
  const client = await pool.connect();
  const call = async (name: string, text: string, values: unknown[]) =>
    (await client.query({ name, text, values })).rows;
  return {
    insert: async () =>
      (await call('insert', INSERT, [agent.rows[0].id, 'Where is order 4711?']))[0].id,
    claim: async (id) => (await call('claim', CLAIM, [worker, [id]]))[0].fence,
    commit: async (id, fence, after) => {
      const query = commitQuery(worker, [commitOf(id, fence, after)], 'outcome');
      const [row] = await call('commit', query.text, query.values);
      if (row?.outcome !== 'committed') {
        throw new Error(`a commit was ${row?.outcome}`);
      }
    },
    close: () => client.release(),
  };
}

const INSERT = 'insert into howdah.executions (agent_id, input) values ($1, $2) returning id';
const CLAIM = 'select execution_id, fence from howdah_private.claim_executions($1, $2, 1, null)';
const PAYLOAD = 'x'.repeat(500);
const COMPLETED: Transition = {
  status: 'completed',
  stop_reason: 'final_answer',
  output: 'done',
  output_data: null,
};

function commitOf(id: string, fence: number, after: number): Commit {
  const isLast = after === STEPS - 1;
  const step: StepRecord = isLast
    ? { kind: 'output', output: 'done' }
    : { kind: 'tool', name: 'ping', call_id: `call_${after}`, output: PAYLOAD };
  return { id, fence, after, steps: [step], ...(isLast && { to: COMPLETED }) };
}

/** Inserts a row of a worker that has no process, so that runs can be claimed without a worker. */
export async function registerWorker(pool: pg.Pool): Promise<string> {
  const worker = randomUUID();
  await pool.query(
    `insert into howdah_private.workers (id, pool_id, host, pid, release) values ($1, $2, 'bench', 1, 'bench')`,
    [worker, worker],
  );
  return worker;
}

/**
 * Measures the calls on several databases. Returns the median of the milliseconds of each call. The
 * calls alternate between the databases, so that other load on the machine affects all of them.
 */
export async function measureHotCalls<Name extends string>(
  databases: Record<Name, BenchDatabase>,
): Promise<Record<'insert' | 'claim' | 'commit', Record<Name, number>>> {
  const names = Object.keys(databases) as Name[];
  const calls = new Map<Name, HotCalls>();
  for (const name of names) {
    calls.set(name, await openHotCalls(databases[name]));
  }
  const times = { insert: samples(names), claim: samples(names), commit: samples(names) };
  for (let count = -WARM_UP_CALLS; count < CALLS; count += 1) {
    for (const name of names) {
      const hot = calls.get(name) as HotCalls;
      const recorded = count >= 0 ? times : undefined;
      const id = await timeCall(recorded?.insert[name], () => hot.insert());
      const fence = await timeCall(recorded?.claim[name], () => hot.claim(id));
      for (let after = 0; after < STEPS; after += 1) {
        await timeCall(recorded?.commit[name], () => hot.commit(id, fence, after));
      }
    }
  }
  for (const hot of calls.values()) {
    hot.close();
  }
  return {
    insert: medians(times.insert),
    claim: medians(times.claim),
    commit: medians(times.commit),
  };
}

/**
 * Measures GraphQL subscriptions. Returns medians in milliseconds: from the request to the first
 * row, and from before a commit to the arrival of its step.
 */
export async function measureSubscription(
  database: BenchDatabase,
): Promise<{ firstRow: number; liveRow: number }> {
  const api = await startApiProcess(database.url);
  const notifier = createNotifier(database.url);
  const hot = await openHotCalls(database);
  const client = createClient({
    url: `${api.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
  });
  const firstRow: number[] = [];
  const liveRow: number[] = [];
  try {
    for (let count = 0; count < SUBSCRIPTIONS; count += 1) {
      const id = await hot.insert();
      const fence = await hot.claim(id);
      await hot.commit(id, fence, 0);
      const arrivals = subscribe(client, id);
      const startedAt = performance.now();
      await arrivals.next();
      firstRow.push(performance.now() - startedAt);
      const committedAt = performance.now();
      await hot.commit(id, fence, 1);
      notifier.announce(id);
      await arrivals.next();
      liveRow.push(performance.now() - committedAt);
      await hot.commit(id, fence, 2);
      await arrivals.return?.();
    }
    return { firstRow: median(firstRow), liveRow: median(liveRow) };
  } finally {
    hot.close();
    await client.dispose();
    await notifier.close();
    await api.stop();
  }
}

function subscribe(client: Client, id: string) {
  return client.iterate({
    query:
      'subscription ($id: UUID!) { executionSteps(executionId: $id, after: 0) { seq kind name output } }',
    variables: { id },
  });
}

function samples<Name extends string>(names: readonly Name[]): Record<Name, number[]> {
  return Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
}

function medians<Name extends string>(times: Record<Name, number[]>): Record<Name, number> {
  return Object.fromEntries(
    Object.entries<number[]>(times).map(([name, values]) => [name, median(values)]),
  ) as Record<Name, number>;
}

/** Calls `work`, and appends its milliseconds to `into`. */
async function timeCall<T>(into: number[] | undefined, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  into?.push(performance.now() - startedAt);
  return result;
}
