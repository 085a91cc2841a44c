import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import { followEvents, runStream } from './follow-events.ts';
import type { HttpClient } from './http-client.ts';
import { retry } from './retry-request.ts';

/** A message in a conversation, with its run. */
export type SessionTurn = {
  session_id: string;
  execution_id: string;
  /**
   * The events of the run, from its first token to `complete`. A lost connection is opened again.
   */
  events: AsyncGenerator<StreamEvent, void>;
};

type OutgoingMessage = {
  sid: string;
  content: string;
  fork: number | undefined;
  /** True if the events of all runs below come too. */
  tree: boolean;
};

/**
 * Sends a message under an idempotency key, so that a message that is sent again after a loss
 * counts once.
 */
export async function sendSessionMessage(
  ask: HttpClient,
  { sid, content, fork: turn, tree }: OutgoingMessage,
  signal: AbortSignal | undefined,
): Promise<SessionTurn> {
  const path = `/sessions/${sid}/${turn === undefined ? 'messages' : 'fork'}`;
  const body = {
    content,
    stream: true,
    ...(tree && { tree }),
    ...(turn !== undefined && { turn }),
  };
  const headers = { 'idempotency-key': crypto.randomUUID() };
  const first = await retry(() => ask('POST', path, body, headers), signal);
  const execution_id = idIn(first.headers.get('content-location')) ?? '';
  return {
    session_id: idIn(first.headers.get('location')) ?? sid,
    execution_id,
    events: followEvents(ask, runStream(execution_id, tree), { first, last: 'complete', signal }),
  };
}

function idIn(path: string | null): string | undefined {
  return /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(path ?? '')?.[0];
}
