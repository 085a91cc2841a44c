import type { StepKind } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/feed.ts';
import type { StepDetails } from '../../db/feed/step-details.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

type Told = Pick<StreamEvent, 'event'> & { data: JsonObject };
type Step = FeedRow['step'];

/** What each kind of step is in a stream: docs/rest.md has the table. A step always gives the same events. */
const EVENTS: Readonly<Record<StepKind, (step: Step, story: StepDetails) => Told[]>> = {
  model: modelEvents,
  tool_started: () => [], // the action was told with the answer that asks for it
  tool: (step) => [observation(step, { tool: step.name ?? null })],
  child_started: (step) => [
    {
      event: 'action',
      data: {
        tool: step.name ?? null,
        call_id: step.call_id ?? null,
        arguments: step.input ?? null,
        child_execution_id: childOf(step) ?? null,
      },
    },
  ],
  child: (step) => [observation(step)], // call_id is that of the action
  question: (step, { question }) => [{ event: 'ask_user', data: askedIn(step, question) }],
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

/** The events of a step, in order. */
export function eventsOf({ step }: FeedRow, story: StepDetails): Told[] {
  const tell = EVENTS[step.kind as StepKind];
  return tell(step, story).map(({ event, data }) => ({
    event,
    data: { kind: step.kind ?? null, agent: story.agent, ...data },
  }));
}

/** The run that began with a step. */
export function childOf({ output }: Step): string | undefined {
  const id = isJsonObject(output as Json) ? (output as JsonObject).execution_id : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** What a question asks, as the events have it; its row may be gone. */
export function askedIn(step: Step, question: StepDetails['question']): JsonObject {
  if (!question) return isJsonObject(step.input as Json) ? (step.input as JsonObject) : {};
  const { status: _, ...asked } = question;
  return asked;
}

function modelEvents(step: Step, { messages }: StepDetails): Told[] {
  const [said] = messages.filter(({ role }) => role === 'assistant');
  const calls = Array.isArray(said?.tool_calls) ? (said.tool_calls as JsonObject[]) : [];
  const usage = { tokens_in: step.tokens_in ?? 0, tokens_out: step.tokens_out ?? 0 };
  const thought: Told = {
    event: 'thought',
    data: { content: said?.content ?? '', model: step.name ?? null, ...usage },
  };
  const actions = calls.map(
    ({ id = null, name = null, arguments: given = null }): Told => ({
      event: 'action',
      data: { tool: name, call_id: id, arguments: parsed(given) },
    }),
  );
  return said?.content || actions.length === 0 ? [thought, ...actions] : actions;
}

/** Arguments are told as models write them where they are no JSON. */
function parsed(value: Json): Json {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

function observation(step: Step, more: JsonObject = {}): Told {
  const { call_id = null, output = null, error = null } = step;
  const result = error === null ? { output } : { error };
  return { event: 'observation', data: { ...more, call_id, ...result } };
}
