import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RuntimeDependencies } from '../../../src/runtime/environment/runtime-dependencies.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const database = testDatabase();
let runtime: Runtime;
const onFull = vi.fn();
const onRoom = vi.fn();

beforeEach(() => {
  onFull.mockClear();
  onRoom.mockClear();
});
afterEach(() => runtime.drain(0));

/** Starts a runtime that cannot run any agent, so that it finds no runs. */
function startRuntime(capacity: number): void {
  runtime = new Runtime({
    pool: database.pool,
    claims: database.pool,
    filters: database.pool,
    world: { hooks: {}, sleep: async () => {} } as unknown as RuntimeDependencies,
    capacity,
    announce() {},
    stream: () => ({ say() {}, end() {} }),
    onError(error) {
      throw error;
    },
    onFull,
    onRoom,
  });
  runtime.setWorkerId(randomUUID());
}

/** Delays every claim while `during` runs. */
async function whileClaimsWait<T>(claim: () => T, during: () => void): Promise<T> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('lock table howdah.executions in access exclusive mode');
    const claimed = claim();
    await eventually(
      database.pool,
      'the claim waits',
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'
         and query like '%claim_executions%'`,
    );
    during();
    return claimed;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

test('a search that has reserved all slots does not make the worker full', async () => {
  startRuntime(2);
  const wakes: Promise<boolean>[] = [];
  const [look] = await whileClaimsWait(
    () => [runtime.claimDueRuns()],
    () => {
      wakes.push(runtime.wake(randomUUID(), 0), runtime.wake(randomUUID(), 0));
      expect(onFull).not.toHaveBeenCalled();
      wakes.push(runtime.wake(randomUUID(), 0)); // more than the search can return
      expect(onFull).toHaveBeenCalledOnce();
    },
  );
  expect(await look).toBe('nothing');
  expect(await Promise.all(wakes)).toEqual([true, true, true]);
  expect(runtime.isIdle).toBe(true);
});

test('a search during a claim can use the slots that the claim returns', async () => {
  startRuntime(4);
  let second: ReturnType<Runtime['claimDueRuns']> | undefined;
  const [first] = await whileClaimsWait(
    () => [runtime.claimDueRuns()],
    () => {
      second = runtime.claimDueRuns();
    },
  );
  expect(await first).toBe('nothing');
  expect(await second).toBe('nothing');
  expect(runtime.isIdle).toBe(true);
});

test('rejects an offer without free slots, and its late wake-up does not wait', async () => {
  startRuntime(1);
  const id = randomUUID();
  let late: Promise<boolean> | undefined;
  await whileClaimsWait(
    () => runtime.takeOffer([id]),
    () => {
      void runtime.takeOffer([randomUUID()]);
      late = runtime.wake(id, 0);
    },
  );
  expect(await late).toBe(false);
  expect(runtime.isIdle).toBe(true);
  await runtime.drain(0);
  await runtime.takeOffer([id]);
  expect(runtime.isIdle).toBe(true);
});
