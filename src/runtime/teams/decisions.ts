import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage, Message } from '../../contracts/runs/message.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { stripCodeFence } from '../../text/strip-code-fence.ts';
import { nextModelCall } from '../model-calls/choose-model-call.ts';
import { schemaErrors } from '../tool-plans/validate-json.ts';

/**
 * What a workflow's deciding model decided, in order: the arguments of its call, checked against the tool's schema. It is
 * never read out of free text; an answer that is JSON by itself counts as such arguments.
 */
export type Decision = { message: LoggedMessage; value: JsonObject; faults: string[] };

/** A conversation with the deciding model: it always has one tool to call, and is told what came of each decision. */
export type Decider = {
  tool: ToolSchema;
  /** What it is offered now, when that is less. */
  offered?: ToolSchema;
  /** What it decides about, for its first message. */
  about: string;
  task: string;
  /** What came of its n-th decision that fitted. */
  outcome(index: number): string;
};

export function decisionsOf({ messages }: RunState, { tool }: Decider): Decision[] {
  return messages
    .filter(({ role }) => role === 'assistant')
    .map((message) => decided(message, tool));
}

function decided(message: LoggedMessage, tool: ToolSchema): Decision {
  const value = parsed(message.content ?? '');
  return isJsonObject(value)
    ? { message, value, faults: schemaErrors(tool.parameters, value) }
    : { message, value: {}, faults: [`${tool.name} was not called with a JSON object`] };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(stripCodeFence(text));
  } catch {
    return null;
  }
}

/** Answers in a row that are no decision; after the last one the run fails. A retry by hand counts anew. */
const TRIES = 3;

/** Asks for the next decision, or for the last one again when it did not fit. */
export function decide(definition: AgentDefinition, state: RunState, decider: Decider): Action {
  const decisions = decisionsOf(state, decider);
  const spoiled = decisions
    .slice(decisions.findLastIndex(({ faults }) => faults.length === 0) + 1)
    .filter(({ message }) => state.messages.indexOf(message) >= state.messages_at_retry).length;
  const last = decisions.at(-1);
  if (state.exhausted) {
    return stopped(state.exhausted, 'limit_reached', `the limit ${state.exhausted} is used up`);
  }
  if (last && spoiled >= TRIES) {
    const message = `the deciding model gave no decision that fits: ${last.faults.join('; ')}`;
    return stopped('error', 'invalid_output', message);
  }
  if (last && last.faults.length > 0 && !isTold(state, last)) {
    return { type: 'guard', name: 'decision', message: replyTo(last.faults, decider.tool) };
  }
  const messages = conversation(definition, decider, decisions);
  return nextModelCall(definition, state, (_definition, _state, model, attempt) => {
    return {
      type: 'call_model',
      model,
      attempt,
      messages,
      decision: decider.offered ?? decider.tool,
    };
  });
}

const REFUSED = 'This does not fit';

function replyTo(faults: readonly string[], { name }: ToolSchema): string {
  return `${REFUSED}: ${faults.join('; ')}. Call ${name} again.`;
}

/** The log says of a decision that was refused why it was, before another one is asked for. */
function isTold({ messages }: RunState, last: Decision): boolean {
  return messages
    .slice(messages.indexOf(last.message))
    .some(({ role, content }) => role === 'user' && content?.startsWith(REFUSED));
}

function stopped(
  stop_reason: Extract<Action, { type: 'fail' }>['stop_reason'],
  code: 'limit_reached' | 'invalid_output',
  message: string,
): Action {
  return { type: 'fail', stop_reason, error: { code, message, retryable: false } };
}

function conversation(
  { agent }: AgentDefinition,
  { about, task, tool, outcome }: Decider,
  decisions: readonly Decision[],
): Message[] {
  const system = [agent.instruction, about].filter((part) => part).join('\n\n');
  let made = 0;
  return [
    { role: 'system', content: system },
    { role: 'user', content: task },
    ...decisions.flatMap(({ message, faults }): Message[] => {
      const reply = faults.length > 0 ? replyTo(faults, tool) : outcome(made++);
      return [
        { role: 'assistant', content: message.content },
        { role: 'user', content: reply },
      ];
    }),
  ];
}
