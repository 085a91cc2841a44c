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
 * another tenant and 500 with ids that are nowhere, in random order; five at once where a list takes several.
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

/** Asks for so many ids, and gives the status of the answer. */
type Door = { asks: number; ask(ids: string[]): Promise<number> };

const graphql = (operation: string, asks = 1): Door => ({
  asks,
  ask: async ([id, ...more]) =>
    (await ask(api, operation, asks === 1 ? { id } : { ids: [id, ...more] }, token)).status,
});
const rest = (path: string): Door => ({
  asks: 1,
  ask: async ([id]) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${api.url}${path}${id}`, { headers });
    await response.arrayBuffer();
    return response.status;
  },
});

/** Milliseconds of ids, and of others beside them that are nowhere. */
async function compare({ asks, ask }: Door, ids: string[], count = 500) {
  const some = () =>
    Array.from({ length: asks }, () => ids[Math.floor(Math.random() * ids.length)] ?? '');
  const others = () => some().map(idLike);
  const times = async (probes: string[][]) => {
    const taken: number[] = [];
    for (const probe of probes) {
      const began = performance.now();
      const status = await ask(probe);
      taken.push(performance.now() - began);
      expect([200, 404]).toContain(status);
    }
    return taken;
  };
  await times(Array.from({ length: 50 }, others));
  return compareTimes([some, others], times, count);
}

const FIND = 'query ($id: UUID!) { execution(id: $id) { id status input } }';
const LIST =
  'query ($ids: [UUID!]) { executions(filter: { id: { in: $ids } }, first: 5) { nodes { id status input } } }';

test.each<[string, Door]>([
  ['a field of GraphQL', graphql(FIND)],
  [
    'a mutation',
    graphql('mutation ($id: UUID!) { cancelExecution(input: { id: $id }) { result { id } } }'),
  ],
  ['a list of GraphQL', graphql(LIST, 5)],
  ['a row of REST', rest('/api/executions/')],
  ['a list of REST', rest('/api/executions?parent_execution_id=')],
])('%s', { timeout: 180_000 }, async (_, door) => {
  const found = await leastDifference(() => compare(door, theirs));
  least.push(Math.abs(found.z));
  expect(Math.abs(found.z)).toBeLessThan(SURE);
});

test('which this sees: a row that is found, and long, takes longer', {
  timeout: 180_000,
}, async () => {
  const difference = async () => (await compare(graphql(FIND), own, 100)).z;
  await expect.poll(difference, { timeout: 150_000 }).toBeGreaterThan(SURE);
});
