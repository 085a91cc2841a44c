import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json, JsonObject } from '../../src/json/json.ts';

/** A request that the server received. `index` counts all requests from 0. */
export type FakeRequest = {
  index: number;
  path: string;
  headers: IncomingHttpHeaders;
  body: JsonObject;
  /** Resolves when the response is closed: answered, or the client has disconnected. */
  left: Promise<unknown>;
};

/** An answer of the server. The fields after `tool_calls` are for special cases and faults. */
export type FakeAnswer = {
  content?: string | null;
  tool_calls?: { id?: string; name: string; arguments: JsonObject | string }[];
  /** The vectors of `/embeddings`, one for each text. */
  vectors?: number[][];
  finish_reason?: string | null;
  /** Null omits the usage, like a server that ignores `stream_options`. */
  usage?: JsonObject | null;
  /** The HTTP status. Unless it is 200, the body is `error`, in OpenAI's format. */
  status?: number;
  headers?: Record<string, string>;
  error?: Json;
  /** A body that is sent unchanged instead of the fields above. */
  raw?: string | Uint8Array;
  /** The events of the stream, instead of the fields above. */
  chunks?: (Json | undefined)[];
  /**
   * Ends the body after this number of bytes: destroys the socket, or ends the response cleanly.
   */
  cut?: { after: number; how: 'reset' | 'end' };
  /** Sends the last event of the stream only after this promise. */
  endsAfter?: Promise<unknown>;
  /** Sends nothing, or nothing after this number of bytes, until the client disconnects. */
  stall?: 'before_headers' | number;
  /** Destroys the connection before the first byte. */
  reset?: boolean;
};

/** Answers a request. */
export type FakeHandler = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/** A running server. `url` is a base URL for a model. */
export type FakeServer = { url: string; requests: FakeRequest[]; close(): Promise<void> };

/**
 * Starts an OpenAI-compatible server for chats and embeddings on a free loopback port. An array
 * answers the nth request with its nth element, and any further request with status 500. If `keep`
 * is false, `requests` stays empty.
 */
export async function startOpenAiServer(
  script: FakeHandler | FakeAnswer[],
  { keep = true }: { keep?: boolean } = {},
): Promise<FakeServer> {
  const requests: FakeRequest[] = [];
  let count = 0;
  const handler = Array.isArray(script) ? answerInOrder(script) : script;
  const server = createServer(async (incoming, response) => {
    try {
      const { url: path = '', headers } = incoming;
      const body = await parseBody(await readAll(incoming), headers['content-type'] ?? '');
      const left = once(response, 'close');
      const request = { index: count, path, headers, body, left };
      count += 1;
      if (keep) requests.push(request);
      await send(await handler(request), request, response);
    } catch (error) {
      // Some tests disconnect the client during an answer.
      if (!response.headersSent) response.writeHead(500).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Returns the bytes of a streamed answer. */
export function streamOf(answer: FakeAnswer): Buffer {
  const events = answer.chunks ?? chunksOf(answer);
  const lines = events.map((event) => `data: ${JSON.stringify(event)}\n\n`);
  return Buffer.from(`${lines.join('')}data: [DONE]\n\n`);
}

function answerInOrder(answers: FakeAnswer[]): FakeHandler {
  return ({ index }) =>
    answers[index] ?? { status: 500, error: { message: `the fake server has no answer ${index}` } };
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Parses JSON or a form. Files and audio are represented by their number of bytes. */
async function parseBody(bytes: Buffer, type: string): Promise<JsonObject> {
  if (type.startsWith('audio/')) return { bytes: bytes.length };
  if (!type.startsWith('multipart/')) return bytes.length === 0 ? {} : JSON.parse(`${bytes}`);
  const form = await new Response(new Uint8Array(bytes), {
    headers: { 'content-type': type },
  }).formData();
  const fields = [...form].map(([name, value]) => [name, describeField(value)]);
  return Object.fromEntries(fields);
}

function describeField(value: string | File): Json {
  return typeof value === 'string'
    ? value
    : { name: value.name, type: value.type, bytes: value.size };
}

async function send(answer: FakeAnswer, request: FakeRequest, response: ServerResponse) {
  if (answer.reset) {
    response.socket?.destroy();
    return;
  }
  if (answer.stall === 'before_headers') return;
  const { type, body } = render(answer, request);
  response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers });
  const end = answer.cut?.after ?? answer.stall;
  if (end === undefined) {
    const last = answer.endsAfter ? body.lastIndexOf('data: ') : 0;
    if (last > 0) response.write(body.subarray(0, last));
    await answer.endsAfter;
    response.end(body.subarray(last));
    return;
  }
  response.flushHeaders();
  if (answer.cut?.how === 'end') response.end(body.subarray(0, end));
  else
    response.write(body.subarray(0, end), () => {
      if (answer.cut) response.socket?.destroy();
    });
}

function render(answer: FakeAnswer, request: FakeRequest): { type: string; body: Buffer } {
  if (answer.raw !== undefined) return { type: 'text/event-stream', body: Buffer.from(answer.raw) };
  const status = answer.status ?? 200;
  if (answer.error !== undefined || status !== 200) {
    const error = answer.error ?? { message: `status ${status}` };
    return { type: 'application/json', body: Buffer.from(JSON.stringify({ error })) };
  }
  if (answer.chunks === undefined && request.body.stream !== true) {
    return { type: 'application/json', body: Buffer.from(JSON.stringify(completionOf(answer))) };
  }
  return { type: 'text/event-stream; charset=utf-8', body: streamOf(answer) };
}

const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

function wireCalls(answer: FakeAnswer) {
  return (answer.tool_calls ?? []).map(({ id, name, arguments: args }, index) => ({
    index,
    id: id ?? `call_${index}`,
    type: 'function',
    function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
  }));
}

function finishReasonOf(answer: FakeAnswer): string | null {
  if (answer.finish_reason !== undefined) return answer.finish_reason;
  return answer.tool_calls?.length ? 'tool_calls' : 'stop';
}

function completionOf(answer: FakeAnswer): JsonObject {
  if (answer.vectors) return embeddingsOf(answer.vectors, answer);
  const tool_calls = wireCalls(answer);
  const message = {
    role: 'assistant',
    content: answer.content ?? null,
    ...(tool_calls.length > 0 ? { tool_calls } : {}),
  };
  const choice = { index: 0, message, finish_reason: finishReasonOf(answer) };
  const usage = answer.usage === undefined ? USAGE : answer.usage;
  return { id: 'fake', object: 'chat.completion', choices: [choice], ...(usage ? { usage } : {}) };
}

function embeddingsOf(vectors: number[][], { usage }: FakeAnswer): JsonObject {
  const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }));
  const counted = usage === undefined ? { prompt_tokens: 11, total_tokens: 11 } : usage;
  return { object: 'list', data, model: 'm', ...(counted ? { usage: counted } : {}) };
}

/**
 * Returns the events in OpenAI's order: role, words, each call with its arguments in pieces, finish
 * reason, usage.
 */
function chunksOf(answer: FakeAnswer): JsonObject[] {
  const chunk = (delta: JsonObject, finish_reason: string | null = null): JsonObject => ({
    id: 'fake',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason }],
  });
  const text = answer.content?.match(/\s*\S+|\s+/g) ?? [];
  const calls = wireCalls(answer).flatMap(({ function: fn, ...head }) => [
    chunk({ tool_calls: [{ ...head, function: { name: fn.name, arguments: '' } }] }),
    ...(fn.arguments.match(/[\s\S]{1,8}/g) ?? []).map((piece) =>
      chunk({ tool_calls: [{ index: head.index, function: { arguments: piece } }] }),
    ),
  ]);
  const usage = answer.usage === undefined ? USAGE : answer.usage;
  return [
    chunk({ role: 'assistant', content: '' }),
    ...text.map((content) => chunk({ content })),
    ...calls,
    chunk({}, finishReasonOf(answer)),
    ...(usage ? [{ id: 'fake', object: 'chat.completion.chunk', choices: [], usage }] : []),
  ];
}
