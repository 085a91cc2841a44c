import { expect, test } from 'vitest';
import type { Pool } from '../../../src/db/connection/pool.ts';
import {
  type Retry,
  StatementRetries,
} from '../../../src/runtime/environment/statement-retries.ts';
import { GroupCommitter } from '../../../src/runtime/held-run/committer.ts';

type Call = { ids: string[]; answer(): void; fail(error: unknown): void };

/** Returns a database that answers on demand, and a committer on it. */
function arrange() {
  const calls: Call[] = [];
  const open = new Set<Call>();
  const query = ({ values }: { values: [string, number, string] }) => {
    const { promise, resolve, reject } = Promise.withResolvers();
    const ids = values[2].slice(1, -1).split(','); // an array literal, in the order of ids
    const rows = ids.map((execution_id) => ({ execution_id, outcome: 'committed' }));
    const call: Call = {
      ids,
      answer: () => void (open.delete(call) && resolve({ rows })),
      fail: (error) => void (open.delete(call) && reject(error)),
    };
    calls.push(call);
    open.add(call);
    return promise;
  };
  const over = new AbortController();
  const retries: Retry[] = [];
  const committer = new GroupCommitter({
    pool: { query } as unknown as Pool,
    worker: () => 'worker',
    signal: over.signal,
    retries: new StatementRetries((retry) => void retries.push(retry)),
  });
  const commit = (tenant: string, id: string, steps = 1) =>
    committer.commit(
      { id, fence: 1, after: 0, steps: Array.from({ length: steps }, () => ({ kind: 'guard' })) },
      tenant,
    );
  const commitOfClaim = (id: string, fence: number) =>
    committer.commit({ id, fence, after: 0, steps: [{ kind: 'guard' }] }, 'acme');
  const callOf = (id: string) => [...open].find(({ ids }) => ids.includes(id));
  /** Answers calls until the promise settles. */
  const answerCallsUntil = async <T>(promise: Promise<T>, isAnswered: (call: Call) => boolean) => {
    let isOver = false;
    const done = promise.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const call of open) if (isAnswered(call)) call.answer();
      await turn();
    }
    return done;
  };
  return { calls, open, retries, over, commit, commitOfClaim, callOf, answering: answerCallsUntil };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let i = 0; i < 5; i += 1) await turn();
};
const errorOf = (code: string) => Object.assign(new Error(code), { code });

test('large commits are sent alone, one per tenant, without blocking connections of others', async () => {
  const { commit, open, answering, callOf } = arrange();
  const large = ['blue1', 'blue2', 'blue3', 'blue4', 'blue5'].map((id) => commit('blue', id, 100));
  void commit('corp', 'corp1', 100);
  void commit('late', 'late1', 100);
  await turns();
  expect([...open].map(({ ids }) => ids)).toEqual([['blue1'], ['corp1']]);
  const isOfAcme = ({ ids }: Call) => ids.every((id) => id.startsWith('acme'));
  for (const id of ['acme1', 'acme2']) {
    expect(await answering(commit('acme', id), isOfAcme)).toMatchObject({ outcome: 'committed' });
  }
  callOf('blue1')?.answer();
  await turns();
  expect([...open].map(({ ids }) => ids)).toEqual([['corp1'], ['late1']]); // tenants take turns
  await answering(Promise.all(large), () => true);
});

test('two batches are in flight at once, and the second takes half of the waiting commits', async () => {
  const { commit, calls, open, answering } = arrange();
  const batch = (name: string, runs: number) =>
    Array.from({ length: runs }, (_, index) => commit('blue', `${name}${index}`));
  const all = batch('a', 40);
  await turns();
  expect(calls.map(({ ids }) => ids.length)).toEqual([20, 20]);
  all.push(...batch('b', 40));
  await turns();
  expect(open.size).toBe(2);
  await answering(Promise.all(all), () => true);
  expect(calls.map(({ ids }) => ids.length).reduce((sum, ids) => sum + ids)).toBe(80);
});

test('a batch that waits too long for a lock is resent one by one, never concurrently', async () => {
  const { commit, calls, open, answering, callOf } = arrange();
  const blue = commit('blue', 'blue1');
  const acme = commit('acme', 'acme1');
  await turns();
  expect(calls.map(({ ids }) => ids)).toEqual([['acme1', 'blue1']]);
  callOf('blue1')?.fail(errorOf('55P03'));
  const isOfOthers = ({ ids }: Call) => !ids.includes('blue1');
  expect(await answering(acme, isOfOthers)).toMatchObject({ outcome: 'committed' });
  expect(await answering(commit('acme', 'acme2'), isOfOthers)).toMatchObject({
    outcome: 'committed',
  });
  expect([...open].filter(({ ids }) => ids.includes('blue1'))).toHaveLength(1);
  callOf('blue1')?.answer();
  expect(await blue).toMatchObject({ outcome: 'committed' });
});

test('a batch takes waiting commits from each tenant in turn', async () => {
  const { commit, calls, answering } = arrange();
  const first = commit('blue', 'first');
  const all = [first];
  for (let i = 0; i < 600; i += 1) all.push(commit('blue', `blue${i}`));
  all.push(commit('acme', 'acme1'));
  await turns();
  expect(calls[0]?.ids).toEqual(expect.arrayContaining(['first', 'acme1']));
  expect(calls[0]?.ids).not.toContain('blue599');
  await answering(Promise.all(all), () => true);
});

test('a permanent failure is given up alone with its reason; a transient failure is reported', async () => {
  const { commit, callOf, retries, answering } = arrange();
  const broken = commit('blue', 'blue1');
  const other = commit('blue', 'blue2');
  await turns();
  callOf('blue1')?.fail(new TypeError('not a function'));
  await turns();
  callOf('blue1')?.fail(new TypeError('not a function'));
  await expect(broken).rejects.toThrow('not a function');
  expect(await answering(other, () => true)).toMatchObject({ outcome: 'committed' });
  expect(retries).toEqual([]);

  const lost = commit('blue', 'blue3');
  await turns();
  callOf('blue3')?.fail(errorOf('08006'));
  expect(await answering(lost, () => true)).toMatchObject({ outcome: 'committed' });
  expect(retries).toMatchObject([{ what: 'commit', attempt: 1, error: { code: '08006' } }]);

  let tries = 0;
  const slow = commit('blue', 'blue4').catch((error: { code: string }) => {
    tries = retries.length;
    return error.code;
  });
  const failing = setInterval(() => callOf('blue4')?.fail(errorOf('57014')), 1);
  expect(await slow).toBe('57014');
  clearInterval(failing);
  expect(tries).toBe(1 + 3); // the fourth attempt is the last
});

test('a lasting failure is listed until it succeeds', () => {
  let now = 0;
  const retries = new StatementRetries(undefined, () => now);
  const pauses = [1, 2, 3, 9].map((attempt) =>
    retries.recordFailure({ what: 'claim', error: null, attempt }),
  );
  expect(pauses).toEqual([200, 400, 800, 5_000]);
  expect(retries.failing).toEqual([]);
  now = 10_000;
  expect(retries.failing).toEqual(['claim']);
  retries.recordSuccess('claim');
  expect(retries.failing).toEqual([]);
});

test('a waiting commit of an older claim becomes stale when a newer claim of the run commits', async () => {
  const { calls, commit, commitOfClaim, answering } = arrange();
  // both connections are busy
  const first = Array.from({ length: 40 }, (_, n) => commit('acme', `busy${n}`));
  await turns();
  const older = commitOfClaim('run', 1);
  const newer = commitOfClaim('run', 3);
  expect(await older).toMatchObject({ outcome: 'stale' });
  expect(await answering(newer, () => true)).toMatchObject({ outcome: 'committed' });
  expect(calls.flatMap(({ ids }) => ids).filter((id) => id === 'run')).toHaveLength(1);
  await answering(Promise.all(first), () => true);
});
