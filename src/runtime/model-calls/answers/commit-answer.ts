import { randomBytes } from 'node:crypto';
import { ENGINE_PREFIX, TOOL_PROVIDER } from '../../../contracts/agents/engine.ts';
import type { ModelAnswer } from '../../../contracts/agents/model.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { Action } from '../../../contracts/runs/action.ts';
import type { Message, ToolCall } from '../../../contracts/runs/message.ts';
import type { StepRecord } from '../../../contracts/runs/step.ts';
import type { JsonObject } from '../../../json/json.ts';
import { parseJsonOrText } from '../../../json/parse-json.ts';
import { BLOCKED_GUARD, blockedAnswer, type FilterResult } from '../../held-run/filter-result.ts';
import { foldRecords } from '../../held-run/fold.ts';
import type { HeldRun } from '../../held-run/held-run.ts';
import { trustOfAnswer } from '../../held-run/trust.ts';
import { NO_NEW_LIMITS } from '../failed-model-attempt.ts';
import type { PermittedModel } from '../vendor-tools.ts';
import { answerDetails, filterParts, leftOutGuards, tokensOf } from './answer-record.ts';
import {
  askForAnswer,
  EMPTY_GUARD,
  type EmptyKind,
  emptyAnswerError,
  emptyKind,
} from './empty-answer.ts';
import {
  type AnswerContext,
  askAgain,
  isUseless,
  truncatedError,
  wasAskedAgain,
} from './truncated-answer.ts';

type CallModel = Extract<Action, { type: 'call_model' }>;
/** A call of a model that was answered, and the parameters that it was not permitted to have. */
export type AnsweredCall = CallModel & Pick<PermittedModel, 'withheld'>;

/**
 * What became of an answer. The run goes on with one that was used as the model gave it, or
 * filtered. Otherwise the model is asked again, or the run fails.
 */
export type AnswerFate = 'used' | 'filtered' | 'blocked' | 'truncated' | 'empty';

/** Commits an answer. An answer that ends the run is committed together with the end. */
export async function commitAnswer(
  action: AnsweredCall,
  run: HeldRun,
  answer: ModelAnswer,
  started_at: string,
): Promise<AnswerFate> {
  const tool_calls = uniqueCalls(answer.tool_calls, run.state.messages);
  const context = {
    isDecision: action.decision !== undefined,
    output_schema: run.definition.agent.output_schema,
  };
  const isTruncated = isUseless(answer, context);
  const decision =
    action.decision && !isTruncated ? decisionIn(answer, action.decision.name) : undefined;
  const filtered = decision
    ? await filterDecision(decision, stepOf(action, answer, tool_calls.length, started_at), run)
    : await run.applyOutputFilters('output', answer.content);
  const leftOut = leftOutGuards(answer, run.state);
  if (filtered.isBlocked) {
    return commitBlocked(stepOf(action, answer, 0, started_at), leftOut, filtered, run);
  }
  if (isTruncated) {
    return commitTruncated({ action, answer, context, run }, filtered, started_at);
  }
  const empty = emptyKind(answer, action, run.definition);
  if (empty) return commitEmpty({ action, answer, context, run }, empty, filtered, started_at);
  const { parts, guardSteps } = await filterParts(decision ? [] : answer.parts, run);
  const content = filtered.value;
  const message = decision ? { ...decision, content } : messageOf(content, parts, tool_calls);
  const records: StepRecord[] = [
    { ...stepOf(action, answer, tool_calls.length, started_at), messages: [message] },
    ...leftOut,
    ...filtered.guardSteps,
    ...guardSteps,
  ];
  const isOpen = !action.decision && tool_calls.length > 0; // then the run continues
  const ahead = isOpen ? undefined : await run.next(foldRecords(run.state, records, NO_NEW_LIMITS));
  if (ahead?.type !== 'finish' || !(await commitEnd(records, ahead, answer, run))) {
    await run.commit(records);
  }
  return filtered.guardSteps.length + guardSteps.length > 0 ? 'filtered' : 'used';
}

/** Commits an answer with the end of the run. Returns false if somebody has sent a message. */
async function commitEnd(
  records: readonly StepRecord[],
  { output, output_data }: Extract<Action, { type: 'finish' }>,
  { finish_reason }: ModelAnswer,
  run: HeldRun,
): Promise<boolean> {
  const outcome = await run.commit([...records, { kind: 'output' }], {
    status: 'completed',
    stop_reason: 'final_answer',
    output,
    output_data,
    finish_reason,
  });
  return outcome !== 'inbox';
}

/** Returns the message of an answer that is no decision. */
function messageOf(content: string | null, parts: JsonObject[], tool_calls: ToolCall[]): Message {
  return {
    role: 'assistant',
    content,
    ...(parts.length > 0 ? { parts } : {}),
    ...(tool_calls.length > 0 ? { tool_calls } : {}),
  };
}

/** An answer that is of no use to the run. */
type UselessAnswer = {
  action: AnsweredCall;
  answer: ModelAnswer;
  context: AnswerContext;
  run: HeldRun;
};

/** Commits an answer that was cut off, and asks the model once more or fails the run. */
async function commitTruncated(
  { action, answer, context, run }: UselessAnswer,
  filtered: FilterResult<string | null> & { isBlocked: false },
  started_at: string,
): Promise<'truncated'> {
  const content = filtered.value?.trim() ? filtered.value : '';
  const step = stepOf(action, answer, 0, started_at);
  const records: StepRecord[] = [
    { ...step, messages: [{ role: 'assistant', content }] },
    ...leftOutGuards(answer, run.state),
    ...filtered.guardSteps,
  ];
  const isRepeated = wasAskedAgain(run.state);
  const guard = isRepeated ? undefined : askAgain(answer, action.model, context);
  if (guard) await run.commit([...records, guard]);
  else await failRun(records, truncatedError(action.model, isRepeated), run);
  return 'truncated';
}

/** Commits an answer with nothing in it, and asks the model once more or fails the run. */
async function commitEmpty(
  { action, answer, run }: UselessAnswer,
  kind: EmptyKind,
  filtered: FilterResult<string | null> & { isBlocked: false },
  started_at: string,
): Promise<'empty'> {
  const content = filtered.value?.trim() ? filtered.value : '';
  const records: StepRecord[] = [
    { ...stepOf(action, answer, 0, started_at), messages: [{ role: 'assistant', content }] },
    ...filtered.guardSteps,
  ];
  const isRepeated = wasAskedAgain(run.state, EMPTY_GUARD);
  if (isRepeated) await failRun(records, emptyAnswerError(action.model, kind), run);
  else await run.commit([...records, askForAnswer(kind)]);
  return 'empty';
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
  leftOut: readonly StepRecord[],
  { filter, guardSteps }: FilterResult<string | null> & { isBlocked: true },
  run: HeldRun,
): Promise<'blocked'> {
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
    await run.commit([answerStep, ...leftOut, ...(guardsWithReply as StepRecord[])]);
    return 'blocked';
  }
  const message = `the output filter ${filter} withheld two answers of the agent`;
  const error: RunError = { code: 'content_filtered', message, retryable: false };
  await failRun([answerStep, ...leftOut, ...guardSteps], error, run);
  return 'blocked';
}

async function failRun(
  records: readonly StepRecord[],
  error: RunError,
  run: HeldRun,
): Promise<void> {
  await run.commit([...records, { kind: 'error', error }], {
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
