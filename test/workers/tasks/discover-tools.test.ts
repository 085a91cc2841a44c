import { setImmediate } from 'node:timers/promises';
import type { JobHelpers } from 'graphile-worker';
import { expect, test, vi } from 'vitest';
import type { McpServer } from '../../../src/tools/mcp/server.ts';
import { discoverToolsTask } from '../../../workers/tasks/discover-tools.ts';

const idOf = (at: number) => `00000000-0000-4000-8000-00000000000${at}`;
const payloadOf = (at: number) => ({ id: idOf(at), tenant_id: idOf(0), attempt: 1 });

test('a query that has to wait goes back to the queue and counts no attempt', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const started: string[] = [];
  const addJob = vi.fn();
  const task = discoverToolsTask(
    { discover: async () => void (await released) },
    async (_tenant, id) => {
      started.push(id);
      return { id } as McpServer;
    },
  );
  const perform = (at: number) => task(payloadOf(at), { addJob } as unknown as JobHelpers);
  for (const at of [1, 2, 3, 4, 5]) await perform(at);
  expect(started).toEqual([1, 2, 3, 4].map(idOf));
  expect(addJob).toHaveBeenCalledExactlyOnceWith(
    'discover_tools',
    payloadOf(5),
    expect.objectContaining({ jobKey: `mcp ${idOf(5)}` }),
  );
  release();
  await setImmediate();
  await perform(5);
  expect(started.at(-1)).toBe(idOf(5));
});
