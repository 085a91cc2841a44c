import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { StreamEvent } from '../../../src/contracts/runs/stream-event.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { addTool, insertRun, makeAgent, makeAgentTool } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { RUN_CLIENTS, type TreeClient } from './tree-clients.ts';

// Many followers of one tree with parallel sub-agents, each disconnected at random places, on two
// servers. All followers receive the same events in the same order, and no event twice.

const db = testDatabase();
let apis: ApiServer[] = [];
let workers: Worker[] = [];

beforeAll(async () => {
  apis = await Promise.all([startTestApi(db.url), startTestApi(db.url)]);
  workers = await Promise.all([startTestWorker(db.url), startTestWorker(db.url)]);
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  await Promise.all(apis.map((api) => api.close()));
});

/** Makes a boss with six parallel calls of a worker, each of which calls two helpers. */
async function makeManyAgents(): Promise<string> {
  const helper = await makeAgent(db.pool, { script: [{ content: 'Helped.', delay_ms: 5 }] });
  const toHelper = await makeAgentTool(db.pool, helper);
  const calls = (tool: string, count: number) => ({
    tool_calls: Array.from({ length: count }, (_, index) => ({
      ...{ id: `c${index}`, name: tool },
      arguments: { message: `part ${index}` },
    })),
  });
  const worker = await makeAgent(db.pool, {
    script: [calls(toHelper, 2), { content: 'Worked.', delay_ms: 5 }],
  });
  await addTool(db.pool, worker, toHelper);
  const toWorker = await makeAgentTool(db.pool, worker);
  const boss = await makeAgent(db.pool, {
    script: [calls(toWorker, 6), { content: 'Done.' }],
  });
  await addTool(db.pool, boss, toWorker);
  return boss;
}

/** Returns a generator of numbers from 0 to 1, which can be repeated by its seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const isEnd = ({ event, data }: StreamEvent) =>
  event === 'complete' && (data.path as unknown[]).length === 1;

async function followWithCuts(
  client: TreeClient,
  run: string,
  random: () => number,
): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  while (!events.some(isEnd)) {
    const api = apis[Math.floor(random() * apis.length)] as ApiServer;
    let left = 1 + Math.floor(random() * 12);
    const isLast = (event: StreamEvent) => {
      if (event.id !== undefined) left -= 1;
      return left === 0 || isEnd(event);
    };
    const after = events.findLast(({ id }) => id !== undefined)?.id;
    events.push(...(await client(api, { execution_id: run, session_id: '' }, after, isLast)));
  }
  return events.filter(({ id }) => id !== undefined);
}

test('followers that are cut at random all get the same events, each once', async () => {
  const run = await insertRun(db.pool, await makeManyAgents());
  const client = RUN_CLIENTS['SSE and client'] as TreeClient;
  const seeds = [1, 2, 3, 4];
  const [whole, ...cut] = await Promise.all([
    client(apis[0] as ApiServer, { execution_id: run, session_id: '' }, undefined, isEnd),
    ...seeds.map((seed) => followWithCuts(client, run, randomFrom(seed))),
  ]);
  const textOf = ({ id, event, data }: StreamEvent) => JSON.stringify([id, event, data]);
  const expected = whole?.filter(({ id }) => id !== undefined).map(textOf) ?? [];
  expect(new Set(expected).size).toBe(expected.length);
  for (const [index, events] of cut.entries()) {
    expect(events.map(textOf), `seed ${seeds[index]}`).toEqual(expected);
  }
  const ends = expected.map((text) => JSON.parse(text)).filter(([, event]) => event === 'complete');
  expect(ends.length).toBe(1 + 6 + 12);
  const seqs = new Map<string, number>();
  for (const [, , data] of expected.map((text) => JSON.parse(text))) {
    expect(data.seq).toBeGreaterThanOrEqual(seqs.get(data.execution_id) ?? 0);
    seqs.set(data.execution_id, data.seq);
  }
  const { rows } = await db.pool.query<{ id: string; seq: number }>(
    `select s.execution_id as id, count(*)::int as seq from howdah.steps as s
     join howdah.executions as e on e.id = s.execution_id where e.root_execution_id = $1 group by 1`,
    [run],
  );
  expect(Object.fromEntries(seqs)).toEqual(
    Object.fromEntries(rows.map(({ id, seq }) => [id, seq])),
  );
});
