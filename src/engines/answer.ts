import type { ModelAnswer, ModelRequest, Usage } from '../contracts/agents/model.ts';
import type { Message } from '../contracts/runs/message.ts';
import { isJsonObject, type Json } from '../json/json.ts';
import { estimateUsage } from '../providers/tokens.ts';

/** Of what an engine gave: undefined when it is no answer. */
export function answerOf(value: Json, request: ModelRequest): ModelAnswer | undefined {
  const told = typeof value === 'string' ? { output: value } : value;
  if (!isJsonObject(told) || told.output === undefined || told.output === null) {
    return undefined;
  }
  const { output } = told;
  const content = typeof output === 'string' ? output : JSON.stringify(output);
  const answer = { content, tool_calls: [] };
  const usage = { ...estimateUsage(request, answer), ...usageIn(told.usage) };
  return { ...answer, finish_reason: 'stop', usage };
}

/** More than any answer used is nonsense, and so is less than nothing: then our estimate counts. */
function usageIn(usage: Json | undefined): Partial<Usage> {
  const told = isJsonObject(usage ?? null) ? (usage as Record<string, Json>) : {};
  const { tokens_in, tokens_out } = told;
  return {
    ...(isCount(tokens_in) ? { tokens_in } : {}),
    ...(isCount(tokens_out) ? { tokens_out } : {}),
  };
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1e9;
}

/** A conversation as an engine is told it, without what the log knows of it. */
export function messagesFromEngine(messages: readonly Message[]): Message[] {
  return messages.map(({ role, content, parts, tool_calls, tool_call_id }) => {
    return {
      role,
      content,
      ...(parts ? { parts } : {}),
      ...(tool_calls ? { tool_calls } : {}),
      ...(tool_call_id ? { tool_call_id } : {}),
    };
  });
}
