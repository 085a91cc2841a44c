import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import type { Batch, BatchJob, Lane } from '../../../workers/batch-jobs/batch-job.ts';
import { doTurn } from '../../../workers/batch-jobs/batch-job.ts';
import { BatchRunner } from '../../../workers/batch-jobs/batch-runner.ts';
import { createDueBatches } from '../../../workers/batch-jobs/due-batches.ts';
import { all, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
const runners: BatchRunner[] = [];

afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  await db.pool.query('truncate howdah_private.batch_progress, howdah_private.due_work');
});

const HOUR_MS = 3_600_000;

const until = (check: () => unknown) => vi.waitFor(check, 20_000);

function startRunner(job: Partial<BatchJob> & Pick<BatchJob, 'batch'>) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const runner = new BatchRunner(
    { name: 'erase_run', everyMs: HOUR_MS, maxBatches: 3, ...job },
    { pool: db.pool, log },
  );
  runners.push(runner);
  runner.start();
  return { runner, lines };
}

const progress = () =>
  all(db.pool, 'select done::int, last_error from howdah.batch_jobs where name = $1', [
    'erase_run',
  ]);

test('a turn does batches until none is left, and at most as many as it may', async () => {
  const batches: Batch[] = Array.from({ length: 9 }, () => ({ done: 2, isMore: true }));
  const calls: string[] = [];
  const job: BatchJob = {
    ...{ name: 'erase_run', everyMs: 1, maxBatches: 3 },
    begin: async () => calls.push('begin') > 0,
    batch: async () => {
      calls.push('batch');
      return batches.shift() ?? { done: 0, isMore: false };
    },
    end: async () => void calls.push('end'),
  };
  expect(await doTurn(job)).toEqual({ done: 6, failures: [] });
  expect(calls.splice(0)).toEqual(['begin', 'batch', 'batch', 'batch', 'end']);
  batches.splice(0, 9, { done: 1, isMore: false, failures: [{ error: 'full', id: 'a' }] });
  expect(await doTurn(job)).toEqual({ done: 1, failures: [{ error: 'full', id: 'a' }] });
  expect(calls.splice(0)).toEqual(['begin', 'batch', 'end']);
  expect(await doTurn({ ...job, begin: async () => false })).toEqual({ done: 0, failures: [] });
  expect(calls).toEqual([]);
});

test('a turn is recorded with its failures, and a batch that throws stops nothing', async () => {
  const results: (Batch | Error)[] = [
    { done: 5, isMore: true },
    { done: 1, isMore: false, failures: [{ error: new Error('this row is broken'), id: 'a' }] },
    new Error('no space left'),
    { done: 1, isMore: false },
  ];
  const { runner, lines } = startRunner({
    async batch() {
      const result = results.shift() ?? { done: 0, isMore: false };
      if (result instanceof Error) throw result;
      return result;
    },
  });
  await until(async () =>
    expect(await progress()).toEqual([{ done: 6, last_error: 'this row is broken' }]),
  );
  expect(lines).toMatchObject([{ job: 'erase_run', id: 'a' }]);
  runner.nudge();
  await until(async () =>
    expect(await progress()).toEqual([{ done: 6, last_error: 'no space left' }]),
  );
  runner.nudge();
  await until(async () =>
    expect(await progress()).toEqual([{ done: 7, last_error: 'no space left' }]),
  );
});

test('each lane has one turn at a time, and a slow lane of a tenant delays only its tenant', async () => {
  const lanes: Lane[] = ['a1', 'a2', 'a3', 'b1'].map((id) => ({ id, tenantId: id.slice(0, 1) }));
  const due = new Map(lanes.map((lane) => [lane.id, lane]));
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const { runner } = startRunner({
    lanes: { atOnce: 3, ofOneTenant: 2, due: async () => [...due.values()] },
    batch({ id }) {
      begun.push(id);
      const { promise, resolve } = Promise.withResolvers<Batch>();
      ends.set(id, () => {
        due.delete(id);
        resolve({ done: 1, isMore: false });
      });
      return promise;
    },
  });
  await until(() => expect(begun).toEqual(['a1', 'a2', 'b1']));
  runner.nudge();
  ends.get('b1')?.(); // frees a slot, but none of tenant a
  await until(async () => expect(await progress()).toMatchObject([{ done: 1 }]));
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  ends.get('a1')?.();
  await until(() => expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']));
  expect(runner.isIdle).toBe(false);
  for (const end of ends.values()) end();
  await until(() => expect(runner.isIdle).toBe(true));
  expect(await progress()).toMatchObject([{ done: 4 }]);
});

test('rows of a transaction that fails are done one by one', async () => {
  const { rows } = await db.pool.query(
    `insert into howdah_private.due_work (kind, due_at, payload)
     select 'delete_file', now() - make_interval(secs => 9 - n), jsonb_build_object('n', n)
     from generate_series(1, 3) as n returning id`,
  );
  const taken: number[] = [];
  const batch = createDueBatches<{ id: string; payload: { n: number } }>(db.pool, 'delete_file', {
    atMost: 10,
    take: async (client, most) =>
      all(client, `select id, payload from howdah_private.take_due('delete_file', $1)`, [most]),
    idOf: ({ id }) => id,
    async work(client, due) {
      taken.push(due.length);
      if (due.some(({ payload }) => payload.n === 2)) throw new Error('the second is broken');
      await client.query(`select howdah_private.finish_due('delete_file', $1)`, [
        due.map(({ id }) => id),
      ]);
      return due.length;
    },
  });
  const job: BatchJob = { name: 'delete_file', everyMs: 1, maxBatches: 9, batch };
  expect(await doTurn(job)).toEqual({
    done: 2,
    failures: [
      { id: rows[1].id, error: expect.objectContaining({ message: 'the second is broken' }) },
    ],
  });
  expect(taken).toEqual([3, 1, 1, 1, 0]);
  expect(
    await one(db.pool, 'select id, attempts, last_error from howdah_private.due_work'),
  ).toEqual({ id: rows[1].id, attempts: 1, last_error: 'the second is broken' });
});
