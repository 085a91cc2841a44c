import type { Embeddings, ModelProvider } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import { deadline } from '../environment/deadline.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { tokensOf } from './answers/answer-record.ts';
import { commitFailedAttempt } from './failed-model-attempt.ts';
import { similarity } from './text-similarity.ts';

type Embed = Extract<Action, { type: 'embed' }>;

/**
 * Calls a model for embeddings once and commits the result: the similarity of the texts, or one
 * failed attempt. The vectors are not stored, because decisions use the scores in the log.
 */
export async function callEmbeddingModel(
  action: Embed,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  const started_at = new Date().toISOString();
  const { model, texts } = action;
  const found = world.provider(model, run.context.tenant_id);
  const time = deadline(run.abort.signal, run.timeLeft);
  const outcome = found.ok
    ? await requestVectors(found.value, action, time.signal, run).finally(() => time.clear())
    : found;
  if (run.abort.signal.aborted) {
    return; // the run is not owned any more: nothing may be committed
  }
  if (!outcome.ok && time.signal.aborted) {
    run.state = { ...run.state, exhausted: 'max_time' };
    return;
  }
  const members = texts.map(({ member }) => member);
  const output = outcome.ok ? similarity(members, outcome.value.vectors) : undefined;
  if (!outcome.ok || !output) {
    const error = outcome.ok ? UNEQUAL : outcome.error;
    await commitFailedAttempt(action, run, world, error, started_at);
    return;
  }
  const { usage } = outcome.value;
  await run.commit([
    { kind: 'model', name: model.name, model_id: model.id, output, ...tokensOf(usage), started_at },
  ]);
}

async function requestVectors(
  provider: ModelProvider,
  { model, query, texts }: Embed,
  signal: AbortSignal,
  { observer }: HeldRun,
): Promise<Outcome<Embeddings>> {
  if (!provider.embed) {
    const message = `The provider ${provider.name} does not support embeddings: set another provider for the model ${model.name}, or use the method llm or lexical.`;
    return { ok: false, error: { code: 'invalid_request', message, retryable: false } };
  }
  const traceparent = observer?.onModelCall?.('embeddings');
  await failpoint('model.before');
  const request = { model, texts: [query, ...texts.map(({ text }) => text)] };
  const outcome = await provider.embed(request, {
    signal,
    ...(traceparent ? { traceparent } : {}),
  });
  await failpoint('model.after');
  return outcome;
}

const UNEQUAL: RunError = {
  code: 'bad_answer',
  message: 'the model returned embeddings of different lengths, or not one embedding for each text',
  retryable: true,
};
