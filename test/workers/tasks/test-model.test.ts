import { setImmediate } from 'node:timers/promises';
import { makeWorkerUtils, type WorkerUtils } from 'graphile-worker';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ModelProvider } from '../../../src/contracts/agents/model.ts';
import type { TestedModel } from '../../../src/contracts/agents/model-test.ts';
import { modelTestsOn } from '../../../src/db/worker/model-tests.ts';
import { testModelTask } from '../../../workers/tasks/test-model.ts';
import { all, committed, makeTenant, one, takeRole } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
let tenant: string;
let utils: WorkerUtils;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  utils = await makeWorkerUtils({ connectionString: db.url });
});
afterAll(() => utils?.release());

/** Queues a test, and returns the payload of its first job. */
async function queueTest() {
  const { id } = await committed(db.pool, async (client) => {
    const settings = { 'howdah.tenant_id': tenant, 'howdah.role': 'admin' };
    await takeRole(client, 'howdah_app', settings);
    return one(client, `select t.id from howdah.test_model('default') as t`);
  });
  return { id, tenant_id: tenant, attempt: 1 };
}

const jobOf = (id: string) =>
  all(
    db.pool,
    `select p.payload ->> 'attempt' as attempt, j.run_at > now() as is_later
     from graphile_worker.jobs as j join graphile_worker._private_jobs as p on p.id = j.id
     where j.key = $1`,
    [`model test ${id}`],
  );
const statusOf = async (id: string) =>
  (await one(db.pool, 'select status::text from howdah.model_tests where id = $1', [id])).status;

/** Creates a task whose models answer when `release` is called, or end with their signal. */
function createTask() {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const stop = new AbortController();
  let calls = 0;
  const provider: ModelProvider = {
    name: 'waiting',
    async generate(_, { signal }) {
      calls += 1;
      const aborted = new Promise<void>((ended) => signal.addEventListener('abort', () => ended()));
      await Promise.race([released, aborted]);
      const code = signal.aborted ? 'cancelled' : 'bad_answer';
      return { ok: false, error: { code, message: 'no', retryable: false } };
    },
  };
  const tests = modelTestsOn<TestedModel>(db.pool);
  const end = vi.spyOn(tests, 'end');
  const task = testModelTask(
    tests,
    () => ({ ok: true, value: provider }),
    pino({ level: 'silent' }),
  );
  const helpers = { addJob: utils.addJob, abortSignal: stop.signal } as Parameters<typeof task>[1];
  const perform = (payload: object) => task(payload, helpers);
  return { perform, release, stop, end, calls: () => calls };
}

test('a test that waits for others has not begun, and counts no attempt', async () => {
  const queued = await Promise.all(Array.from({ length: 5 }, queueTest));
  const { perform, release, calls } = createTask();
  for (const payload of queued) await perform(payload);
  expect(calls()).toBe(4);
  const [first, last] = [queued[0]?.id ?? '', queued[4]?.id ?? ''];
  expect(await jobOf(first)).toEqual([{ attempt: '2', is_later: true }]);
  expect(await jobOf(last)).toEqual([{ attempt: '1', is_later: true }]);
  release();
  await vi.waitFor(async () => expect(await statusOf(first)).toBe('failed'));
  await vi.waitFor(async () => {
    await perform(queued[4] ?? {});
    expect(calls()).toBe(5);
  });
  await vi.waitFor(async () => expect(await statusOf(last)).toBe('failed'));
});

test('a worker that stops leaves the test to the next attempt', async () => {
  const payload = await queueTest();
  const { perform, stop, end } = createTask();
  await perform(payload);
  stop.abort();
  await setImmediate(); // the call has ended
  expect(end).not.toHaveBeenCalled();
  expect(await statusOf(payload.id)).toBe('queued');
  expect(await jobOf(payload.id)).toEqual([{ attempt: '2', is_later: true }]);
});
