import type { ModelAnswer, ModelRequest } from '../contracts/agents/model.ts';
import type { Usage } from '../contracts/agents/usage.ts';
import type { Message } from '../contracts/runs/message.ts';
import { isJsonObject, type Json } from '../json/json.ts';
import { estimateUsage } from '../providers/answers/tokens.ts';

/**
 * Converts the value that an engine returned into an answer. Returns undefined if the value is no
 * answer.
 */
export function toModelAnswer(value: Json, request: ModelRequest): ModelAnswer | undefined {
  const reply = typeof value === 'string' ? { output: value } : value;
  if (!isJsonObject(reply) || reply.output === undefined || reply.output === null) {
    return undefined;
  }
  const { output } = reply;
  const content = typeof output === 'string' ? output : JSON.stringify(output);
  const answer = { content, tool_calls: [] };
  const usage = { ...estimateUsage(request, answer), ...usageIn(reply.usage) };
  return { ...answer, finish_reason: 'stop', usage };
}

/**
 * Returns the reported usage. A count above that of any answer, or below zero, is ignored; the
 * estimate then counts.
 */
function usageIn(usage: Json | undefined): Partial<Usage> {
  const counts = isJsonObject(usage ?? null) ? (usage as Record<string, Json>) : {};
  const { tokens_in, tokens_out } = counts;
  return {
    ...(isCount(tokens_in) ? { tokens_in } : {}),
    ...(isCount(tokens_out) ? { tokens_out } : {}),
  };
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1e9;
}

/**
 * Returns a conversation for an engine, without the data from the log, and without the reasoning of
 * models, which only their vendor may read.
 */
export function messagesFromEngine(messages: readonly Message[]): Message[] {
  return messages.map(({ role, content, parts, tool_calls, tool_call_id }) => {
    return {
      role,
      content,
      ...(parts && role !== 'assistant' ? { parts } : {}),
      ...(tool_calls ? { tool_calls } : {}),
      ...(tool_call_id ? { tool_call_id } : {}),
    };
  });
}
