import type { StepKind } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { StepDetails } from '../../db/feed/step-details.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';

type StepEvent = Pick<StreamEvent, 'event'> & { data: JsonObject };
type Step = FeedRow['step'];

/**
 * The events of each kind of step, as in the table of docs/rest.md. A step always has the same
 * events.
 */
const EVENTS: Readonly<Record<StepKind, (step: Step, details: StepDetails) => StepEvent[]>> = {
  model: modelEvents,
  tool_started: () => [], // the answer that calls the tool has sent the action
  tool: (step) => [observation(step, { tool: step.name ?? null })],
  child_started: startedEvents,
  child: (step) => [observation(step)], // call_id is that of the action
  question: (step, { question }) => [{ event: 'ask_user', data: questionFields(step, question) }],
  answer: (step) => [observation(step)],
  handoff: (step) => [{ event: 'action', data: { handoff: step.output ?? step.input ?? null } }],
  input: (step, { messages }) => [observation(step, { content: messages[0]?.content ?? null })],
  timer: (step) => [observation(step)],
  guard: (step) => [observation(step, { guard: step.name ?? null })],
  retry: (step) => [observation(step)],
  fork: (step) => [observation(step)],
  output: () => [], // complete follows
  error: (step) => [{ event: 'error', data: { error: step.error ?? null } }],
};

/** Returns the events of a step, in order. */
export function eventsOf({ step }: FeedRow, details: StepDetails): StepEvent[] {
  const tell = EVENTS[step.kind as StepKind];
  return tell(step, details).map(({ event, data }) => ({
    event,
    data: { kind: step.kind ?? null, agent: details.agent, ...data },
  }));
}

/** Returns the run that a step started. */
export function childOf({ output }: Step): string | undefined {
  const id = isJsonObject(output as Json) ? (output as JsonObject).execution_id : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** Returns what a question asks, in the form of the events. The row of the question may be gone. */
export function questionFields(step: Step, question: StepDetails['question']): JsonObject {
  if (!question) return isJsonObject(step.input as Json) ? (step.input as JsonObject) : {};
  const { status: _, ...fields } = question;
  return fields;
}

/**
 * Returns the events of the start of a child run. The answer that calls it has sent the action. A
 * workflow calls its members itself, so the action is here.
 */
function startedEvents(step: Step, { is_called }: StepDetails): StepEvent[] {
  const call = { tool: step.name ?? null, call_id: step.call_id ?? null };
  const child_execution_id = childOf(step) ?? null;
  const started: StepEvent = { event: 'started', data: { ...call, child_execution_id } };
  if (is_called) return [started];
  const action = { ...call, arguments: step.input ?? null, child_execution_id };
  return [{ event: 'action', data: action }, started];
}

function modelEvents(step: Step, { messages }: StepDetails): StepEvent[] {
  const [said] = messages.filter(({ role }) => role === 'assistant');
  const calls = Array.isArray(said?.tool_calls) ? (said.tool_calls as JsonObject[]) : [];
  const usage = { tokens_in: step.tokens_in ?? 0, tokens_out: step.tokens_out ?? 0 };
  const thought: StepEvent = {
    event: 'thought',
    data: { content: said?.content ?? '', model: step.name ?? null, ...usage },
  };
  const actions = calls.map(
    ({ id = null, name = null, arguments: args = null }): StepEvent => ({
      event: 'action',
      data: {
        ...{ tool: name, call_id: id },
        arguments: typeof args === 'string' ? parseJsonOrText(args) : args,
      },
    }),
  );
  return said?.content || actions.length === 0 ? [thought, ...actions] : actions;
}

function observation(step: Step, more: JsonObject = {}): StepEvent {
  const { call_id = null, output = null, error = null, annotations = null } = step;
  const result = error === null ? { output } : { error };
  const progress = isJsonObject(annotations) ? annotations.progress : undefined;
  const last = progress === undefined ? {} : { progress };
  return { event: 'observation', data: { ...more, call_id, ...result, ...last } };
}
