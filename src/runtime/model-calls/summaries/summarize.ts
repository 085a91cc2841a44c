import type { ModelAnswer, ModelRequest } from '../../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../../contracts/errors.ts';
import type { Action } from '../../../contracts/runs/action.ts';
import { deadline } from '../../environment/deadline.ts';
import type { RuntimeDependencies } from '../../environment/runtime-dependencies.ts';
import type { HeldRun } from '../../held-run/held-run.ts';
import { trustOfAnswer } from '../../held-run/trust.ts';
import { answerDetails, tokensOf } from '../answers/answer-record.ts';
import { CONTEXT_GUARD } from '../plan-model-call.ts';
import { permittedModel } from '../vendor-tools.ts';
import { summaryPrompt } from './summary-prompt.ts';

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
    const { error, usage: spent } = outcome;
    const tokens = spent ? { ...tokensOf(spent), model_id: model.id } : {};
    await run.commit([{ kind: 'guard', name: CONTEXT_GUARD, error, ...tokens, started_at }]);
    return;
  }
  const { content, usage, finish_reason } = outcome.value;
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
          content: finish_reason === 'length' ? `${content}\n${CUT_OFF}` : content,
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
  if (!outcome.ok) return outcome;
  const { content, finish_reason, usage } = outcome.value;
  const isRefused = finish_reason === 'refusal' || finish_reason === 'content_filter';
  if (isRefused) return { ok: false, error: REFUSED, usage };
  return content?.trim() ? outcome : { ok: false, error: EMPTY, usage };
}

/** Returns the request for a summary. */
export function summaryRequest({ model, messages }: Summarize): ModelRequest {
  const room = model.context_tokens === null ? undefined : Math.floor(model.context_tokens * 0.7);
  const prompt = summaryPrompt(messages, null, room);
  return { model, messages: prompt, tools: [], output_schema: null };
}

/** The end of a summary that its token limit cut off. */
const CUT_OFF = '(The summary was cut off here.)';

const REFUSED: RunError = {
  code: 'refused',
  message: 'the model refused to summarize the conversation',
  retryable: false,
};

const EMPTY: RunError = {
  code: 'bad_answer',
  message: 'the model gave no summary of the conversation',
  retryable: false,
};
