import { ENGINE_PREFIX } from '../../contracts/agents/engine.ts';
import type {
  ModelAnswer,
  ModelCallContext,
  ModelProvider,
  ModelRequest,
} from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { Message } from '../../contracts/runs/message.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { deadline } from '../environment/deadline.ts';
import { failpoint, midStream } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { filterFiles } from '../held-run/filter-files.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { dropUnsupportedMedia } from '../messages/drop-unsupported-media.ts';
import { cachedLoader, resolveParts } from '../messages/resolve-attachments.ts';
import { cacheAnswer, cachedAnswer } from './answers/answer-cache.ts';
import { commitAnswer } from './answers/commit-answer.ts';
import { truncatedError, wasAskedAgain, withRaisedLimit } from './answers/truncated-answer.ts';
import { commitFailedAttempt } from './failed-model-attempt.ts';
import { toolSchemas } from './plan-model-call.ts';
import { permittedModel } from './vendor-tools.ts';

/** Most characters of the message of a refusal. */
const MAX_REFUSAL = 2_000;
const FILTERED_BY_VENDOR: RunError = {
  code: 'content_filtered',
  message: "the model's answer was withheld by its provider's content filter",
  retryable: false,
};

type CallModel = Extract<Action, { type: 'call_model' }>;

/** Calls the model once and commits the result: an answer, or one failed attempt. */
export async function callModel(
  action: CallModel,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  const started_at = new Date().toISOString();
  const permitted = await permittedModel(action.model, run);
  const { withheld } = permitted;
  const isAskedAgain = wasAskedAgain(run.state);
  const model = isAskedAgain ? withRaisedLimit(permitted.model) : permitted.model;
  const found = world.provider(model, run.context.tenant_id);
  const time = deadline(run.abort.signal, run.timeLeft);
  const outcome = found.ok
    ? await requestAnswer(found.value, { ...action, model }, run, world, time.signal).finally(
        time.clear,
      )
    : found;
  if (run.abort.signal.aborted) {
    return; // the run is not owned any more: nothing may be committed
  }
  if (outcome.ok) {
    const refusal = await refusalOf(outcome.value, run);
    if (refusal) {
      const { usage, finish_reason } = outcome.value;
      return commitFailedAttempt(action, run, world, refusal, started_at, usage, finish_reason);
    }
    const fate = await commitAnswer({ ...action, withheld }, run, outcome.value, started_at);
    await cacheAnswer(outcome.value, fate, run, world);
  } else if (time.signal.aborted) {
    run.state = { ...run.state, exhausted: 'max_time' };
  } else {
    const { error, usage } = outcome;
    const isLimitRefused = isAskedAgain && error.code === 'invalid_request';
    const shown = isLimitRefused ? { ...truncatedError(model, true), cause: { ...error } } : error;
    await commitFailedAttempt(action, run, world, shown, started_at, usage);
  }
}

/** Returns the error of an answer that the model or its vendor refused to give. */
async function refusalOf(
  { finish_reason, content }: ModelAnswer,
  run: HeldRun,
): Promise<RunError | undefined> {
  if (finish_reason === 'content_filter') return FILTERED_BY_VENDOR;
  if (finish_reason !== 'refusal') return undefined;
  const filtered = await run.applyOutputFilters('output', content);
  const words = filtered.isBlocked ? null : filtered.value?.trim();
  const message = words ? `the model refused to answer: ${words}` : 'the model refused to answer';
  return { code: 'refused', message: firstCharacters(message, MAX_REFUSAL), retryable: false };
}

async function requestAnswer(
  provider: ModelProvider,
  action: CallModel,
  run: HeldRun,
  world: RuntimeDependencies,
  signal: AbortSignal,
): Promise<Outcome<ModelAnswer>> {
  const load = cachedLoader(run, (id) => world.loadResource(run.context.tenant_id, id));
  const resolvedMessages = await resolveParts(
    dropUnsupportedMedia(action.model, action.messages),
    load,
    (message) => isOfEarlierTurn(message) || message.role === 'tool',
  );
  if (!resolvedMessages.ok) {
    return resolvedMessages;
  }
  const request: ModelRequest = {
    model: action.model,
    messages: resolvedMessages.value,
    tools: action.decision ? [action.decision] : toolSchemas(run.definition),
    ...(action.decision ? { tool_choice: action.decision.name } : {}),
    output_schema: run.definition.agent.output_schema,
  };
  return cachedAnswer(request, run, world, () =>
    askProvider(provider, request, action, run, world, signal),
  );
}

async function askProvider(
  provider: ModelProvider,
  request: ModelRequest,
  action: CallModel,
  run: HeldRun,
  world: RuntimeDependencies,
  signal: AbortSignal,
): Promise<Outcome<ModelAnswer>> {
  const sink = run.tokenSink(action.attempt);
  const onToken = midStream(sink?.say);
  const engineContext = await engineRun(action, run, world);
  const traceparent = run.observer?.onModelCall?.('chat', action.messages);
  await failpoint('model.before');
  const outcome = await provider
    .generate(request, {
      signal,
      tenant_id: run.context.tenant_id,
      ...(onToken ? { onToken } : {}),
      ...(traceparent ? { traceparent } : {}),
      ...engineContext,
    })
    .finally(() => sink?.end());
  await failpoint('model.after');
  return outcome;
}

/**
 * Returns the run that calls an engine, and its files. Another attempt has the same key, since no
 * message came between.
 */
async function engineRun(
  action: CallModel,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Pick<ModelCallContext, 'run' | 'files' | 'hasRunEnded'>> {
  const { provider } = action.model;
  if (!provider.startsWith(ENGINE_PREFIX)) {
    return {};
  }
  const { messages } = run.state;
  const idempotency_key = `${run.id}:${messages.length + 1}`;
  const { tenant_id } = run.context;
  return {
    run: { ...run.context, input: messages[0]?.content ?? '', idempotency_key },
    files: filterFiles(world.filesOf(tenant_id, run.id), undefined, run),
    hasRunEnded: () => world.hasRunEnded(run.id),
  };
}

/** Returns whether a message is of an earlier turn. Only the run's own messages have a `seq`. */
function isOfEarlierTurn(message: Message): boolean {
  return !('seq' in message);
}
