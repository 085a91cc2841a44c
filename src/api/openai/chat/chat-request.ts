import { z } from 'zod';
import type { Message } from '../../../contracts/runs/message.ts';
import type { Json, JsonObject } from '../../../json/json.ts';
import { object } from '../../../resources/fields.ts';
import type { ConversationTurn } from '../../conversation-protocols/conversation-runs.ts';
import { callResultOf, functionSchema, toolChoice, toolsFor } from '../client-tools.ts';
import { invalidParameter, unsupportedParameter } from '../openai-errors.ts';

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const content = z.union([z.string(), z.array(part)]);

const call = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const message = z.discriminatedUnion('role', [
  z.looseObject({ role: z.literal('system'), content }),
  z.looseObject({ role: z.literal('developer'), content }),
  z.looseObject({ role: z.literal('user'), content }),
  z.looseObject({
    role: z.literal('assistant'),
    content: content.nullish(),
    tool_calls: z.array(call).nullish(),
  }),
  z.looseObject({ role: z.literal('tool'), content, tool_call_id: z.string() }),
]);
type ChatMessage = z.output<typeof message>;

/**
 * The accepted fields of a request. Fields that tune a model are ignored, because the agent sets
 * them.
 */
export const chatRequest = z
  .looseObject({
    model: z.string().describe('The name of an agent or workflow'),
    messages: z
      .array(message)
      .min(1)
      .max(10_000)
      .describe('The last message is from the user or a tool'),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    tools: z
      .array(z.looseObject({ type: z.string(), function: functionSchema.optional() }))
      .nullish()
      .describe('Tools of type function, called by the client'),
    tool_choice: toolChoice,
    n: z.int().nullish().describe('At most 1, since there is one answer'),
    logprobs: z.boolean().nullish(),
    modalities: z.array(z.string()).nullish(),
    response_format: z.looseObject({ type: z.string() }).nullish(),
    functions: z.unknown().optional().describe('Not supported: send tools'),
    user: z.string().nullish(),
    metadata: object.nullish().describe('Metadata of the run'),
  })
  .meta({ id: 'ChatCompletionRequest' });
export type ChatRequest = z.output<typeof chatRequest>;

/**
 * Returns the turn that a list of messages stands for. Throws if the request asks for something
 * that is not supported.
 */
export function turnOfChat(request: ChatRequest): ConversationTurn {
  refuseUnsupported(request);
  const { model, messages, tools, tool_choice, user, metadata } = request;
  const base = {
    model,
    metadata: { ...(metadata as JsonObject), ...(user != null && { user }) },
    tools: toolsFor((tools ?? []).map(functionOf), tool_choice),
  };
  const lastNonResult = messages.findLastIndex(({ role }) => role !== 'tool');
  const at = messages.length - 1;
  if (lastNonResult < at) {
    const results = messages.slice(lastNonResult + 1).flatMap((one, index) => {
      const field = `messages[${lastNonResult + 1 + index}].tool_call_id`;
      return one.role === 'tool'
        ? [callResultOf(field, one.tool_call_id, textOf(one.content))]
        : [];
    });
    return { ...base, input: '', parts: [], history: [], results };
  }
  const last = messages[at] as ChatMessage;
  if (last.role !== 'user') {
    const hint = 'Put the message that the agent has to answer last.';
    throw invalidParameter(
      `messages[${at}].role`,
      'the last message must be from the user or a tool',
      hint,
    );
  }
  const lastContent = partsOf(last.content);
  const history = messages.slice(0, at).map(asHistory);
  return { ...base, input: lastContent.text, parts: lastContent.others, history, results: [] };
}

function refuseUnsupported({ n, logprobs, modalities, response_format, functions }: ChatRequest) {
  if (n != null && n !== 1)
    throw unsupportedParameter('n', 'more than one answer is not supported', 'Send n = 1.');
  if (logprobs)
    throw unsupportedParameter('logprobs', 'logprobs are not supported', 'Leave it out.');
  if (modalities?.some((one) => one !== 'text')) {
    throw unsupportedParameter(
      'modalities',
      'only text answers are supported',
      'Send modalities = ["text"].',
    );
  }
  refuseFormat('response_format', response_format?.type);
  if (functions != null) {
    throw unsupportedParameter('functions', 'functions are not supported', 'Send tools instead.');
  }
}

/** Rejects any format but text, because the agent sets the format of its answers. */
export function refuseFormat(param: string, type: string | undefined): void {
  if (type === undefined || type === 'text') return;
  const hint = 'Set output_schema of the agent; its answers satisfy this schema.';
  throw unsupportedParameter(param, 'the format of an answer is set by the agent', hint);
}

function functionOf(
  tool: { type: string; function?: z.output<typeof functionSchema> | undefined },
  index: number,
) {
  if (tool.type === 'function' && tool.function) return tool.function;
  const hint = 'Assign tools of the server to the agent.';
  throw unsupportedParameter(
    `tools[${index}].type`,
    'a client can only provide tools of type function',
    hint,
  );
}

function asHistory(one: ChatMessage): Message {
  switch (one.role) {
    case 'tool':
      return { role: 'tool', content: textOf(one.content), tool_call_id: one.tool_call_id };
    case 'assistant': {
      const calls = (one.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
        id,
        name,
        arguments: args,
      }));
      const content = textOf(one.content ?? '');
      return { role: 'assistant', content, ...(calls.length > 0 && { tool_calls: calls }) };
    }
    case 'user': {
      const { text, others } = partsOf(one.content);
      return { role: 'user', content: text, ...(others.length > 0 && { parts: others }) };
    }
    default:
      return { role: 'system', content: textOf(one.content) };
  }
}

type Content = z.output<typeof content>;

/** Returns the text of a content, and the parts that are not plain text. */
function partsOf(value: Content): { text: string; others: JsonObject[] } {
  if (typeof value === 'string') return { text: value, others: [] };
  const texts = value.flatMap(({ type, text }) =>
    type === 'text' && text !== undefined ? [text] : [],
  );
  const others = value.filter(({ type }) => type !== 'text');
  return { text: texts.join('\n'), others: others.map((one) => one as Record<string, Json>) };
}

function textOf(value: Content): string {
  return partsOf(value).text;
}
