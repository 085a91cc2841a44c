import { expect, test } from 'vitest';
import type { Pool } from '../../../src/db/connection/pool.ts';
import type { Claim } from '../../../src/db/runs/runs.ts';
import { StatementRetries } from '../../../src/runtime/environment/statement-retries.ts';
import { Claimer } from '../../../src/runtime/scheduling/claimer.ts';

function startClaimer(pool: Pool, claims: Pool, held: Claim[]): Claimer {
  const claimer = new Claimer({
    pool,
    claimPool: claims,
    heldClaims: () => held,
    reserve: (most) => most,
    acceptExtraRuns: () => {},
    sleep: async () => {},
    isDraining: () => false,
    signal: new AbortController().signal,
    retries: new StatementRetries(),
  });
  claimer.setWorkerId('01890000-0000-7000-8000-00000000000a');
  return claimer;
}

test('releases a claim whose answer is lost, even while an older claim is held', async () => {
  const old = { execution_id: '01890000-0000-7000-8000-000000000001', fence: 3 };
  const said: unknown[][] = [];
  let isLost = false;
  const pool = {
    async query(text: string, values: unknown[]) {
      said.push([/howdah_private\.(\w+)/.exec(text)?.[1], ...values.slice(1)]);
      return { rows: [] };
    },
  } as unknown as Pool;
  const claims = {
    async query() {
      if (isLost) return { rows: [] };
      isLost = true;
      throw Object.assign(new Error('Connection terminated unexpectedly'));
    },
  } as unknown as Pool;
  const claimer = startClaimer(pool, claims, [old]);
  expect(await claimer.claim(old.execution_id)).toBeUndefined();
  expect(said).toEqual([['release_unknown', [old.execution_id], [old.fence]]]);
});

test('claims, searches and recovery from lost answers never run concurrently', async () => {
  const said: string[] = [];
  let underWay = 0;
  let most = 0;
  let count = 0;
  const runExclusively = async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
  };
  const pool = {
    async query() {
      await runExclusively();
      said.push('release');
      return { rows: [{ released: 1 }] };
    },
  } as unknown as Pool;
  const claims = {
    async query() {
      count += 1;
      const isLost = count % 3 === 0;
      await runExclusively();
      if (isLost) throw new Error('Connection terminated unexpectedly');
      return { rows: [] };
    },
  } as unknown as Pool;
  const claimer = startClaimer(pool, claims, []);
  const work = Array.from({ length: 12 }, (_, n) => [
    claimer.claim(`01890000-0000-7000-8000-0000000000${10 + n}`),
    claimer.claimDueRuns(),
    claimer.reconcile(),
  ]).flat();
  await Promise.all(work);
  expect(most).toBe(1);
  expect(await claimer.reconcile()).toBe(1);
  expect(said.length).toBeGreaterThan(12);
});

test('a burst of reports about cancelled runs makes few queries', async () => {
  const idOf = (n: number) => `01890000-0000-7000-8000-0000000000${10 + n}`;
  const queries: unknown[][] = [];
  const pool = {
    async query(_text: string, [, ids]: [string, string[], number[]]) {
      queries.push(ids);
      await new Promise((resolve) => setImmediate(resolve));
      return { rows: ids.filter((id) => id < idOf(20)).map((id) => ({ id })) };
    },
  } as unknown as Pool;
  const claimer = startClaimer(pool, pool, []);
  const claims = Array.from({ length: 40 }, (_, n) => ({ execution_id: idOf(n), fence: 1 }));
  const lost = await Promise.all(claims.map((claim) => claimer.hasLost(claim)));
  expect(lost).toEqual(claims.map((_, n) => n < 20));
  expect(queries).toHaveLength(1);
  // A report about a claim that arrives with a report about a newer claim of the same run.
  const [old, newer] = [claims[30] as Claim, { execution_id: idOf(30), fence: 2 }];
  expect(await Promise.all([old, newer].map((claim) => claimer.hasLost(claim)))).toEqual([
    true,
    false,
  ]);
  expect(queries.slice(1)).toEqual([[idOf(30)]]);
});
