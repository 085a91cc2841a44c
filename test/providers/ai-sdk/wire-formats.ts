import { crc32 } from 'node:zlib';
import type { JsonObject } from '../../../src/json/json.ts';
import type { CachedUsage } from './anthropic-cache.ts';
import { responsesEvents } from './responses-events.ts';

/** The formats in which vendors stream an answer. */
export type WireFormat = 'anthropic' | 'google' | 'cohere' | 'bedrock' | 'openai' | 'responses';

/** An answer of a vendor, independent of the format. */
export type VendorAnswer = {
  words?: string[];
  /** A search that the vendor runs before the words, with a text before it (Anthropic). */
  search?: { query: string; url: string };
  /** The signature of the last word (Gemini). */
  signature?: string;
  thought?: { text: string; signature: string };
  calls?: { name: string; arguments: JsonObject; signature?: string }[];
  /** The usage in the vendor's own form, else that of `USAGE` (Anthropic). */
  usage?: CachedUsage & { output_tokens: number };
  /** Set if the vendor withholds the answer. */
  isFiltered?: boolean;
  /** The finish reason of Anthropic, Bedrock, Cohere or Gemini, else the one that fits. */
  finish?: string;
  /** Set for a stream that ends without its final event. */
  isCut?: boolean;
};

/** The usage of every answer: 100 input tokens, of which 64 were cached, and 20 output tokens. */
export const USAGE = { tokens_in: 100, tokens_out: 20, cached_tokens: 64 };

/** Encodes an answer as the pieces of a stream, one for each event. */
export function encodeAnswer(format: WireFormat, answer: VendorAnswer): Buffer[] {
  const events = ENCODERS[format](answer);
  const sent = answer.isCut ? events.slice(0, -2) : events;
  if (format === 'bedrock') return sent.map(eventStreamFrame);
  return sent.map((event) => {
    const name = format === 'anthropic' ? `event: ${event.type}\n` : '';
    return Buffer.from(`${name}data: ${event.done ? '[DONE]' : JSON.stringify(event)}\n\n`);
  });
}

const ENCODERS: Record<WireFormat, (answer: VendorAnswer) => JsonObject[]> = {
  anthropic: anthropicEvents,
  google: googleEvents,
  cohere: cohereEvents,
  bedrock: bedrockEvents,
  openai: openaiEvents,
  responses: responsesEvents,
};

const ANTHROPIC_USAGE = { input_tokens: 36, cache_read_input_tokens: 64, output_tokens: 20 };

function anthropicEvents(answer: VendorAnswer) {
  const { words = [], search, thought, calls = [], isFiltered } = answer;
  const { output_tokens, ...read } = answer.usage ?? ANTHROPIC_USAGE;
  const usage = { ...read, output_tokens: 1 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [] };
  let index = -1;
  const block = (content_block: JsonObject, deltas: JsonObject[]): JsonObject[] => {
    index += 1;
    return [
      { type: 'content_block_start', index, content_block },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ];
  };
  const ended = isFiltered ? 'refusal' : calls.length > 0 ? 'tool_use' : 'end_turn';
  const stop_reason = answer.finish ?? ended;
  return [
    { type: 'message_start', message: { ...message, stop_reason: null, usage } },
    ...(thought
      ? block({ type: 'thinking', thinking: '', signature: '' }, [
          { type: 'thinking_delta', thinking: thought.text },
          { type: 'signature_delta', signature: thought.signature },
        ])
      : []),
    ...(search ? searchBlocks(search).flatMap(({ start, deltas }) => block(start, deltas)) : []),
    ...(words.length > 0
      ? block(
          { type: 'text', text: '' },
          words.map((text) => ({ type: 'text_delta', text })),
        )
      : []),
    ...calls.flatMap(({ name, arguments: input }, at) =>
      block({ type: 'tool_use', id: `toolu_${at}`, name, input: {} }, [
        { type: 'input_json_delta', partial_json: JSON.stringify(input) },
      ]),
    ),
    { type: 'message_delta', delta: { stop_reason }, usage: { output_tokens } },
    { type: 'message_stop' },
  ];
}

/** Returns the blocks of a search by Anthropic's own tool: a text, the call and its result. */
function searchBlocks({ query, url }: { query: string; url: string }) {
  const found = { type: 'web_search_result', url, title: 'News', page_age: null };
  const id = 'srvtoolu_1';
  return [
    { start: { type: 'text', text: '' }, deltas: [{ type: 'text_delta', text: 'Let me look. ' }] },
    {
      start: { type: 'server_tool_use', id, name: 'web_search', input: {} },
      deltas: [{ type: 'input_json_delta', partial_json: JSON.stringify({ query }) }],
    },
    {
      start: {
        type: 'web_search_tool_result',
        tool_use_id: id,
        content: [{ ...found, encrypted_content: 'EqgfCioIARgBIiQ3YTA==' }],
      },
      deltas: [],
    },
  ];
}

function googleEvents(answer: VendorAnswer) {
  const { words = [], signature: last, thought, calls = [], isFiltered } = answer;
  const chunk = (part: JsonObject) => ({
    candidates: [{ content: { role: 'model', parts: [part] } }],
  });
  const usageMetadata = {
    promptTokenCount: 100,
    candidatesTokenCount: 20,
    cachedContentTokenCount: 64,
    totalTokenCount: 120,
  };
  const finishReason = answer.finish ?? (isFiltered ? 'SAFETY' : 'STOP');
  return [
    ...(thought
      ? [chunk({ text: thought.text, thought: true, thoughtSignature: thought.signature })]
      : []),
    ...words.map((text, at) =>
      chunk({ text, ...(last && at === words.length - 1 && { thoughtSignature: last }) }),
    ),
    ...calls.map(({ name, arguments: args, signature }) =>
      chunk({
        functionCall: { name, args },
        ...(signature ? { thoughtSignature: signature } : {}),
      }),
    ),
    { candidates: [{ content: { role: 'model', parts: [] } }] },
    { candidates: [{ content: { role: 'model', parts: [] }, finishReason }], usageMetadata },
    { usageMetadata },
  ];
}

function cohereEvents({ words = [], calls = [], finish }: VendorAnswer) {
  const content = { type: 'text', text: '' };
  const usage = { tokens: { input_tokens: 100, output_tokens: 20 }, cached_tokens: 64 };
  const finish_reason = finish ?? (calls.length > 0 ? 'TOOL_CALL' : 'COMPLETE');
  return [
    { type: 'message-start', id: 'm1' },
    ...(words.length > 0
      ? [
          { type: 'content-start', index: 0, delta: { message: { content } } },
          ...words.map((text) => ({
            type: 'content-delta',
            index: 0,
            delta: { message: { content: { text } } },
          })),
          { type: 'content-end', index: 0 },
        ]
      : []),
    ...calls.flatMap(({ name, arguments: args }, index): JsonObject[] => {
      const call = { id: `call_${index}`, type: 'function', function: { name, arguments: '' } };
      const piece = { function: { arguments: JSON.stringify(args) } };
      return [
        { type: 'tool-call-start', index, delta: { message: { tool_calls: call } } },
        { type: 'tool-call-delta', index, delta: { message: { tool_calls: piece } } },
        { type: 'tool-call-end', index },
      ];
    }),
    { type: 'message-end', delta: { finish_reason, usage } },
    { done: true },
  ];
}

function bedrockEvents({ words = [], calls = [], isFiltered, finish }: VendorAnswer) {
  const ended = calls.length > 0 ? 'tool_use' : 'end_turn';
  const stopReason = finish ?? (isFiltered ? 'guardrail_intervened' : ended);
  const usage = {
    inputTokens: 36,
    outputTokens: 20,
    totalTokens: 120,
    cacheReadInputTokens: 64,
    cacheWriteInputTokens: 0,
  };
  return [
    { messageStart: { role: 'assistant' } },
    ...words.map((text) => ({ contentBlockDelta: { contentBlockIndex: 0, delta: { text } } })),
    ...(words.length > 0 ? [{ contentBlockStop: { contentBlockIndex: 0 } }] : []),
    ...calls.flatMap(({ name, arguments: args }, at): JsonObject[] => {
      const contentBlockIndex = at + 1;
      const toolUse = { toolUseId: `tooluse_${at}`, name };
      return [
        { contentBlockStart: { contentBlockIndex, start: { toolUse } } },
        {
          contentBlockDelta: {
            contentBlockIndex,
            delta: { toolUse: { input: JSON.stringify(args) } },
          },
        },
        { contentBlockStop: { contentBlockIndex } },
      ];
    }),
    { messageStop: { stopReason } },
    { metadata: { usage } },
  ];
}

function openaiEvents({ words = [], thought, calls = [], isFiltered }: VendorAnswer) {
  const chunk = (delta: JsonObject, finish_reason: string | null = null) => ({
    id: 'c1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason }],
  });
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 20,
    total_tokens: 120,
    prompt_tokens_details: { cached_tokens: 64 },
    prompt_cache_hit_tokens: 64,
    prompt_cache_miss_tokens: 36,
  };
  const finish = isFiltered ? 'content_filter' : calls.length > 0 ? 'tool_calls' : 'stop';
  return [
    ...(thought ? [chunk({ role: 'assistant', reasoning_content: thought.text })] : []),
    ...words.map((content) => chunk({ role: 'assistant', content })),
    ...calls.map(({ name, arguments: args }, index) =>
      chunk({
        role: 'assistant',
        tool_calls: [
          {
            index,
            id: `call${String(index).padStart(5, '0')}`,
            type: 'function',
            function: { name, arguments: JSON.stringify(args) },
          },
        ],
      }),
    ),
    { ...chunk({}, finish), usage, x_groq: { id: 'req', usage } },
    { done: true },
  ];
}

/** Encodes an event of AWS: lengths, their checksum, headers, payload, checksum. */
function eventStreamFrame(event: JsonObject): Buffer {
  const [name = ''] = Object.keys(event);
  const payload = Buffer.from(JSON.stringify(event[name]));
  const headers = Buffer.concat([
    header(':event-type', name),
    header(':content-type', 'application/json'),
    header(':message-type', 'event'),
  ]);
  const frame = Buffer.alloc(16 + headers.length + payload.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(headers.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  headers.copy(frame, 12);
  payload.copy(frame, 12 + headers.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4);
  return frame;
}

function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(3);
  length.writeUInt8(7, 0); // the value is a string
  length.writeUInt16BE(value.length, 1);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)]);
}
