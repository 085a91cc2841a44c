import { isSuspension } from '../../concurrency/offload.ts';
import type { AgentDefinition, ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage, ToolCall } from '../../contracts/runs/message.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { closestNames } from '../../text/closest-names.ts';
import { invalidArguments, parseArguments } from '../../tools/arguments.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { offloadForRun } from '../owned-run/offload-for-run.ts';
import { trustOfEnd } from '../owned-run/trust.ts';
import { rejectWithdrawn, requireApproval } from './call-permission.ts';
import { childOutcome, type OpenCall, openCalls } from './open-calls.ts';
import { questionForCall } from './questions.ts';
import {
  type Approval,
  type CallPlan,
  type PlannedCall,
  readable,
  tellError,
} from './tool-call-plan.ts';
import { schemaErrors } from './validate-json.ts';

type Planned = { definition: AgentDefinition; state: RunState; calls: readonly PlannedCall[] };

/** The last plans of a run, by its first message: each step asks for them several times. */
const known = new WeakMap<LoggedMessage, Planned>();

/** The plans of all calls without a result. Pure: what the log says decides. */
export function planCalls(definition: AgentDefinition, state: RunState): readonly PlannedCall[] {
  const [first] = state.messages;
  const before = first && known.get(first);
  if (before?.state === state && before.definition === definition) {
    return before.calls;
  }
  const calls = openCalls(state).map((open) => ({ open, plan: planCall(definition, state, open) }));
  if (first) known.set(first, { definition, state, calls });
  return calls;
}

/** Plans the calls of a held run. Arguments that take long to check are checked in a thread. */
export function plansOf(run: HeldRun): readonly PlannedCall[] | Promise<readonly PlannedCall[]> {
  const { definition, state } = run;
  return offloadForRun(run, () => planCalls(definition, state));
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
  const args = open.dryRun?.arguments ?? parsed.value;
  const error = misfit(tool, args);
  if (error) {
    return tellError(tool.name, args, error);
  }
  return (
    rejectWithdrawn(tool, args, open, state) ??
    requireApproval(tool, args, open, state) ??
    approved(tool, args, open)
  );
}

/** A call that may be made: with the arguments of whoever approved it, if they gave their own. */
function approved(tool: ToolDefinition, asked: JsonObject, open: OpenCall): CallPlan {
  const edited = editedArguments(open);
  if (!edited) {
    return effectOf(tool, asked, open) ?? workOf(tool, asked, open);
  }
  const error = misfit(tool, edited);
  return error
    ? tellError(tool.name, edited, error)
    : (effectOf(tool, edited, open) ?? workOf(tool, edited, open));
}

function editedArguments({ answers }: OpenCall): JsonObject | undefined {
  const edited = answers.approval?.data ?? null;
  return isJsonObject(edited) ? edited : undefined;
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
  const nearest = closestNames(call.name, known);
  const meant = nearest.length > 0 ? `: did you mean ${nearest.join(' or ')}?` : ';';
  const message = `there is no tool named ${call.name}${meant} the tools are: ${known.join(', ') || 'none'}`;
  return { code: 'unknown_tool', message, retryable: false };
}

/** What is wrong with the arguments; or with the tool's own parameters, which no model can mend but may avoid. */
function misfit(tool: ToolDefinition, args: JsonObject): RunError | undefined {
  try {
    const faults = schemaErrors(tool.parameters, args);
    return faults.length > 0 ? invalidArguments(faults.join('; ')) : undefined;
  } catch (cause) {
    if (isSuspension(cause)) throw cause;
    const message = `the parameters of ${tool.name} are no JSON Schema: ${(cause as Error).message}`;
    return { code: 'tool_failed', message, retryable: false };
  }
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
    return { do: 'ask', tool, args, question: questionForCall('effect', tool, open, args, prompt) };
  }
  if (seen?.answer === 'done') {
    return {
      do: 'tell',
      name: tool.name,
      input: args,
      outcome: { ok: true, value: seen.data, trust: 'user' },
    };
  }
  if (seen?.answer === 'give_up') {
    const message = `it is not known whether this call took effect, and ${seen.by} gave it up`;
    return tellError(tool.name, args, { code: 'tool_failed', message, retryable: false }, 'user');
  }
  return undefined;
}

function workOf(tool: ToolDefinition, given: JsonObject, open: OpenCall): CallPlan {
  const isAskUser = tool.kind === 'builtin' && tool.name === 'ask_user';
  if (isAskUser || tool.kind === 'client') {
    const reply = open.answers.question;
    return reply
      ? {
          do: 'tell',
          name: tool.name,
          input: given,
          outcome: {
            ok: true,
            value: reply.data ?? reply.answer,
            trust: isAskUser ? 'user' : 'external',
          },
        }
      : {
          do: 'ask',
          tool,
          args: given,
          question: questionForCall('question', tool, open, given, promptOf(tool, given)),
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
  const approval = approvalFor(given, open);
  return { do: 'run', tool, args: given, ...(approval ? { approval } : {}) };
}

/** Returns undefined when nobody was asked, or nothing could be shown. */
function approvalFor(args: JsonObject, open: OpenCall): Approval | undefined {
  const shown = open.answers.approval && open.dryRun;
  if (editedArguments(open) && !(shown && isSameJson(shown.arguments, args))) return 'edited';
  return shown?.digest ? { shown } : undefined;
}

/** A client's call is a question too: whoever may answer the run's questions may give its result. */
function promptOf({ kind, name }: ToolDefinition, given: JsonObject): string {
  return kind === 'client'
    ? `The client of this run is to call ${name} and to answer with its result.`
    : String(given.question);
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
  const trust = trustOfEnd({ kind: 'child', output: end }) ?? 'external';
  const error: RunError = {
    code: 'tool_failed',
    message: `${tool.name} gave no answer: ${message}`,
    retryable: false,
  };
  return isAnswer
    ? { do: 'tell', name: tool.name, input, outcome: { ok: true, value, trust } }
    : tellError(tool.name, input, error, trust);
}
