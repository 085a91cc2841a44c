import { expect, test } from 'vitest';
import { Failure, UNREACHABLE } from '../../../src/console/server/failure.ts';
import type { TimelineStep } from '../../../src/console/server/operations.generated.ts';
import { type LoadedSteps, StepLoader } from '../../../src/console/timeline/step-loader.ts';

const step = (seq: number): TimelineStep => ({
  ...{ executionId: 'a', seq, kind: 'model', name: 'n', ms: '1', startedAt: null },
  ...{ tokensIn: 0, tokensOut: 0, cost: '0', error: null, said: null },
});

/** A loader of one server, whose runs have as many steps as `counts` says. */
function startLoader(counts: Record<string, number>) {
  const server = { counts, calls: [] as string[], isDown: false, meanwhile: () => {} };
  let loaded: LoadedSteps = { steps: new Map(), failure: undefined };
  const read = async (id: string, after: number) => {
    const last = server.counts[id] ?? 0;
    const steps = Array.from({ length: last - after }, (_, index) => step(after + index + 1));
    const page = { steps: steps.slice(0, 2), hasMore: steps.length >= 2 };
    server.meanwhile();
    if (server.isDown) throw new Failure('down', UNREACHABLE);
    return page;
  };
  const loader = new StepLoader(
    {
      async readFirst(ids) {
        server.calls.push(`first ${ids.join()}`);
        return new Map(await Promise.all(ids.map(async (id) => [id, await read(id, 0)] as const)));
      },
      async readAfter(id, after) {
        server.calls.push(`${id} after ${after}`);
        return read(id, after);
      },
    },
    (next) => {
      loaded = next;
    },
  );
  const seqs = (id: string) => loaded.steps.get(id)?.map(({ seq }) => seq);
  return { server, loader, seqs, failure: () => loaded.failure };
}

test('runs are read once, page by page, and then after their last step', async () => {
  const { server, loader, seqs } = startLoader({ a: 3, b: 1 });
  await loader.add(['a', 'b']);
  await loader.add(['a', 'b']);
  expect(server.calls).toEqual(['first a,b', 'a after 2']);
  server.counts.b = 2;
  await loader.readNews(['b', 'unknown']);
  expect(server.calls.slice(2)).toEqual(['b after 1']);
  expect([seqs('a'), seqs('b'), seqs('unknown')]).toEqual([[1, 2, 3], [1, 2], undefined]);
});

test('news that come during the first read are read after it', async () => {
  const { server, loader, seqs } = startLoader({ a: 1 });
  server.meanwhile = () => {
    server.meanwhile = () => {};
    server.counts.a = 2;
    void loader.readNews(['a']);
  };
  await loader.add(['a']);
  expect(server.calls).toEqual(['first a', 'a after 1']);
  expect(seqs('a')).toEqual([1, 2]);
});

test('what failed is read again, and the failure is gone', async () => {
  const { server, loader, seqs, failure } = startLoader({ a: 1 });
  server.isDown = true;
  await loader.add(['a']);
  expect([failure()?.message, seqs('a')]).toEqual(['down', undefined]);
  server.isDown = false;
  await loader.retry();
  expect([failure(), seqs('a')]).toEqual([undefined, [1]]);
});
