import { setTimeout as delay } from 'node:timers/promises';
import type { ModelPurpose } from '../../contracts/agents/model.ts';
import {
  type ModelTestAnswer,
  type ModelTestError,
  type ModelTestReport,
  modelTestMs,
} from '../../contracts/agents/model-test.ts';
import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../connection/pool.ts';
import { jsonRow } from '../queries/json-rows.ts';

/** A test with its model, as the database has it. */
type ModelTest = {
  status: EnumLabel<'model_test_status'>;
  answer: ModelTestAnswer | null;
  error: ModelTestError | null;
  seconds: number | null;
  purpose: ModelPurpose;
  provider: string;
  model: string;
};

const POLL_MS = 200;
/** The time that a worker may take to begin a test, besides the duration of the test. */
const PICK_UP_MS = 5_000;

/** Queues a test of a model, by its name or id. Throws `HWNTF` and `HWDEN`. */
export async function startModelTest(client: Queryable, model: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select (howdah.test_model($1)).id', [model]);
  return rows[0]?.id ?? '';
}

/**
 * Waits until a worker has finished a test, and returns its report. A test that no worker finishes
 * in time has failed. `inTransaction` runs each look at the row, so that no connection is held
 * meanwhile. Rejects with the reason of the signal when it fires.
 */
export async function awaitModelTest(
  id: string,
  inTransaction: <T>(work: (client: Queryable) => Promise<T>) => Promise<T>,
  { ms: wait, signal }: { ms?: number; signal?: AbortSignal } = {},
): Promise<ModelTestReport> {
  const began = performance.now();
  for (;;) {
    const test = await inTransaction((client) => jsonRow<ModelTest>(client, TEST, [id]));
    if (test && test.status !== 'queued') return describeTest(test);
    const ms = wait ?? modelTestMs(test?.purpose ?? 'llm') + PICK_UP_MS;
    if (!test || performance.now() > began + ms) return unfinishedTest(id, test, ms);
    await delay(POLL_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

const TEST = `
  select t.status, t.answer, t.error, t.seconds, m.purpose, m.provider, m.model
  from howdah.model_tests as t join howdah.models as m on m.id = t.model_id where t.id = $1`;

function describeTest({ status, answer, error, seconds, ...model }: ModelTest): ModelTestReport {
  const ok = status === 'passed';
  return { ok, ...model, seconds: Number(seconds), ...answer, ...(error && { error }) };
}

function unfinishedTest(id: string, test: ModelTest | undefined, ms: number): ModelTestReport {
  const { purpose = 'llm', provider = '', model = '' } = test ?? {};
  const message = test
    ? `No worker finished the test within ${ms / 1000} seconds.`
    : 'The model was deleted during its test.';
  const hint = test
    ? `Start a worker (howdah worker). The result will be in howdah.model_tests: id ${id}.`
    : 'Create the model again, and repeat the test.';
  const error = { code: test ? 'timeout' : 'not_found', message, hint };
  return { ok: false, purpose, provider, model, seconds: ms / 1000, error };
}
