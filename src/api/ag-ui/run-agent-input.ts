import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { ConversationTurn } from '../conversation-protocols/conversation-runs.ts';
import { chatRequest, turnOfChat } from '../openai/chat/chat-request.ts';
import { invalidParameter } from '../openai/openai-errors.ts';

const source = z.looseObject({
  type: z.string(),
  value: z.string().optional(),
  mimeType: z.string().nullish(),
});
const part = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  source: source.optional(),
});
const content = z.union([z.string(), z.array(part)]);

const message = z.discriminatedUnion('role', [
  z.looseObject({ role: z.enum(['system', 'developer', 'user']), content }),
  z.looseObject({
    role: z.literal('assistant'),
    content: z.string().nullish(),
    toolCalls: z
      .array(
        z.looseObject({
          id: z.string(),
          function: z.looseObject({ name: z.string(), arguments: z.string() }),
        }),
      )
      .nullish(),
  }),
  z.looseObject({ role: z.literal('tool'), content, toolCallId: z.string() }),
  // Shown to users, no part of the conversation.
  z.looseObject({ role: z.enum(['activity', 'reasoning']) }),
]);
type AgUiMessage = z.output<typeof message>;

/** Schema of the `RunAgentInput` of AG-UI. */
export const runAgentInput = z.looseObject({
  threadId: z.string(),
  runId: z.string(),
  parentRunId: z.string().nullish(),
  state: z.unknown().optional(),
  messages: z.array(message).max(10_000),
  tools: z
    .array(
      z.looseObject({
        name: z.string(),
        description: z.string().nullish(),
        parameters: z.looseObject({}).nullish(),
      }),
    )
    .nullish(),
  context: z.array(z.looseObject({ description: z.string(), value: z.string() })).nullish(),
  forwardedProps: z.unknown().optional(),
  resume: z
    .array(
      z.looseObject({
        interruptId: z.string(),
        status: z.enum(['resolved', 'cancelled']),
        payload: z.unknown().optional(),
      }),
    )
    .nullish(),
});
export type RunAgentInput = z.output<typeof runAgentInput>;

/**
 * Returns the turn that an input stands for: its messages in the format of chat completions, after
 * a message with the context and state of the interface.
 */
export function turnOfInput(agent: string, input: RunAgentInput): ConversationTurn {
  const { threadId, runId, parentRunId, messages, tools, forwardedProps } = input;
  const chatMessages = messages.flatMap((one, index) => chatMessage(one, `messages[${index}]`));
  if (chatMessages.length === 0) {
    throw invalidParameter(
      'messages',
      'no message needs an answer',
      'Put the message that the agent has to answer last.',
    );
  }
  const request = chatRequest.parse({
    model: agent,
    messages: [...contextMessages(input), ...chatMessages],
    tools: (tools ?? []).map((tool) => ({ type: 'function', function: tool })),
  });
  const metadata = {
    ag_ui_thread_id: threadId,
    ag_ui_run_id: runId,
    ...(parentRunId != null && { ag_ui_parent_run_id: parentRunId }),
    ...(!isEmpty(forwardedProps) && { forwarded_props: forwardedProps as Json }),
  };
  return { ...turnOfChat(request), metadata };
}

/** Returns a message with the context and the state of the interface, if there are any. */
function contextMessages({ context, state }: RunAgentInput): JsonObject[] {
  const lines = [
    ...(context ?? []).map(({ description, value }) => `${description}: ${value}`),
    ...(isEmpty(state) ? [] : [`The state of the user interface: ${JSON.stringify(state)}`]),
  ];
  return lines.length === 0 ? [] : [{ role: 'system', content: lines.join('\n') }];
}

function isEmpty(value: unknown): boolean {
  return (
    value == null || (isJsonObject(value as Json) && Object.keys(value as object).length === 0)
  );
}

function chatMessage(one: AgUiMessage, field: string): JsonObject[] {
  switch (one.role) {
    case 'activity':
    case 'reasoning':
      return [];
    case 'tool':
      return [{ role: 'tool', content: partsOf(one.content, field), tool_call_id: one.toolCallId }];
    case 'assistant': {
      const calls = (one.toolCalls ?? []).map(({ id, function: called }) => ({
        id,
        function: { name: called.name, arguments: called.arguments },
      }));
      const assistantMessage = { role: 'assistant', content: one.content ?? '' };
      return [calls.length > 0 ? { ...assistantMessage, tool_calls: calls } : assistantMessage];
    }
    default:
      return [{ role: one.role, content: partsOf(one.content, field) }];
  }
}

function partsOf(value: z.output<typeof content>, field: string): Json {
  if (typeof value === 'string') return value;
  return value.map(({ type, text, source: from }, index): JsonObject => {
    if (type === 'text' && text !== undefined) return { type: 'text', text };
    const mime = from?.mimeType ?? 'application/octet-stream';
    const url = from?.type === 'data' ? `data:${mime};base64,${from.value ?? ''}` : from?.value;
    if (type === 'image' && url !== undefined) return { type: 'image_url', image_url: { url } };
    if (type === 'document' && from?.type === 'data' && url !== undefined) {
      return { type: 'file', file: { filename: 'document', file_data: url } };
    }
    const at = `${field}.content[${index}]`;
    const hint = 'Use text, image, or document with its data.';
    throw invalidParameter(at, `${at} is not a supported part`, hint);
  });
}
