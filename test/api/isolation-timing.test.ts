import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '../../src/api/server.ts';
import { all, makeAgent, makeRun, makeTenant } from '../sql/support.ts';
import { idLike } from '../sql/walk.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { compareTimes, leastDifference, SURE } from '../support/two-samples.ts';
import { ask, startTestApi } from './harness.ts';
import { locked, tokenFor } from './tokens.ts';

/**
 * What test/sql/isolation-timing.test.ts takes by the database's clock is taken here over HTTP: 500 requests with ids of
 * another tenant and 500 with ids that are nowhere, in random order.
 */

let db: TestDatabase;
let api: Api;
let token: string;
let theirs: string[];
let own: string[];
const least: number[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url, locked);
  const [a, b] = [await makeTenant(db.pool), await makeTenant(db.pool)];
  own = await makeRuns(a, 'x'.repeat(1_000_000), 3);
  theirs = await makeRuns(b, 'Where is A-1001?', 20);
  token = await tokenFor(
    { sub: 'a', tenant_id: a, user_id: '' },
    { user_id: undefined, role: 'owner' },
  );
});

afterAll(async () => {
  console.info(`isolation by the clock, over HTTP: |z| at most ${Math.max(...least)}`);
  await api?.close();
  await db?.drop();
});

async function makeRuns(tenant_id: string, input: string, most: number): Promise<string[]> {
  const agent_id = await makeAgent(db.pool, { tenant_id });
  for (let count = 0; count < most; count += 1) {
    await makeRun(db.pool, { tenant_id, agent_id, input });
  }
  const rows = await all(db.pool, 'select id from howdah.executions where tenant_id = $1', [
    tenant_id,
  ]);
  return rows.map(({ id }) => id);
}

/** Milliseconds of ids, and of others beside them that are nowhere. */
async function compare(operation: string, ids: string[], count = 500) {
  const any = () => ids[Math.floor(Math.random() * ids.length)] ?? '';
  const times = async (probes: string[]) => {
    const taken: number[] = [];
    for (const id of probes) {
      const began = performance.now();
      const { status } = await ask(api, operation, { id }, token);
      taken.push(performance.now() - began);
      expect(status).toBe(200);
    }
    return taken;
  };
  await times(Array.from({ length: 50 }, () => idLike(any())));
  return compareTimes([any, () => idLike(any())], times, count);
}

const FIND = 'query ($id: UUID!) { execution(id: $id) { id status input } }';

test.each([
  FIND,
  'mutation ($id: UUID!) { cancelExecution(input: { id: $id }) { result { id } } }',
])('%s', { timeout: 180_000 }, async (operation) => {
  const found = await leastDifference(() => compare(operation, theirs));
  least.push(Math.abs(found.z));
  expect(Math.abs(found.z)).toBeLessThan(SURE);
});

test('which this sees: a row that is found, and long, takes longer', {
  timeout: 180_000,
}, async () => {
  const difference = async () => (await compare(FIND, own, 100)).z;
  await expect.poll(difference, { timeout: 150_000 }).toBeGreaterThan(SURE);
});
