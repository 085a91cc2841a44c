import { createHash } from 'node:crypto';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { CacheableCall, CachedToolAnswer, ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunSettings } from '../../contracts/runs/run-settings.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { isTruncated, resultLimit } from '../../tools/result-limit.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';

/**
 * Looks a call up in the answer cache, if its tool has `cache_answers_for`. Returns undefined for a
 * call that has to be made and whose answer is not cached either.
 */
export async function findCachedCall(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CacheableCall | undefined> {
  return mayUseCache(tool, open, run)
    ? world.toolAnswerCache?.find(run.id, tool.id, digestOf(tool, args))
    : undefined;
}

/** Returns the outcome of a call that is not made, with the trust that the answer had. */
export function outcomeFrom({ output, content, trust }: CachedToolAnswer): ToolOutcome {
  return { ok: true, value: output, text: content, trust };
}

/** Puts the committed answer to a call into the cache, if it is complete. */
export async function cacheToolAnswer(
  { key }: CacheableCall,
  { tool, open, outcome }: { tool: ToolDefinition; open: OpenCall; outcome?: ToolOutcome },
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  if (!outcome || !isComplete(tool, outcome, run.limits.settings)) return;
  const answer = run.state.messages.findLast(({ tool_call_id: id }) => id === open.call.id);
  if (answer?.seq === undefined) return; // not committed
  await world.toolAnswerCache?.add(run.id, tool.id, key, answer.seq);
}

/**
 * Returns whether a call may have an answer of the cache. Hooks may change or refuse a call. A
 * person was asked about this one, or has to be asked about each.
 */
function mayUseCache(tool: ToolDefinition, open: OpenCall, { hooks, state }: HeldRun): boolean {
  const isAsked =
    tool.requires_approval ||
    state.rules.asked.includes(tool.name) ||
    Object.keys(open.answers).length > 0;
  return (
    tool.cache_answers_for !== undefined &&
    !tool.compensation &&
    !isAsked &&
    !open.isStarted &&
    !hooks?.hasHook('tool_before')
  );
}

/** Returns whether an answer is neither an error nor a part of an answer. */
function isComplete(tool: ToolDefinition, outcome: ToolOutcome, settings: RunSettings): boolean {
  const { max_result_bytes } = tool.configuration;
  return (
    outcome.ok &&
    !isTruncated(outcome, resultLimit({ max_result_bytes, ...settings })) &&
    (tool.kind !== 'http' || isCompleteResponse(outcome.value))
  );
}

/** Returns whether a response is a success with its whole body. */
function isCompleteResponse(value: Json): boolean {
  return isJsonObject(value) && Number(value.status) < 300 && value.truncated === false;
}

/** Returns the SHA-256 of the tool as the agent has it, and of the arguments. */
function digestOf(tool: ToolDefinition, args: JsonObject): Buffer {
  const call = canonicalJson({ tool, args } as unknown as Json);
  return createHash('sha256').update(call).digest();
}
