import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { TestedModel } from '../../src/contracts/agents/model-test.ts';
import type { ModelTests } from '../../src/db/worker/model-tests.ts';
import type { RuntimeDependencies } from '../../src/runtime/environment/world.ts';
import { tryModel } from '../../src/runtime/model-calls/try-model.ts';
import { testModelPayload } from '../payloads.ts';

/** Maximum number of models tested at once. */
const AT_ONCE = 4;

/**
 * Creates the task that tests a model. The model is called outside of the job, because a model that
 * does not answer would delay wake-ups. If this process ends before, the job that `begin` left in
 * the queue tries again.
 */
export function testModelTask(
  tests: ModelTests<TestedModel>,
  provider: RuntimeDependencies['provider'],
  log: Logger,
): Task {
  const semaphore = new Semaphore(AT_ONCE);
  return async (payload) => {
    const test = testModelPayload.parse(payload);
    const tested = await tests.begin(test);
    if (!tested) return;
    const { tenant_id } = test;
    const attempt = async () => {
      const context = { signal: new AbortController().signal, tenant_id };
      await tests.end(test, await tryModel(provider(tested.model, tenant_id), tested, context));
    };
    semaphore
      .run({}, attempt)
      .catch((err) =>
        log.warn({ err, model_test_id: test.id }, 'a test of a model will be retried'),
      );
  };
}
