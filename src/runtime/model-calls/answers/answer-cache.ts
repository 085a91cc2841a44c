import { createHash } from 'node:crypto';
import { ENGINE_PREFIX } from '../../../contracts/agents/engine.ts';
import type { CachedAnswer, ModelAnswer, ModelRequest } from '../../../contracts/agents/model.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { Message } from '../../../contracts/runs/message.ts';
import { canonicalJson } from '../../../json/canonical-json.ts';
import type { RuntimeDependencies } from '../../environment/runtime-dependencies.ts';
import type { HeldRun } from '../../held-run/held-run.ts';
import type { AnswerFate } from './commit-answer.ts';

/**
 * Returns the answer to an equal request of the agent, if it has `cache_answers_for`. Otherwise
 * asks the model.
 */
export async function cachedAnswer(
  request: ModelRequest,
  run: HeldRun,
  world: RuntimeDependencies,
  askModel: () => Promise<Outcome<ModelAnswer>>,
): Promise<Outcome<ModelAnswer>> {
  const max_age = maxAge(request, run);
  if (max_age === undefined || !world.answerCache) return askModel();
  const request_digest = digestOf(request);
  const found = await world.answerCache.find(run.id, request_digest, max_age);
  if (found) return { ok: true, value: answerFrom(found) };
  const outcome = await askModel();
  return outcome.ok ? { ok: true, value: { ...outcome.value, request_digest } } : outcome;
}

/** Puts a committed answer into the cache, if the run goes on with it and it is complete. */
export async function cacheAnswer(
  { request_digest, finish_reason }: ModelAnswer,
  fate: AnswerFate,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  if (!request_digest || fate !== 'used' || finish_reason === 'length') return;
  const seq = run.state.messages.findLast(({ role }) => role === 'assistant')?.seq;
  if (seq !== undefined) await world.answerCache?.add(run.id, request_digest, seq);
}

/**
 * Returns the greatest age of a cached answer in seconds; undefined if the model has to be asked.
 * Engines keep conversations of their own. Who retries a run by hand wants another answer.
 */
function maxAge({ model }: ModelRequest, { definition, state }: HeldRun): number | undefined {
  const isAsked = model.provider.startsWith(ENGINE_PREFIX) || state.messages_at_retry > 0;
  return isAsked ? undefined : definition.agent.cache_answers_for;
}

function answerFrom({ content, parts, tool_calls, finish_reason, ...from }: CachedAnswer) {
  return {
    content,
    tool_calls: tool_calls ?? [],
    finish_reason,
    usage: { tokens_in: 0, tokens_out: 0 },
    ...(parts ? { parts } : {}),
    cached_from: from,
  } satisfies ModelAnswer;
}

/** Returns the SHA-256 of everything that a model gets, without what is of this run alone. */
function digestOf({ model, messages, tools, tool_choice, output_schema }: ModelRequest): Buffer {
  const { provider, model: name, base_url, request_params } = model;
  const content = canonicalJson({
    model: { provider, model: name, base_url, request_params },
    messages: messages.map(withoutPlace),
    tools,
    tool_choice,
    output_schema,
  });
  return createHash('sha256').update(content).digest();
}

/** Returns a message without its place in the log. */
function withoutPlace({ role, content, parts, tool_calls, tool_call_id }: Message) {
  return { role, content, parts, tool_calls, tool_call_id };
}
