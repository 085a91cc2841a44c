import type { StepDetails, StepMessage } from '../../db/feed/step-details.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

/** A call that a model requests. `arguments` is JSON text, which may be invalid. */
export type RequestedCall = { id: string; name: string; arguments: string };

/** Returns the message of the model in a step. */
export function modelMessageOf({ messages }: StepDetails): StepMessage | undefined {
  return messages.find(({ role }) => role === 'assistant');
}

/** Returns the calls that the model requests in a step. */
export function callsIn(details: StepDetails): RequestedCall[] {
  const calls = modelMessageOf(details)?.tool_calls;
  return (Array.isArray(calls) ? calls : []).filter(isJsonObject).map((call) => ({
    id: String(call.id),
    name: String(call.name),
    arguments:
      typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments ?? {}),
  }));
}

/** The result of a call, from its step. */
export type LoggedCall = {
  callId: string;
  name: string;
  input: Json;
  output: Json;
  error: JsonObject | undefined;
};

/** Kinds of steps that contain the result of a call. */
const RESULTS = new Set(['tool', 'child']);

/** Returns the result of a call, if the step contains one. */
export function outcomeIn({ step }: FeedRow): LoggedCall | undefined {
  const { kind, name, call_id: callId, input, output, error } = step;
  if (!RESULTS.has(String(kind)) || typeof callId !== 'string') return undefined;
  return {
    callId,
    name: String(name),
    input: (input ?? null) as Json,
    output: (output ?? null) as Json,
    error: isJsonObject(error as Json) ? (error as JsonObject) : undefined,
  };
}
