import { isSuspension } from '../../concurrency/offload.ts';
import type { AgentDefinition, ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage, ToolCall } from '../../contracts/runs/message.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { closestNames } from '../../text/closest-names.ts';
import { fitArguments } from '../../tools/fit-arguments.ts';
import { invalidArguments, parseArguments } from '../../tools/parse-arguments.ts';
import { schemaErrors } from '../environment/validate-json.ts';
import { offloadForRun } from '../held-run/check-in-thread.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { trustOfChildResult } from '../held-run/trust.ts';
import { rejectForbidden, requireApproval } from './call-permission.ts';
import { childOutcome, type OpenCall, openCalls } from './open-calls.ts';
import { questionForCall } from './questions.ts';
import {
  type Approval,
  type CallPlan,
  childInput,
  errorPlan,
  formatArguments,
  type PlannedCall,
} from './tool-call-plan.ts';

type Planned = { definition: AgentDefinition; state: RunState; calls: readonly PlannedCall[] };

/**
 * Cache of the last plans of a run, by the first message of the run. Each step requests the plans
 * several times.
 */
const plansByRun = new WeakMap<LoggedMessage, Planned>();

/** Returns the plans of all calls without a result. Pure: the log determines the plans. */
export function planCalls(definition: AgentDefinition, state: RunState): readonly PlannedCall[] {
  const [first] = state.messages;
  const before = first && plansByRun.get(first);
  if (before?.state === state && before.definition === definition) {
    return before.calls;
  }
  const calls = openCalls(state).map((open) => ({ open, plan: planCall(definition, state, open) }));
  if (first) plansByRun.set(first, { definition, state, calls });
  return calls;
}

/** Plans the calls of a held run. Arguments that take long to check are checked in a thread. */
export function plansOf(run: HeldRun): readonly PlannedCall[] | Promise<readonly PlannedCall[]> {
  const { definition, state } = run;
  return offloadForRun(run, () => planCalls(definition, state));
}

/** Maximum number of equal calls in one answer. A further equal call is rejected as a loop. */
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
    return errorPlan(open.call.name, open.call.arguments, {
      code: 'rejected',
      message,
      retryable: false,
    });
  }
  const tool = findTool(definition, open.call.name);
  const parsed = parseArguments(open.call.arguments);
  if (!tool || !parsed.ok) {
    const error = tool ? (parsed as { error: RunError }).error : unknownTool(definition, open);
    return errorPlan(open.call.name, open.call.arguments, error);
  }
  const args = fitArguments(tool.parameters, open.dryRun?.arguments ?? parsed.value);
  const error = argumentError(tool, args);
  if (error) {
    return errorPlan(tool.name, args, error);
  }
  return (
    rejectForbidden(tool, args, open, state) ??
    requireApproval(tool, args, open, state) ??
    planApproved(tool, args, open)
  );
}

/**
 * Plans a call that may be made. Uses the arguments of the approver, if the approver changed them.
 */
function planApproved(tool: ToolDefinition, requested: JsonObject, open: OpenCall): CallPlan {
  const edited = editedArguments(tool, open);
  if (!edited) {
    return planStarted(tool, requested, open) ?? planWork(tool, requested, open);
  }
  const error = argumentError(tool, edited);
  return error
    ? errorPlan(tool.name, edited, error)
    : (planStarted(tool, edited, open) ?? planWork(tool, edited, open));
}

function editedArguments(tool: ToolDefinition, { answers }: OpenCall): JsonObject | undefined {
  const edited = answers.approval?.data ?? null;
  return isJsonObject(edited) ? fitArguments(tool.parameters, edited) : undefined;
}

/** Returns true when any of the calls names a tool. The rules of the tools are then read first. */
export function callsKnownTool(definition: AgentDefinition, calls: readonly ToolCall[]): boolean {
  return calls.some(({ name }) => findTool(definition, name) !== undefined);
}

function findTool(definition: AgentDefinition, called: string): ToolDefinition | undefined {
  return definition.tools.find(({ name, aliases }) => name === called || aliases.includes(called));
}

function unknownTool(definition: AgentDefinition, { call }: OpenCall): RunError {
  const names = definition.tools.map(({ name }) => name);
  const nearest = closestNames(call.name, names);
  const meant = nearest.length > 0 ? `: did you mean ${nearest.join(' or ')}?` : ';';
  const message = `there is no tool named ${call.name}${meant} the tools are: ${names.join(', ') || 'none'}`;
  return { code: 'unknown_tool', message, retryable: false };
}

/**
 * Returns the error of arguments that do not satisfy the schema of the tool. A schema that is
 * itself invalid is also an error: no model can repair the schema, but a model may avoid the tool.
 */
function argumentError(tool: ToolDefinition, args: JsonObject): RunError | undefined {
  try {
    const faults = schemaErrors(tool.parameters, args);
    return faults.length > 0 ? invalidArguments(faults.join('; ')) : undefined;
  } catch (cause) {
    if (isSuspension(cause)) throw cause;
    const message = `the parameters of ${tool.name} are not a valid JSON Schema: ${(cause as Error).message}`;
    return { code: 'tool_failed', message, retryable: false };
  }
}

/**
 * Returns true when the start of a call is committed as a step of its own, because the log must not
 * lose track of the effect of the call.
 */
export function needsStartStep(tool: ToolDefinition): boolean {
  return tool.effect === 'once' || tool.compensation !== undefined;
}

/**
 * Plans a call that was started before. When the call must not be made twice, a person says what
 * became of it. Tools in SQL never need this question. A call that may be repeated is made again
 * with the same key. Returns undefined when the call may be made.
 */
function planStarted(tool: ToolDefinition, args: JsonObject, open: OpenCall): CallPlan | undefined {
  const seen = open.answers.effect;
  if (open.isStarted && tool.effect === 'once') {
    const prompt = `${tool.name} was called with ${formatArguments(args)}, but its outcome is unknown. Did the call take effect?`;
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
    return errorPlan(tool.name, args, { code: 'tool_failed', message, retryable: false }, 'user');
  }
  return undefined;
}

function planWork(tool: ToolDefinition, args: JsonObject, open: OpenCall): CallPlan {
  const isAskUser = tool.kind === 'builtin' && tool.name === 'ask_user';
  if (isAskUser || tool.kind === 'client') {
    const reply = open.answers.question;
    return reply
      ? {
          do: 'tell',
          name: tool.name,
          input: args,
          outcome: {
            ok: true,
            value: reply.data ?? reply.answer,
            trust: isAskUser ? 'user' : 'external',
          },
        }
      : {
          do: 'ask',
          tool,
          args,
          question: questionForCall('question', tool, open, args, promptOf(tool, args)),
        };
  }
  if (tool.kind === 'agent' && tool.configuration.handoff === true) {
    return { do: 'hand_over', tool, args };
  }
  if (tool.kind === 'agent' || tool.kind === 'workflow') {
    return open.childEnd === undefined
      ? { do: 'spawn', tool, message: childInput(args) }
      : planChildEnd(tool, args, open.childEnd);
  }
  const approval = approvalFor(tool, args, open);
  return { do: 'run', tool, args, ...(approval ? { approval } : {}) };
}

/**
 * Returns the approval of a call. Returns undefined when nobody was asked, or nothing could be
 * shown.
 */
function approvalFor(tool: ToolDefinition, args: JsonObject, open: OpenCall): Approval | undefined {
  const shown = open.answers.approval && open.dryRun;
  if (editedArguments(tool, open) && !(shown && isSameJson(shown.arguments, args))) return 'edited';
  return shown?.digest ? { shown } : undefined;
}

/**
 * Returns the prompt of a question. A call of a client tool is a question too: everybody who may
 * answer the questions of the run may give its result.
 */
function promptOf({ kind, name }: ToolDefinition, args: JsonObject): string {
  return kind === 'client'
    ? `The client of this run is to call ${name} and to answer with its result.`
    : String(args.question);
}

function planChildEnd(tool: ToolDefinition, input: Json, end: Json): CallPlan {
  const { isAnswer, value, message } = childOutcome(end);
  const trust = trustOfChildResult({ kind: 'child', output: end }) ?? 'external';
  const error: RunError = {
    code: 'tool_failed',
    message: `${tool.name} gave no answer: ${message}`,
    retryable: false,
  };
  return isAnswer
    ? { do: 'tell', name: tool.name, input, outcome: { ok: true, value, trust } }
    : errorPlan(tool.name, input, error, trust);
}
