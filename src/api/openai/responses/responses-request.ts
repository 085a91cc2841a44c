import { z } from 'zod';
import type { Message } from '../../../contracts/runs/message.ts';
import type { Json, JsonObject } from '../../../json/json.ts';
import { object } from '../../../resources/fields.ts';
import type {
  CallResult,
  ConversationTurn,
} from '../../conversation-protocols/conversation-runs.ts';
import { refuseFormat } from '../chat/chat-request.ts';
import { callResultOf, functionSchema, toolChoice, toolsFor } from '../client-tools.ts';
import { invalidParameter, unsupportedParameter } from '../openai-errors.ts';

const part = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(part)]);

const messageInput = z.looseObject({
  type: z.literal('message').optional(),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
});
const call = z.looseObject({
  type: z.literal('function_call'),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const result = z.looseObject({
  type: z.literal('function_call_output'),
  call_id: z.string(),
  output: content,
});
/** Reasoning of a model. It is accepted and not passed on. */
const reasoning = z.looseObject({ type: z.literal('reasoning') });
const item = z.union([messageInput, call, result, reasoning]);
type Item = z.output<typeof item>;

function isMessageInput(one: Item): one is z.output<typeof messageInput> {
  return one.type === undefined || one.type === 'message';
}

/**
 * The accepted fields of a request. Fields that tune a model are ignored, because the agent sets
 * them.
 */
export const responsesRequest = z
  .looseObject({
    model: z.string().describe('The name of an agent or workflow'),
    input: z.union([z.string(), z.array(item).min(1).max(10_000)]),
    instructions: z
      .string()
      .nullish()
      .describe('Instructions for this turn, added after the prompt of the agent'),
    previous_response_id: z.string().nullish().describe('The previous turn'),
    store: z
      .boolean()
      .nullish()
      .describe('false: a turn that continues from this response starts a new session'),
    stream: z.boolean().nullish(),
    background: z.boolean().nullish().describe('true is not supported'),
    conversation: z.unknown().optional().describe('Not supported: send previous_response_id'),
    prompt: z.unknown().optional().describe('Not supported: prompts belong to agents'),
    tools: z
      .array(z.looseObject({ type: z.string() }))
      .nullish()
      .describe('Tools of type function, called by the client'),
    tool_choice: toolChoice,
    text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
    user: z.string().nullish(),
    metadata: object.nullish().describe('Metadata of the run'),
  })
  .meta({ id: 'OpenAiResponseRequest' });
export type ResponsesRequest = z.output<typeof responsesRequest>;

/**
 * Returns the turn that a list of items stands for. Throws if the request asks for something that
 * is not supported.
 */
export function turnOfResponse(request: ResponsesRequest): ConversationTurn {
  refuseUnsupported(request);
  const { model, input, instructions, tools, tool_choice, user, metadata } = request;
  const base = {
    model,
    metadata: { ...(metadata as JsonObject), ...(user != null && { user }) },
    tools: toolsFor((tools ?? []).map(functionOf), tool_choice),
  };
  const systemMessages: Message[] = instructions ? [{ role: 'system', content: instructions }] : [];
  if (typeof input === 'string') {
    return { ...base, input, parts: [], history: systemMessages, results: [] };
  }
  const last = input.at(-1) as Item;
  if (last.type === 'function_call_output') {
    return { ...base, input: '', parts: [], history: [], results: resultsAtEnd(input) };
  }
  if (!isMessageInput(last) || last.role !== 'user') {
    const field = `input[${input.length - 1}]`;
    throw invalidParameter(
      field,
      'the last item must be a message of the user or the output of a call',
    );
  }
  const { text, others } = partsOf(`input[${input.length - 1}].content`, last.content);
  const history = [...systemMessages, ...historyOf(input.slice(0, -1))];
  return { ...base, input: text, parts: others, history, results: [] };
}

function refuseUnsupported({ background, conversation, prompt, text }: ResponsesRequest): void {
  if (background) {
    const hint =
      'Leave it out. A run continues when its client disconnects; follow it by GraphQL or REST.';
    throw unsupportedParameter('background', 'background responses are not supported', hint);
  }
  if (conversation != null) {
    throw unsupportedParameter(
      'conversation',
      'conversations are not supported',
      'Send previous_response_id.',
    );
  }
  if (prompt != null) {
    throw unsupportedParameter(
      'prompt',
      'prompts are set in agents, not in requests',
      'Set the prompt of the agent.',
    );
  }
  refuseFormat('text.format', text?.format?.type);
}

function functionOf(tool: { type: string }, index: number) {
  const hint = 'Assign tools of the server to the agent.';
  if (tool.type !== 'function') {
    throw unsupportedParameter(
      `tools[${index}].type`,
      'a client can only provide tools of type function',
      hint,
    );
  }
  const parsed = functionSchema.safeParse(tool);
  if (parsed.success) return parsed.data;
  throw invalidParameter(`tools[${index}]`, `tools[${index}] is not a function`);
}

function resultsAtEnd(items: readonly Item[]): CallResult[] {
  const from = items.findLastIndex(({ type }) => type !== 'function_call_output') + 1;
  return items.slice(from).flatMap((one, index) => {
    if (one.type !== 'function_call_output') return [];
    const field = `input[${from + index}]`;
    const { text } = partsOf(`${field}.output`, one.output);
    return [callResultOf(`${field}.call_id`, one.call_id, text)];
  });
}

/**
 * Returns the history in a list of items. Consecutive calls belong to one answer, together with the
 * text just before them.
 */
function historyOf(items: readonly Item[]): Message[] {
  const history: Message[] = [];
  items.forEach((one, index) => {
    if (one.type === 'function_call') {
      const { call_id: id, name, arguments: args } = one;
      const last = history.at(-1);
      const answer =
        last?.role === 'assistant' ? last : { role: 'assistant' as const, content: '' };
      if (answer !== last) history.push(answer);
      answer.tool_calls = [...(answer.tool_calls ?? []), { id, name, arguments: args }];
    } else if (one.type === 'function_call_output') {
      const { text } = partsOf(`input[${index}].output`, one.output);
      history.push({ role: 'tool', content: text, tool_call_id: one.call_id });
    } else if (isMessageInput(one)) {
      const { text, others } = partsOf(`input[${index}].content`, one.content);
      const role = one.role === 'developer' ? 'system' : one.role;
      history.push({ role, content: text, ...(others.length > 0 && { parts: others }) });
    }
  });
  return history;
}

/** Returns the text of a content, and its images and files in the format of chat completions. */
function partsOf(field: string, value: z.output<typeof content>) {
  const texts: string[] = [];
  const others: JsonObject[] = [];
  if (typeof value === 'string') return { text: value, others };
  value.forEach((one, index) => {
    const { type, text, image_url, filename, file_data } = one as Record<string, Json>;
    if (['input_text', 'output_text', 'text'].includes(String(type)) && typeof text === 'string') {
      texts.push(text);
    } else if (type === 'input_image' && typeof image_url === 'string') {
      others.push({ type: 'image_url', image_url: { url: image_url } });
    } else if (type === 'input_file' && typeof file_data === 'string') {
      others.push({ type: 'file', file: { filename: String(filename ?? 'file'), file_data } });
    } else if (type !== 'refusal') {
      const hint = 'Use input_text, input_image with image_url, or input_file with file_data.';
      throw invalidParameter(
        `${field}[${index}]`,
        `${field}[${index}] is not a supported part`,
        hint,
      );
    }
  });
  return { text: texts.join('\n'), others };
}
