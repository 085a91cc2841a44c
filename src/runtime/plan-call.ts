import type { RunState } from '../contracts/action.ts';
import type { AgentDefinition, ToolDefinition } from '../contracts/definition.ts';
import type { RunError } from '../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.ts';
import type { ToolCall } from '../contracts/message.ts';
import type { NewQuestion } from '../contracts/step.ts';
import type { ToolOutcome } from '../contracts/tool.ts';
import { invalidArguments, parseArguments } from '../tools/arguments.ts';
import { type Answer, childOutcome, type OpenCall, openCalls } from './calls.ts';
import { faultsOf } from './json-schema.ts';
import { nearestNames } from './nearest-names.ts';
import { questionAbout } from './question-about.ts';
import { shorten } from './shorten.ts';

/** What is to be done about a call next. */
export type CallPlan =
  /** Somebody has it: a person or a child. */
  | { do: 'wait'; for: 'question' | 'child' }
  /** The result is known without calling anything. */
  | { do: 'tell'; name: string; input: Json; outcome: ToolOutcome }
  | { do: 'ask'; tool: ToolDefinition; question: Omit<NewQuestion, 'id'> }
  | { do: 'spawn'; tool: ToolDefinition; message: string }
  /** The whole run goes to another agent, once nothing else of this answer is left to do. */
  | { do: 'hand_over'; tool: ToolDefinition; args: JsonObject }
  | { do: 'run'; tool: ToolDefinition; args: JsonObject };

export type PlannedCall = { open: OpenCall; plan: CallPlan };

/** The plans of all calls without a result. Pure: what the log says decides. */
export function planCalls(definition: AgentDefinition, state: RunState): PlannedCall[] {
  return openCalls(state).map((open) => ({ open, plan: planCall(definition, state, open) }));
}

/** The same call in one answer so often; the next time it is no call but a loop. */
const COPIES = 5;

function planCall(definition: AgentDefinition, state: RunState, open: OpenCall): CallPlan {
  if (open.question) {
    return { do: 'wait', for: 'question' };
  }
  if (open.isWithChild) {
    return { do: 'wait', for: 'child' };
  }
  if (open.copies >= COPIES) {
    const message = `the same call stands more than ${COPIES} times in one answer; further ones are not made`;
    return tellError(open.call.name, open.call.arguments, {
      code: 'rejected',
      message,
      retryable: false,
    });
  }
  const tool = findTool(definition, open.call.name);
  const parsed = parseArguments(open.call.arguments);
  if (!tool || !parsed.ok) {
    const error = tool ? (parsed as { error: RunError }).error : unknownTool(definition, open);
    return tellError(open.call.name, open.call.arguments, error);
  }
  const error = misfit(tool, parsed.value);
  if (error) {
    return tellError(tool.name, parsed.value, error);
  }
  return (
    withdrawal(tool, parsed.value, open, state) ??
    approvalOf(tool, parsed.value, open, state) ??
    approved(tool, parsed.value, open)
  );
}

/** A call that may be made: with the arguments of whoever approved it, if they gave their own. */
function approved(tool: ToolDefinition, asked: JsonObject, open: OpenCall): CallPlan {
  const edited = open.answers.approval?.data;
  if (!isJsonObject(edited ?? null)) {
    return effectOf(tool, asked, open) ?? workOf(tool, asked, open);
  }
  const args = edited as JsonObject;
  const error = misfit(tool, args);
  return error
    ? tellError(tool.name, args, error)
    : (effectOf(tool, args, open) ?? workOf(tool, args, open));
}

/** Whether any of the calls is one of a tool: then what holds for them is asked for first. */
export function nameTools(definition: AgentDefinition, calls: readonly ToolCall[]): boolean {
  return calls.some(({ name }) => findTool(definition, name) !== undefined);
}

function findTool(definition: AgentDefinition, called: string): ToolDefinition | undefined {
  return definition.tools.find(({ name, aliases }) => name === called || aliases.includes(called));
}

function unknownTool(definition: AgentDefinition, { call }: OpenCall): RunError {
  const known = definition.tools.map(({ name }) => name);
  const nearest = nearestNames(call.name, known);
  const meant = nearest.length > 0 ? `: did you mean ${nearest.join(' or ')}?` : ';';
  const message = `there is no tool named ${call.name}${meant} the tools are: ${known.join(', ') || 'none'}`;
  return { code: 'unknown_tool', message, retryable: false };
}

function tellError(name: string, input: Json, error: RunError): CallPlan {
  return { do: 'tell', name, input, outcome: { ok: false, error } };
}

/** What is wrong with the arguments; or with the tool's own parameters, which no model can mend but may avoid. */
function misfit(tool: ToolDefinition, args: JsonObject): RunError | undefined {
  try {
    const faults = faultsOf(tool.parameters, args);
    return faults.length > 0 ? invalidArguments(faults.join('; ')) : undefined;
  } catch (cause) {
    const message = `the parameters of ${tool.name} are no JSON Schema: ${(cause as Error).message}`;
    return { code: 'tool_failed', message, retryable: false };
  }
}

/** A tool that was taken away since; what has begun already is seen to its end. */
function withdrawal(
  tool: ToolDefinition,
  args: JsonObject,
  { isBegun, answers, childEnd }: OpenCall,
  { rules }: RunState,
): CallPlan | undefined {
  const reason = rules.withdrawn[tool.name];
  const isMade = answers.effect !== undefined && answers.effect.answer !== 'again';
  if (!reason || isBegun || isMade || answers.question || childEnd !== undefined) {
    return undefined;
  }
  const message = `${tool.name} may not be called any more: ${reason}`;
  const cause = { withdrawn: reason };
  return tellError(tool.name, args, { code: 'rejected', message, retryable: false, cause });
}

/** Undefined when the call may be made. */
function approvalOf(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  state: RunState,
): CallPlan | undefined {
  const approval = open.answers.approval;
  if (approval?.answer === 'approve') {
    return undefined;
  }
  if (approval) {
    return tellError(tool.name, args, {
      code: 'rejected',
      message: rejection(approval),
      retryable: false,
    });
  }
  const isAsked = tool.requires_approval || state.rules.asked.includes(tool.name);
  if (!isAsked || state.rules.approved.includes(tool.name)) {
    return undefined;
  }
  const prompt = `May ${tool.name} be called with ${readable(args)}?`;
  return { do: 'ask', tool, question: questionAbout('approval', tool, open, args, prompt) };
}

function rejection({ by, data, status }: Answer): string {
  if (status === 'expired') {
    return 'nobody allowed this call in time';
  }
  const reason = typeof data === 'string' ? data : data === null ? '' : JSON.stringify(data);
  return `${by} did not allow this call${reason && `: ${reason}`}`;
}

/** Arguments within a sentence; the question carries them whole. */
function readable(args: JsonObject): string {
  return shorten(JSON.stringify(args), 2_000);
}

/** Calls of this tool are begun with a step of their own: their effect must not be lost sight of. */
export function leavesIntent(tool: ToolDefinition): boolean {
  return tool.effect === 'once' || tool.compensation !== undefined;
}

/**
 * A call that must not be made twice and has begun: a person says what became of it. Tools in SQL never need that, and
 * one that may be repeated is, under the same key.
 */
function effectOf(tool: ToolDefinition, args: JsonObject, open: OpenCall): CallPlan | undefined {
  const seen = open.answers.effect;
  if (open.isBegun && tool.effect === 'once') {
    const prompt = `${tool.name} was called with ${readable(args)}, and nobody saw the end of it. Did the call take effect?`;
    return { do: 'ask', tool, question: questionAbout('effect', tool, open, args, prompt) };
  }
  if (seen?.answer === 'done') {
    return { do: 'tell', name: tool.name, input: args, outcome: { ok: true, value: seen.data } };
  }
  if (seen?.answer === 'give_up') {
    const message = `it is not known whether this call took effect, and ${seen.by} gave it up`;
    return tellError(tool.name, args, { code: 'tool_failed', message, retryable: false });
  }
  return undefined;
}

function workOf(tool: ToolDefinition, given: JsonObject, open: OpenCall): CallPlan {
  if (tool.kind === 'builtin' && tool.name === 'ask_user') {
    const reply = open.answers.question;
    return reply
      ? {
          do: 'tell',
          name: tool.name,
          input: given,
          outcome: { ok: true, value: reply.data ?? reply.answer },
        }
      : {
          do: 'ask',
          tool,
          question: questionAbout('question', tool, open, given, String(given.question)),
        };
  }
  if (tool.kind === 'agent' && tool.configuration.handoff === true) {
    return { do: 'hand_over', tool, args: given };
  }
  if (tool.kind === 'agent' || tool.kind === 'workflow') {
    return open.childEnd === undefined
      ? { do: 'spawn', tool, message: messageOf(given) }
      : childEnded(tool, given, open.childEnd);
  }
  return { do: 'run', tool, args: given };
}

/** A sub-agent is told its message; whatever else its tool declares it gets as JSON. */
export function messageOf(args: JsonObject): string {
  const { message, ...others } = args;
  return typeof message === 'string' && Object.keys(others).length === 0
    ? message
    : JSON.stringify(args);
}

function childEnded(tool: ToolDefinition, input: Json, end: Json): CallPlan {
  const { isAnswer, value, message } = childOutcome(end);
  return isAnswer
    ? { do: 'tell', name: tool.name, input, outcome: { ok: true, value } }
    : tellError(tool.name, input, {
        code: 'tool_failed',
        message: `${tool.name} gave no answer: ${message}`,
        retryable: false,
      });
}
