import { expect, test } from 'vitest';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { StatementRetries } from '../../../src/runtime/environment/statement-retries.ts';
import { Claimer } from '../../../src/runtime/scheduling/claimer.ts';

test('a claim whose answer is lost is released, though an old claim of the run is still held', async () => {
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
  const claimer = new Claimer({
    pool,
    claims,
    held: () => [old],
    reserve: () => 0,
    more: () => {},
    sleep: async () => {},
    isDraining: () => false,
    signal: new AbortController().signal,
    retries: new StatementRetries(),
  });
  claimer.setWorker('01890000-0000-7000-8000-00000000000a');
  expect(await claimer.claim(old.execution_id)).toBeUndefined();
  expect(said).toEqual([['release_unknown', [old.execution_id], [old.fence]]]);
});
