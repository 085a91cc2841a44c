import { randomUUID } from 'node:crypto';
import type { JobHelpers } from 'graphile-worker';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { accountTask } from '../../../workers/tasks/account.ts';

test('a tenant whose server does not answer delays no account of another tenant', async () => {
  const started: string[] = [];
  const added: [name: string, payload: object, options: object][] = [];
  const begin = async (id: string) => async () => {
    started.push(id);
    await new Promise(() => {}); // the server does not answer
  };
  const task = accountTask('refresh_account', begin, pino({ level: 'silent' }));
  const helpers = {
    addJob: async (...job: (typeof added)[0]) => void added.push(job),
  } as unknown as JobHelpers;
  const [slow, other] = [randomUUID(), randomUUID()];
  const accounts = Array.from({ length: 20 }, () => randomUUID());
  for (const id of accounts) await task({ id, tenant_id: slow }, helpers);
  const id = randomUUID();
  await task({ id, tenant_id: other }, helpers);
  expect(started).toHaveLength(9);
  expect(started.at(-1)).toBe(id);
  // the next attempt of the started jobs, and the same attempt of jobs without a free slot
  expect(added.filter(([, payload]) => 'attempt' in payload && payload.attempt === 2)).toHaveLength(
    9,
  );
  expect(added.filter(([, payload]) => 'attempt' in payload && payload.attempt === 1)).toHaveLength(
    12,
  );
});
