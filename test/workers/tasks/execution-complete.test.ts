import type { JobHelpers } from 'graphile-worker';
import { expect, test } from 'vitest';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { executionCompleteTask } from '../../../workers/tasks/execution-complete.ts';

const [BLUE, ACME] = [
  '00000000-0000-4000-8000-00000000000b',
  '00000000-0000-4000-8000-00000000000a',
];

test('jobs of a tenant at its share return to the queue, and others find a slot', async () => {
  let connections = 0;
  const pool = {
    connect: () => {
      connections += 1;
      return new Promise(() => {}); // a hook that does not end
    },
  } as unknown as Pool;
  const task = executionCompleteTask(pool);
  const returned: { tenant: string; runAt: Date; jobKey: string }[] = [];
  const addJob = async (_: string, payload: object, options: object) =>
    void returned.push({
      ...options,
      tenant: (payload as { tenant_id: string }).tenant_id,
    } as never);
  let ended = 0;
  const begin = async (tenant_id: string) => {
    const payload = { id: crypto.randomUUID(), tenant_id };
    void Promise.resolve(task(payload, { addJob } as unknown as JobHelpers)).then(() => {
      ended += 1;
    });
    await new Promise(setImmediate);
  };
  for (let job = 0; job < 10; job += 1) await begin(BLUE);
  expect({ connections, ended, returned: returned.length }).toEqual({
    ...{ connections: 2, ended: 8, returned: 8 },
  });
  expect(new Set(returned.map(({ jobKey }) => jobKey)).size).toBe(8);
  const times = returned.map(({ runAt }) => runAt.getTime());
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b)); // each return has its own time
  await begin(ACME);
  expect(connections).toBe(3);
});
