import type { ExecutionComplete } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import {
  type Draft,
  type Ending,
  executionComplete,
  type Facts,
  failedDraft,
  isEnding,
} from './hook-events.ts';
import { type CallableHook, callHook, type HookSet, refusalError } from './hook-verdict.ts';

/**
 * Calls the hooks of the end of a run. A hook that fails or refuses turns a success into a failure,
 * and all hooks are then called for that end instead. A hook cannot change an end that is no
 * success, and its answer goes into the metrics.
 */
export async function callHooksOnEnd(draft: Draft, hooks: HookSet, facts: Facts): Promise<Draft> {
  const { to } = draft;
  const listening = hooks.of('execution_complete');
  if (!isEnding(to) || listening.length === 0) {
    return draft;
  }
  await hooks.mark();
  const result = await callAllEndHooks(listening, executionComplete(facts, to));
  const [error] = result.errors;
  if (to.status === 'completed' && error) {
    await hooks.undo();
    const steps = draft.steps.filter((step) => step.kind !== 'output');
    return callHooksOnEnd(failedDraft(steps, error), hooks, facts);
  }
  return { ...draft, to: withMetrics(to, metricsOf(result)) };
}

/** Answers of hooks to an end. */
export type EndHookResult = { annotations: JsonObject; errors: RunError[] };

/** Calls all hooks, whatever any of them answers. */
export async function callAllEndHooks(
  hooks: readonly CallableHook[],
  event: ExecutionComplete,
): Promise<EndHookResult> {
  const result: EndHookResult = { annotations: {}, errors: [] };
  for (const hook of hooks) {
    const verdict = await callHook(hook, event);
    if (verdict.did === 'allow') {
      result.annotations = { ...result.annotations, ...verdict.annotate };
    } else {
      result.errors.push(refusalError(verdict, 'the end'));
    }
  }
  return result;
}

/**
 * Returns the answers in the form of `executions.metrics`. The result is empty when no hook said
 * anything.
 */
export function metricsOf({ annotations, errors }: EndHookResult): JsonObject {
  return {
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(errors.length > 0 ? { hook_errors: errors as unknown as Json } : {}),
  };
}

function withMetrics(to: Ending, metrics: JsonObject): Ending {
  return { ...to, metrics: { ...to.metrics, ...metrics } };
}
