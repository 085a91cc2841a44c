import type { CreateMessageRequest } from '@modelcontextprotocol/client';
import type { Sampling } from '../../../contracts/agents/call-host.ts';
import type { ModelRef } from '../../../contracts/agents/model.ts';
import type { Message } from '../../../contracts/runs/message.ts';
import type { JsonObject } from '../../../json/json.ts';

/** Most tokens of one answer. */
const MAX_TOKENS = 4_096;
const MAX_MESSAGES = 50;
/** The largest request, including images. */
const MAX_BYTES = 262_144;

type Params = CreateMessageRequest['params'];
type Part = Extract<Params['messages'][number]['content'], { type: string }>;

/**
 * Converts a sampling request, or returns a fault. The conversation of the run is never sent,
 * whatever the server requests.
 */
export function samplingOf(
  params: Params,
  server: string,
  model: ModelRef,
): Sampling | { fault: string } {
  const { messages, systemPrompt, maxTokens, temperature } = params;
  if (messages.length === 0 || messages.length > MAX_MESSAGES) {
    return { fault: `a sampling request takes 1 to ${MAX_MESSAGES} messages` };
  }
  if (Buffer.byteLength(JSON.stringify([messages, systemPrompt])) > MAX_BYTES) {
    return { fault: `a sampling request takes at most ${MAX_BYTES} bytes` };
  }
  const converted = messages.map(messageOf);
  const fault = converted.find((one): one is { fault: string } => 'fault' in one);
  if (fault) return fault;
  const system: Message[] = systemPrompt ? [{ role: 'system', content: systemPrompt }] : [];
  return {
    server,
    model,
    messages: [...system, ...(converted as Message[])],
    max_tokens: Math.max(1, Math.min(Math.floor(maxTokens) || MAX_TOKENS, MAX_TOKENS)),
    ...(typeof temperature === 'number' ? { temperature } : {}),
  };
}

function messageOf({ role, content }: Params['messages'][number]): Message | { fault: string } {
  const parts = (Array.isArray(content) ? content : [content]) as Part[];
  const unsupported = parts.find(({ type }) => type !== 'text' && type !== 'image');
  if (unsupported || (role === 'assistant' && parts.some(({ type }) => type === 'image'))) {
    return {
      fault: `a sampling request cannot contain ${unsupported?.type ?? 'images of the assistant'}`,
    };
  }
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  const images = parts.flatMap((part): JsonObject[] =>
    part.type === 'image'
      ? [{ type: 'image_url', image_url: { url: `data:${part.mimeType};base64,${part.data}` } }]
      : [],
  );
  const text = texts.join('\n');
  return {
    role,
    content: text,
    ...(images.length > 0 ? { parts: [{ type: 'text', text }, ...images] } : {}),
  };
}
