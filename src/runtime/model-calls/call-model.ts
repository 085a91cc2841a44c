import { randomBytes } from 'node:crypto';
import { ENGINE_PREFIX, TOOL_PROVIDER } from '../../contracts/agents/engine.ts';
import type { ModelAnswer, ModelCallContext, ModelProvider } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { Message, ToolCall } from '../../contracts/runs/message.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';
import { deadline } from '../environment/deadline.ts';
import { failpoint, midStream } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { filterFiles } from '../held-run/filter-files.ts';
import { BLOCKED_GUARD, blockedAnswer, type FilterResult } from '../held-run/filter-result.ts';
import { foldRecords } from '../held-run/fold.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { trustOfAnswer } from '../held-run/trust.ts';
import { dropUnsupportedMedia } from '../messages/drop-unsupported-media.ts';
import { cachedLoader, resolveParts } from '../messages/resolve-attachments.ts';
import { answerDetails, filterParts, tokensOf } from './answer-record.ts';
import { commitFailedAttempt, NO_NEW_LIMITS } from './failed-model-attempt.ts';
import { toolSchemas } from './plan-model-call.ts';
import { type PermittedModel, permittedModel } from './vendor-tools.ts';

const FILTERED_BY_VENDOR: RunError = {
  code: 'content_filtered',
  message: "the model's answer was withheld by its provider's content filter",
  retryable: false,
};

type CallModel = Extract<Action, { type: 'call_model' }>;
type AnsweredCall = CallModel & Pick<PermittedModel, 'withheld'>;

/** Calls the model once and commits the result: an answer, or one failed attempt. */
export async function callModel(
  action: CallModel,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  const started_at = new Date().toISOString();
  const { model, withheld } = await permittedModel(action.model, run);
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
  if (outcome.ok && outcome.value.finish_reason === 'content_filter') {
    await commitFailedAttempt(action, run, world, FILTERED_BY_VENDOR, started_at);
  } else if (outcome.ok) {
    await commitAnswer({ ...action, withheld }, run, outcome.value, started_at);
  } else if (time.signal.aborted) {
    run.state = { ...run.state, exhausted: 'max_time' };
  } else {
    await commitFailedAttempt(action, run, world, outcome.error, started_at);
  }
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
  const sink = run.tokenSink(action.attempt);
  const onToken = midStream(sink?.say);
  const engineContext = await engineRun(action, run, world);
  const traceparent = run.observer?.onModelCall?.('chat', action.messages);
  await failpoint('model.before');
  const outcome = await provider
    .generate(
      {
        model: action.model,
        messages: resolvedMessages.value,
        tools: action.decision ? [action.decision] : toolSchemas(run.definition),
        ...(action.decision ? { tool_choice: action.decision.name } : {}),
        output_schema: run.definition.agent.output_schema,
      },
      {
        signal,
        tenant_id: run.context.tenant_id,
        ...(onToken ? { onToken } : {}),
        ...(traceparent ? { traceparent } : {}),
        ...engineContext,
      },
    )
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

/** Commits an answer. An answer that ends the run is committed together with the end. */
async function commitAnswer(
  action: AnsweredCall,
  run: HeldRun,
  answer: ModelAnswer,
  started_at: string,
): Promise<void> {
  const tool_calls = uniqueCalls(answer.tool_calls, run.state.messages);
  const decision = action.decision && decisionIn(answer, action.decision.name);
  const filtered = decision
    ? await filterDecision(decision, stepOf(action, answer, tool_calls.length, started_at), run)
    : await run.applyOutputFilters('output', answer.content);
  if (filtered.isBlocked) {
    return commitBlocked(stepOf(action, answer, 0, started_at), filtered, run);
  }
  const { parts, guardSteps } = await filterParts(decision ? [] : answer.parts, run);
  const message = decision
    ? { ...decision, content: filtered.value }
    : ({
        role: 'assistant',
        content: filtered.value,
        ...(parts.length > 0 ? { parts } : {}),
        ...(tool_calls.length > 0 ? { tool_calls } : {}),
      } as const);
  const records: StepRecord[] = [
    { ...stepOf(action, answer, tool_calls.length, started_at), messages: [message] },
    ...filtered.guardSteps,
    ...guardSteps,
  ];
  const isOpen = !action.decision && tool_calls.length > 0; // then the run continues
  const ahead = isOpen ? undefined : await run.next(foldRecords(run.state, records, NO_NEW_LIMITS));
  if (ahead?.type === 'finish') {
    const { output, output_data } = ahead;
    const outcome = await run.commit([...records, { kind: 'output' }], {
      status: 'completed',
      stop_reason: 'final_answer',
      output,
      output_data,
      metrics: { finish_reason: answer.finish_reason },
    });
    if (outcome !== 'inbox') return;
  }
  await run.commit(records);
}

/**
 * Applies the output filters to a decision if it is the answer of the run. Any other decision stays
 * within the run. A decision is filtered as data, so that no escape hides anything.
 */
async function filterDecision(
  decision: Message,
  step: StepRecord,
  run: HeldRun,
): Promise<FilterResult<string | null>> {
  const { content } = decision;
  const ahead = await run.next(
    foldRecords(run.state, [{ ...step, messages: [decision] }], NO_NEW_LIMITS),
  );
  if (ahead.type !== 'finish') {
    return { isBlocked: false, value: content, guardSteps: [] };
  }
  const filtered = await run.applyOutputFilters(
    'output',
    content === null ? null : parseJsonOrText(content),
  );
  if (filtered.isBlocked) return filtered;
  const { value } = filtered;
  const cleaned = typeof value === 'string' ? value : JSON.stringify(value);
  return { ...filtered, value: filtered.guardSteps.length === 0 ? content : cleaned };
}

function stepOf(
  action: AnsweredCall,
  answer: ModelAnswer,
  tool_calls: number,
  started_at: string,
): StepRecord {
  return {
    kind: 'model',
    name: action.model.name,
    model_id: action.model.id,
    output: {
      ...answerDetails(answer),
      tool_calls,
      ...(action.withheld.length > 0 && { withheld_params: action.withheld }),
    },
    ...tokensOf(answer.usage),
    ...(isEngineElsewhere(action) ? { trust: 'external' } : trustOfAnswer(answer)),
    started_at,
  };
}

/**
 * Commits an answer that was blocked. The model is called once more for an answer without the
 * blocked content; then the run fails.
 */
async function commitBlocked(
  step: StepRecord,
  { filter, guardSteps }: FilterResult<string | null> & { isBlocked: true },
  run: HeldRun,
): Promise<void> {
  const { content, reply } = blockedAnswer(filter);
  const answerStep: StepRecord = { ...step, messages: [{ role: 'assistant', content }] };
  if (
    !run.state.steps_since_answer.some(
      ({ kind, name }) => kind === 'guard' && name === BLOCKED_GUARD,
    )
  ) {
    const guardsWithReply = guardSteps.map((one) => ({
      ...one,
      messages: [{ role: 'user', content: reply }],
    }));
    await run.commit([answerStep, ...(guardsWithReply as StepRecord[])]);
    return;
  }
  const message = `the output filter ${filter} withheld two answers of the agent`;
  const error: RunError = { code: 'content_filtered', message, retryable: false };
  await run.commit([answerStep, ...guardSteps, { kind: 'error', error }], {
    status: 'failed',
    stop_reason: 'error',
    error,
  });
}

/** Engines of this process. */
const OURS: ReadonlySet<string> = new Set([`${ENGINE_PREFIX}custom`, TOOL_PROVIDER]);

/**
 * Returns whether an engine behind a network answers. It belongs to somebody else, and may have
 * read anything.
 */
function isEngineElsewhere({ model: { provider } }: CallModel): boolean {
  return provider.startsWith(ENGINE_PREFIX) && !OURS.has(provider);
}

/**
 * Returns the message of a decision. A decision is no call with a result: its arguments are the
 * content of the message.
 */
function decisionIn({ content, tool_calls }: ModelAnswer, tool: string): Message {
  const call = tool_calls.find(({ name }) => name === tool);
  return { role: 'assistant', content: call?.arguments ?? content ?? '' };
}

/**
 * Replaces ids that the model has used before, because a result is matched to its call by id over
 * the whole run.
 */
function uniqueCalls(calls: readonly ToolCall[], messages: readonly Message[]): ToolCall[] {
  if (calls.length === 0) {
    return [];
  }
  const used = new Set<string>();
  for (const { tool_calls } of messages) {
    tool_calls?.forEach(({ id }) => void used.add(id));
  }
  return calls.map((call) => {
    const id = used.has(call.id) ? `${call.id}_${randomBytes(4).toString('hex')}` : call.id;
    used.add(id);
    return { ...call, id };
  });
}
