import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage, Message } from '../../contracts/runs/message.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { stripCodeFence } from '../../text/strip-code-fence.ts';
import { schemaErrors } from '../environment/validate-json.ts';
import { nextModelCall } from '../model-calls/choose-model-call.ts';
import { failAtLimit, failTeam } from './team-actions.ts';

/**
 * A decision of the deciding model of a workflow: the arguments of its call, checked against the
 * schema of the tool. A decision is never read from free text. An answer that is JSON by itself
 * counts as such arguments.
 */
export type Decision = { message: LoggedMessage; value: JsonObject; faults: string[] };

/**
 * A conversation with the deciding model. The model always has one tool to call, and reads the
 * outcome of each decision.
 */
export type Decider = {
  tool: ToolSchema;
  /** Tool that the model is offered now, when that is less than `tool`. */
  offered?: ToolSchema;
  /** Description of what the model decides about, for its first message. */
  about: string;
  task: string;
  /** Returns the outcome of the n-th decision that satisfied the schema. */
  outcome(index: number): string;
};

/** Returns the decisions of the deciding model, in order. */
export function decisionsOf({ messages }: RunState, { tool }: Decider): Decision[] {
  return messages
    .filter(({ role }) => role === 'assistant')
    .map((message) => readDecision(message, tool));
}

function readDecision(message: LoggedMessage, tool: ToolSchema): Decision {
  const value = parseAnswer(message.content ?? '');
  return isJsonObject(value)
    ? { message, value, faults: schemaErrors(tool.parameters, value) }
    : { message, value: {}, faults: [`${tool.name} was not called with a JSON object`] };
}

function parseAnswer(text: string): Json {
  try {
    return parseJson(stripCodeFence(text));
  } catch {
    return null;
  }
}

/**
 * Maximum number of consecutive answers that are no valid decision; after the last one the run
 * fails. A retry by hand starts the count anew.
 */
const TRIES = 3;

/** Requests the next decision, or the last one again when it did not satisfy the schema. */
export function decide(definition: AgentDefinition, state: RunState, decider: Decider): Action {
  const decisions = decisionsOf(state, decider);
  const spoiled = decisions
    .slice(decisions.findLastIndex(({ faults }) => faults.length === 0) + 1)
    .filter(({ message }) => state.messages.indexOf(message) >= state.messages_at_retry).length;
  const last = decisions.at(-1);
  if (state.exhausted) {
    return failAtLimit(state.exhausted);
  }
  if (last && spoiled >= TRIES) {
    const message = `the deciding model gave no valid decision: ${last.faults.join('; ')}`;
    return failTeam('invalid_output', message);
  }
  if (last && last.faults.length > 0 && !isRefusalLogged(state, last)) {
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

/**
 * Returns true when the log contains the reason why a decision was refused. The reason is logged
 * before another decision is requested.
 */
function isRefusalLogged({ messages }: RunState, last: Decision): boolean {
  return messages
    .slice(messages.indexOf(last.message))
    .some(({ role, content }) => role === 'user' && content?.startsWith(REFUSED));
}

function conversation(
  { agent }: AgentDefinition,
  { about, task, tool, outcome }: Decider,
  decisions: readonly Decision[],
): Message[] {
  const system = [agent.instruction, about].filter((part) => part).join('\n\n');
  let decisionIndex = 0;
  return [
    { role: 'system', content: system },
    { role: 'user', content: task },
    ...decisions.flatMap(({ message, faults }): Message[] => {
      const reply = faults.length > 0 ? replyTo(faults, tool) : outcome(decisionIndex++);
      return [
        { role: 'assistant', content: message.content },
        { role: 'user', content: reply },
      ];
    }),
  ];
}
