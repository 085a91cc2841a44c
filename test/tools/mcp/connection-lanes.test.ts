import { expect, test } from 'vitest';
import { ConnectionLanes } from '../../../src/tools/mcp/connection-lanes.ts';

const forever = new AbortController().signal;

test('each freed connection wakes another call, even when several are freed at once', async () => {
  const lanes = new ConnectionLanes();
  const taken = await Promise.all(
    Array.from({ length: 8 }, (_, run) => lanes.take('server', `run ${run}`, forever)),
  );
  const abort = new AbortController();
  const waiting = [
    lanes.take('server', 'a', forever),
    lanes.take('server', 'b', abort.signal),
    lanes.take('server', 'c', forever),
  ];
  await Promise.resolve();
  lanes.free('server', taken[0]?.lane ?? -1);
  lanes.free('server', taken[1]?.lane ?? -1);
  abort.abort(); // granted and aborted at once: the next call gets the connection
  expect(await Promise.all(waiting)).toEqual([
    { lane: 0, isForeign: true },
    undefined,
    { lane: 1, isForeign: true },
  ]);
});
