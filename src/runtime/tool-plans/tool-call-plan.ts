import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { DryRun } from '../../contracts/runs/preview.ts';
import type { NewQuestion } from '../../contracts/runs/step.ts';
import type { Trust } from '../../contracts/runs/trust.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import type { OpenCall } from './open-calls.ts';

/** Next action for a call. */
export type CallPlan =
  /** The call waits for a person or for a child run. */
  | { do: 'wait'; for: 'question' | 'child' }
  /**
   * A result that is known without calling anything. Without a trust of its own, the result is
   * trusted as `system`.
   */
  | { do: 'tell'; name: string; input: Json; outcome: ToolOutcome }
  /** A question to ask. `args` are the arguments of the call that the question is about. */
  | { do: 'ask'; tool: ToolDefinition; args: JsonObject; question: Omit<NewQuestion, 'id'> }
  | { do: 'spawn'; tool: ToolDefinition; message: string }
  /**
   * A handoff of the whole run to another agent, once nothing else of this answer is left to do.
   */
  | { do: 'hand_over'; tool: ToolDefinition; args: JsonObject }
  /** A call to run. `approval` is set when a person allowed the call. */
  | { do: 'run'; tool: ToolDefinition; args: JsonObject; approval?: Approval };

/**
 * An approval of the effects that were shown, or of arguments that the approval itself gave. Edited
 * arguments are tried right before the call.
 */
export type Approval = { shown: DryRun } | 'edited';

/**
 * The result of following a plan.
 *
 * - `done`: the log contains what was done; what follows is planned from there.
 * - `at_limit`: a limit did not allow the call, and it is unknown when a limit will.
 * - `retryAt`: the call is not made before this time, in milliseconds since the epoch.
 */
export type CallProgress = 'done' | 'at_limit' | { retryAt: number };

export type PlannedCall = { open: OpenCall; plan: CallPlan };

/** Plans an error as the result of a call. Without a trust, the error is trusted as `system`. */
export function errorPlan(name: string, input: Json, error: RunError, trust?: Trust): CallPlan {
  return { do: 'tell', name, input, outcome: { ok: false, error, ...(trust ? { trust } : {}) } };
}

/** Renders arguments for use within a sentence. The question contains the complete arguments. */
export function formatArguments(args: JsonObject): string {
  return truncateMiddle(JSON.stringify(args), 2_000);
}

/**
 * Returns the input of a sub-agent: its message, or all arguments as JSON when there are others.
 */
export function childInput(args: JsonObject): string {
  const { message, ...others } = args;
  return typeof message === 'string' && Object.keys(others).length === 0
    ? message
    : JSON.stringify(args);
}
