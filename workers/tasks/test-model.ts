import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { TestedModel } from '../../src/contracts/agents/model-test.ts';
import type { ModelTests } from '../../src/db/worker/model-tests.ts';
import type { RuntimeDependencies } from '../../src/runtime/environment/runtime-dependencies.ts';
import { testModel } from '../../src/runtime/model-calls/test-model.ts';
import { testModelPayload } from '../payloads.ts';

/** Maximum number of models tested at once. */
const MAX_CONCURRENT_TESTS = 4;
/** The time after which a test that no permit was free for is tried again. */
const BUSY_MS = 2_000;

/**
 * Creates the task that tests a model. The model is called outside of the job, because a model that
 * does not answer would delay wake-ups. If this process ends before, the job that `begin` left in
 * the queue tries again. A test that has to wait goes back to the queue: it has not begun, so it
 * counts no attempt, and another worker may take it.
 */
export function testModelTask(
  tests: ModelTests<TestedModel>,
  provider: RuntimeDependencies['provider'],
  log: Logger,
): Task {
  const semaphore = new Semaphore(MAX_CONCURRENT_TESTS);
  return async (payload, { addJob, abortSignal: signal }) => {
    const test = testModelPayload.parse(payload);
    const { id, tenant_id } = test;
    const release = semaphore.tryAcquire();
    if (!release) {
      const runAt = new Date(Date.now() + BUSY_MS);
      await addJob('test_model', test, { jobKey: `model test ${id}`, runAt, maxAttempts: 3 });
      return;
    }
    const tested = await tests.begin(test).catch((error: unknown) => {
      release();
      throw error;
    });
    if (!tested) return release();
    const attempt = async () => {
      const ended = await testModel(provider(tested.model, tenant_id), tested, {
        signal,
        tenant_id,
      });
      if (!signal.aborted) await tests.end(test, ended); // the next attempt tests the model again
    };
    attempt()
      .catch((err) => log.warn({ err, model_test_id: id }, 'a test of a model will be retried'))
      .finally(release);
  };
}
