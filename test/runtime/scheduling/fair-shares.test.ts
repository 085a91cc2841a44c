import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeRequest,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { Json } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { executionOf, findViolations, waitForEnd } from '../arrange.ts';
import { makeTenant, type Tenant } from '../tenants.ts';

/** Duration of a model call. */
const STEP_MS = 200;

let database: TestDatabase;
let server: FakeServer;
const tenants: Tenant[] = [];
const workers: Worker[] = [];
let answerTo: (tenant: string, request: FakeRequest) => Promise<FakeAnswer>;
/** Tenants of the model requests, in order. */
let requestTenants: string[] = [];

beforeAll(async () => {
  server = await startOpenAiServer((request) => {
    const tenant = nameOf(request.body.messages as Json[]);
    requestTenants.push(tenant);
    return answerTo(tenant, request);
  });
});
beforeEach(async () => {
  // dropping a database is faster than cancelling thousands of runs
  database = await createTestDatabase();
  requestTenants = [];
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(tenants.splice(0).map((tenant) => tenant.pool.end()));
  expect(await findViolations(database.pool)).toEqual([]);
  await database.drop();
});
afterAll(() => server.close());

function nameOf(messages: Json[]): string {
  const input = messages.find((message) => (message as { role: string }).role === 'user');
  return (input as { content: string }).content;
}

async function tenant(name: string): Promise<Tenant> {
  const made = await makeTenant(database, name);
  tenants.push(made);
  return made;
}

async function start(concurrency: number): Promise<void> {
  workers.push(await startTestWorker(database.url, { openai: server.url, concurrency }));
}

const count = (name: string) => requestTenants.filter((other) => other === name).length;

/** Answers a long run: the model calls a missing tool without end. */
const answerLongRun = async (left: Promise<unknown>): Promise<FakeAnswer> => {
  await Promise.race([new Promise((resolve) => setTimeout(resolve, STEP_MS)), left]);
  return {
    tool_calls: [
      { name: `look_${requestTenants.length}`, arguments: { n: requestTenants.length } },
    ],
  };
};
const done: FakeAnswer = { content: 'done' };

test('with 10,000 queued runs and every slot taken by long runs, another tenant waits a few steps', async () => {
  const [many, single] = [await tenant('many'), await tenant('single')];
  answerTo = async (name, { left }) => (name === many.name ? answerLongRun(left) : done);
  await many.insert(10_000);
  await start(4);
  await expect.poll(() => count(many.name), { timeout: 60_000 }).toBeGreaterThan(8);
  const [id] = await single.insert(1);
  const before = count(many.name);
  await expect.poll(() => count(single.name), { timeout: 60_000 }).toBe(1);
  // of the other tenants only, whenever this is read
  const steps = requestTenants.indexOf(single.name) - before;
  console.log(`steps of the others before the first of the single run: ${steps}`);
  expect(steps).toBeLessThanOrEqual(4 * 6); // six steps of each of the four
  expect((await waitForEnd(database.pool, id as string)).status).toBe('completed');
  // A preempted run was released, not crashed, and continues.
  const { rows } = await database.pool.query(
    `select max(crashes_without_progress) as crashes, count(*) filter (where status = 'running')::int as running
     from howdah.executions where agent_id = $1 and fence > 0`,
    [many.agent],
  );
  expect(rows[0].crashes).toBe(0);
  await eventually(
    database.pool,
    'the room is used again',
    `select from howdah.executions where agent_id = $1 and status = 'running' having count(*) = 4`,
    [many.agent],
  );
});

test('a run of another tenant starts soon among thousands of short runs', async () => {
  const [many, single] = [await tenant('many'), await tenant('single')];
  answerTo = async () => done;
  await many.insert(3_000);
  await start(4);
  await expect.poll(() => count(many.name), { timeout: 60_000 }).toBeGreaterThan(20);
  const [id] = await single.insert(1);
  const before = count(many.name);
  await expect.poll(() => count(single.name), { timeout: 60_000, interval: 5 }).toBe(1);
  const at = requestTenants.slice(requestTenants.indexOf(many.name)).indexOf(single.name);
  console.log(`short runs begun before the single one: ${at - before}`);
  expect(at - before).toBeLessThanOrEqual(24);
  expect((await waitForEnd(database.pool, id as string)).status).toBe('completed');
});

test('tenants are served round-robin whatever the order of their inserts', async () => {
  const all: Tenant[] = [];
  for (let n = 0; n < 5; n += 1) all.push(await tenant(`t${n}`));
  answerTo = async () => done;
  for (const each of all) await each.insert(6);
  await start(1);
  await expect.poll(() => requestTenants.length, { timeout: 60_000 }).toBe(30);
  for (let round = 0; round < 6; round += 1) {
    expect(new Set(requestTenants.slice(5 * round, 5 * round + 5)).size).toBe(5);
  }
});

test('two tenants with long runs alternate on one slot', async () => {
  const [first, second] = [await tenant('first'), await tenant('second')];
  answerTo = (_, { left }) => answerLongRun(left);
  const [mine] = await first.insert(1);
  await start(1);
  await expect.poll(() => count(first.name), { timeout: 60_000 }).toBeGreaterThan(1);
  await second.insert(1);
  await expect.poll(() => count(second.name), { timeout: 60_000 }).toBeGreaterThan(0);
  const before = count(first.name);
  await expect.poll(() => count(first.name), { timeout: 60_000 }).toBeGreaterThan(before);
  expect(await executionOf(database.pool, mine as string)).toMatchObject({
    crashes_without_progress: 0,
  });
});

test('tenants with equal shares never preempt each other', async () => {
  const [first, second] = [await tenant('first'), await tenant('second')];
  answerTo = (_, { left }) => answerLongRun(left);
  const ids = [...(await first.insert(8)), ...(await second.insert(8))];
  await start(4);
  const atWork = `select tenant_id from howdah.executions where status = 'running' and id = any ($1)
    group by tenant_id having count(*) = 2`;
  await eventually(
    database.pool,
    'two of each',
    `select from (${atWork}) as t having count(*) = 2`,
    [ids],
  );
  const { rows: before } = await database.pool.query(
    'select id, fence from howdah.executions where id = any ($1) order by id',
    [ids],
  );
  const steps = requestTenants.length;
  await expect.poll(() => requestTenants.length, { timeout: 60_000 }).toBeGreaterThan(steps + 40);
  const { rows: after } = await database.pool.query(
    'select id, fence from howdah.executions where id = any ($1) order by id',
    [ids],
  );
  expect(after).toEqual(before);
});
