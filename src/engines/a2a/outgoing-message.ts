import { type Message, type Part, Role } from '@a2a-js/sdk';
import type { ModelCallContext, ModelRequest } from '../../contracts/agents/model.ts';
import type { Message as LogMessage, RemoteTaskPart } from '../../contracts/runs/message.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';

/**
 * Returns the message that continues a conversation with a remote agent. The agent knows what it
 * was sent before in its context, so only later messages are sent. The first message of a context
 * starts with the instruction and the earlier turns. The id of the message is the idempotency key
 * of the answer, so that a repeated request is recognizable.
 */
export function outgoingMessage(
  { model, messages }: ModelRequest,
  { run }: Pick<ModelCallContext, 'run'>,
): Message {
  const at = messages.findLastIndex((message) => taskIn(message, model.base_url) !== undefined);
  const task = messages[at] && taskIn(messages[at], model.base_url);
  const isOpen = task?.continued_by !== undefined && task.continued_by === run?.execution_id;
  const { metadata } = model.request_params;
  return {
    messageId: run?.idempotency_key ?? crypto.randomUUID(),
    contextId: task?.context_id ?? '',
    taskId: isOpen ? task.task_id : '',
    role: Role.ROLE_USER,
    parts: partsOf(messages.slice(at + 1)),
    metadata: isJsonObject(metadata ?? null) ? (metadata as JsonObject) : undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

function taskIn({ role, parts }: LogMessage, url: string | null): RemoteTaskPart | undefined {
  if (role !== 'assistant') return undefined;
  const isOfUrl = (part: JsonObject) => part.type === 'remote_task' && part.url === url;
  return parts?.find(isOfUrl) as RemoteTaskPart | undefined;
}

/** Returns the text of the parts, from which the tokens of a request are estimated. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('\n');
}

function partsOf(messages: readonly LogMessage[]): Part[] {
  const conversation = messages.filter(({ role }) => role !== 'system');
  const at = conversation.findLastIndex(({ role }) => role !== 'assistant');
  const instruction = messages.flatMap((message) =>
    message.role === 'system' && message.content ? [message.content] : [],
  );
  const earlier = conversation.slice(0, Math.max(at, 0)).map(transcriptLine);
  const transcript = earlier.length > 0 ? [`Earlier messages:\n\n${earlier.join('\n\n')}`] : [];
  const last = conversation[at];
  return [...instruction, ...transcript].map(textPart).concat(last ? contentOf(last) : []);
}

function transcriptLine({ role, content, tool_calls }: LogMessage): string {
  const speakers = { system: 'System', user: 'User', assistant: 'Agent', tool: 'Answer' };
  const calls = (tool_calls ?? []).map((call) => `${call.name} ${call.arguments}`);
  return `${speakers[role]}: ${[content ?? '', ...calls].filter((part) => part !== '').join('\n')}`;
}

function contentOf({ content, parts }: LogMessage): Part[] {
  const others = (parts ?? []).flatMap((part) => partOf(part, content));
  return [...(content ? [textPart(content)] : []), ...others];
}

/** Converts an OpenAI content part. A text that repeats the content is left out. */
function partOf(part: JsonObject, content: string | null): Part[] {
  const { type, text, image_url, file, input_audio } = part;
  if (type === 'text' && typeof text === 'string') return text === content ? [] : [textPart(text)];
  if (isJsonObject(image_url ?? null)) return urlPart((image_url as JsonObject).url, '');
  if (isJsonObject(file ?? null)) {
    const { file_data, filename } = file as JsonObject;
    return urlPart(file_data, typeof filename === 'string' ? filename : '');
  }
  if (!isJsonObject(input_audio ?? null)) return [];
  const { data, format } = input_audio as JsonObject;
  return [rawPart(Buffer.from(String(data), 'base64'), `audio/${format}`, '')];
}

/** Converts the URL of a file. The bytes of a data URL are sent as they are. */
function urlPart(url: unknown, filename: string): Part[] {
  if (typeof url !== 'string') return [];
  const [, mediaType = '', data = ''] = /^data:([^,]*?);base64,(.*)$/s.exec(url) ?? [];
  if (data !== '') return [rawPart(Buffer.from(data, 'base64'), mediaType, filename)];
  return [{ content: { $case: 'url', value: url }, metadata: undefined, filename, mediaType: '' }];
}

function rawPart(value: Buffer, mediaType: string, filename: string): Part {
  return { content: { $case: 'raw', value }, metadata: undefined, filename, mediaType };
}

function textPart(value: string): Part {
  const mediaType = 'text/plain';
  return { content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType };
}
