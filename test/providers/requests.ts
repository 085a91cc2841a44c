import type { ModelRef, ModelRequest, ToolSchema } from '../../src/contracts/agents/model.ts';
import type { Outcome, RunError } from '../../src/contracts/errors.ts';
import type { Message } from '../../src/contracts/runs/message.ts';
import type { JsonObject } from '../../src/json/json.ts';

/** Returns a model row with the given values. */
export function modelRef(overrides: Partial<ModelRef> = {}): ModelRef {
  return {
    id: '01890000-0000-7000-8000-000000000001',
    name: 'default',
    provider: 'openai',
    model: 'gpt-test',
    base_url: null,
    context_tokens: null,
    request_params: {},
    ...overrides,
  };
}

/** Returns a request. A string stands for one user message. */
export function modelRequest(
  messages: string | Message[],
  overrides: Partial<ModelRequest> = {},
): ModelRequest {
  const list =
    typeof messages === 'string' ? [{ role: 'user', content: messages } as const] : messages;
  return { model: modelRef(), messages: list, tools: [], output_schema: null, ...overrides };
}

export function tool(
  name: string,
  description: string,
  properties: JsonObject,
  required?: string[],
): ToolSchema {
  const parameters = { type: 'object', properties, required: required ?? Object.keys(properties) };
  return { name, description, parameters };
}

export const orderStatus = tool('order_status', 'Status and carrier of an order.', {
  order_id: { type: 'string', description: 'The order number, for example A-1001' },
});

/** Returns the messages of one completed round of tool calls. */
export function toolRound(
  question: string,
  name: string,
  args: JsonObject,
  result: unknown,
): Message[] {
  const content = typeof result === 'string' ? result : JSON.stringify(result);
  return [
    { role: 'user', content: question },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_1_1', name, arguments: JSON.stringify(args) }],
    },
    { role: 'tool', content, tool_call_id: 'call_1_1' },
  ];
}

export const unabortedSignal = () => new AbortController().signal;

/** Returns the value of a successful outcome. Throws the error of a failed one. */
export function answerOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(`expected an answer, got ${JSON.stringify(outcome.error)}`);
}

/** Returns the error of a failed outcome. Throws for a successful one. */
export function errorOf(outcome: Outcome<unknown>): RunError {
  if (!outcome.ok) return outcome.error;
  throw new Error(`expected an error, got ${JSON.stringify(outcome.value)}`);
}
