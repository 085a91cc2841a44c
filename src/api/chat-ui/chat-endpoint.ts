import type { FastifyInstance } from 'fastify';
import { noSuch } from '../../resources/request-refusal.ts';
import {
  type ProtocolRequest,
  registerConversationEndpoint,
  wantsTree,
} from '../conversation-protocols/conversation-endpoint.ts';
import { cancelConversationRun } from '../conversation-protocols/conversation-runs.ts';
import { followRun } from '../events/follow-run.ts';
import { onAbort } from '../http/on-abort.ts';
import type { Leaving, OpenRequests } from '../limits/open-requests.ts';
import { permitBody } from '../login/rights.ts';
import { writeEvents } from '../openai/event-writer.ts';
import { cancelsWhenLeft, unlessOver } from '../openai/openai-request.ts';
import { readBody } from '../openai/read-body.ts';
import type { RestOptions } from '../rest/serve.ts';
import { sendChatMessage } from './chat-paths.ts';
import { type ChatRun, findLiveRun, startChatRun } from './chat-runs.ts';
import { readTurn, uiChatRequest } from './ui-chat-request.ts';
import { type UiChunk, UiMessageChunks } from './ui-message-chunks.ts';

const STREAM = '/api/chat/:id/stream';
/** Time in which a client can reconnect and receive the text of an unfinished answer again. */
const RECONNECT_MS = 60_000;

/**
 * Registers the endpoint for `useChat` of the AI SDK. A chat is a session of the caller, which
 * stores the conversation. A message starts a run, or continues the run that waits for it. The
 * answer is a UI message stream.
 */
export function chatUiRoutes(app: FastifyInstance, options: RestOptions): OpenRequests {
  return registerConversationEndpoint(app, 'chat-ui', options, (scope, { handlerOf }) => {
    scope.post(sendChatMessage.path, handlerOf(serveMessage));
    scope.get(STREAM, handlerOf(resume));
    scope.delete(STREAM, handlerOf(cancel));
  });
}

async function serveMessage(protocolRequest: ProtocolRequest): Promise<void> {
  const { request, transaction, openRequest } = protocolRequest;
  const { headers } = request;
  const isCancelled = cancelsWhenLeft(request);
  const tree = wantsTree(request);
  await permitBody(protocolRequest, headers, { object: 'executions' });
  const body = await readBody(request, uiChatRequest);
  if (!body) return;
  const turn = readTurn(body);
  const run = await transaction((db) => startChatRun(db, body, turn, headers));
  await stream(protocolRequest, run, { tree, isCancelled });
  if (isCancelled && openRequest.signal.reason === 'gone') {
    await transaction((db) => cancelConversationRun(db, run.id)).catch(unlessOver);
  }
}

async function resume(protocolRequest: ProtocolRequest): Promise<void> {
  const { request, reply, transaction } = protocolRequest;
  const tree = wantsTree(request);
  const { id } = request.params as { id: string };
  const live = await transaction((db) => findLiveRun(db, id));
  if (live) await stream(protocolRequest, live, { tree });
  else reply.code(204).header('cache-control', 'no-store').send();
}

async function cancel({ request, reply, transaction }: ProtocolRequest): Promise<void> {
  const { id } = request.params as { id: string };
  await transaction(async (db) => {
    const live = await findLiveRun(db, id);
    if (live) await cancelConversationRun(db, live.id);
  }).catch(unlessOver);
  reply.code(204).send();
}

/**
 * Streams the message of a run until the run stops. When the client disconnects, the run is
 * followed for another minute, so that a client that reconnects receives the text of an unfinished
 * answer from its start.
 */
async function stream(
  protocolRequest: ProtocolRequest,
  run: ChatRun,
  { tree, isCancelled = false }: { tree: boolean; isCancelled?: boolean },
): Promise<void> {
  const { reply, source, openRequest, earlyEndOf, failureOf } = protocolRequest;
  const state = await source.look(run);
  if (!state) throw noSuch('execution', run.id);
  const chunks = new UiMessageChunks(run);
  const following = isCancelled ? openRequest.signal : withReconnectTime(openRequest.signal);
  reply.hijack();
  const writer = writeEvents(reply.raw, {
    'x-vercel-ai-ui-message-stream': 'v1',
    'x-request-id': run.id,
  });
  const write = async (list: Iterable<UiChunk>) => {
    for (const chunk of list) await writer.write(chunk);
  };
  let isOver = false;
  try {
    await write(chunks.startChunks(state));
    for await (const item of followRun(source, run, following, { tree })) {
      await write(chunks.chunksOf(item));
      isOver = item.type === 'stopped';
    }
    const lost = `the run ${run.id} can no longer be followed`;
    if (!isOver) await write(chunks.fail(earlyEndOf(run.id)?.message ?? lost));
  } catch (error) {
    await write(chunks.fail(failureOf(error).message));
  }
  writer.end('[DONE]');
}

/**
 * Returns a signal that fires with another one, or later if the client has disconnected, because
 * the client may reconnect.
 */
function withReconnectTime(signal: AbortSignal): AbortSignal {
  const leaving = new AbortController();
  onAbort(signal, () => {
    const reason = signal.reason as Leaving;
    const leave = () => leaving.abort(reason);
    if (reason === 'gone') setTimeout(leave, RECONNECT_MS).unref();
    else leave();
  });
  return leaving.signal;
}
