import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { DryRun } from '../../contracts/runs/preview.ts';
import type { NewQuestion } from '../../contracts/runs/step.ts';
import type { Trust } from '../../contracts/runs/trust.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import type { OpenCall } from './open-calls.ts';

/** What is to be done about a call next. */
export type CallPlan =
  /** Somebody has it: a person or a child. */
  | { do: 'wait'; for: 'question' | 'child' }
  /** The result is known without calling anything; without a trust of its own it is our own word. */
  | { do: 'tell'; name: string; input: Json; outcome: ToolOutcome }
  /** `args`: what leave is asked for to call it with. */
  | { do: 'ask'; tool: ToolDefinition; args: JsonObject; question: Omit<NewQuestion, 'id'> }
  | { do: 'spawn'; tool: ToolDefinition; message: string }
  /** The whole run goes to another agent, once nothing else of this answer is left to do. */
  | { do: 'hand_over'; tool: ToolDefinition; args: JsonObject }
  /** A call to run. `approval` is set when a person allowed the call. */
  | { do: 'run'; tool: ToolDefinition; args: JsonObject; approval?: Approval };

/**
 * An approval of the effects that were shown, or of arguments that the approval itself gave. Edited
 * arguments are tried right before the call.
 */
export type Approval = { shown: DryRun } | 'edited';

export type PlannedCall = { open: OpenCall; plan: CallPlan };

/** The model is told an error; without a trust it is our own word. */
export function tellError(name: string, input: Json, error: RunError, trust?: Trust): CallPlan {
  return { do: 'tell', name, input, outcome: { ok: false, error, ...(trust ? { trust } : {}) } };
}

/** Arguments within a sentence; the question carries them whole. */
export function readable(args: JsonObject): string {
  return truncateMiddle(JSON.stringify(args), 2_000);
}
