import type { ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import { deadline } from '../environment/deadline.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { trustOfAnswer } from '../held-run/trust.ts';
import { answerDetails, tokensOf } from './answers/answer-record.ts';
import { CONTEXT_GUARD } from './plan-model-call.ts';
import { summaryPrompt } from './summary-prompt.ts';
import { permittedModel } from './vendor-tools.ts';

type Summarize = Extract<Action, { type: 'summarize' }>;

/**
 * Summarizes the oldest part of the conversation by the model that needs the room. The summary is a
 * message that covers the others, which stay in the log. If there is no summary, a guard says why,
 * and the oldest messages are left out instead.
 */
export async function summarize(
  action: Summarize,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  const started_at = new Date().toISOString();
  const { model, from_seq, to_seq } = action;
  const outcome = await requestSummary(action, run, world);
  if (run.abort.signal.aborted) {
    return;
  }
  if (!outcome.ok) {
    await run.commit([{ kind: 'guard', name: CONTEXT_GUARD, error: outcome.error, started_at }]);
    return;
  }
  const { content, usage } = outcome.value;
  await run.commit([
    {
      kind: 'model',
      name: model.name,
      model_id: model.id,
      output: {
        ...answerDetails(outcome.value),
        covers_from_seq: from_seq,
        covers_to_seq: to_seq,
      },
      ...tokensOf(usage),
      ...trustOfAnswer(outcome.value),
      started_at,
      messages: [
        {
          role: 'user',
          content,
          covers_from_seq: from_seq,
          covers_to_seq: to_seq,
        },
      ],
    },
  ]);
}

async function requestSummary(
  action: Summarize,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Outcome<ModelAnswer>> {
  const { model } = await permittedModel(action.model, run);
  const found = world.provider(model, run.context.tenant_id);
  if (!found.ok) {
    return found;
  }
  const { signal, clear } = deadline(run.abort.signal, run.timeLeft);
  const traceparent = run.observer?.onModelCall?.('chat', action.messages);
  const { tenant_id } = run.context;
  const context = { signal, tenant_id, ...(traceparent ? { traceparent } : {}) };
  const outcome = await found.value
    .generate(summaryRequest({ ...action, model }), context)
    .finally(clear);
  return outcome.ok && !outcome.value.content?.trim() ? { ok: false, error: EMPTY } : outcome;
}

/** Returns the request for a summary. */
export function summaryRequest({ model, messages }: Summarize): ModelRequest {
  const room = model.context_tokens === null ? undefined : Math.floor(model.context_tokens * 0.7);
  const prompt = summaryPrompt(messages, null, room);
  return { model, messages: prompt, tools: [], output_schema: null };
}

const EMPTY: RunError = {
  code: 'bad_answer',
  message: 'the model gave no summary of the conversation',
  retryable: false,
};
