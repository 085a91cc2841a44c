import { HowdahError } from '../contracts/errors.ts';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { HttpClient } from './http-client.ts';
import { parseServerSentEvents } from './parse-sse.ts';
import { MAX_SILENCES, RECONNECT_MS } from './retry-request.ts';

export type FollowEventsOptions = {
  after?: string | undefined;
  /**
   * An answer that contains the events from the beginning. The path is requested when this answer
   * breaks off.
   */
  first?: Response;
  /** The name of the last event. In a tree, the event of the run at the top. */
  last?: StreamEvent['event'];
  signal?: AbortSignal | undefined;
};

/**
 * Yields the events at a path, as they come. After a lost connection, continues after the last
 * event, so that no event is missed or repeated. Waits half a minute for a server that does not
 * answer. Ends with `last`, or when the caller may no longer see the stream.
 */
export async function* followEvents(
  ask: HttpClient,
  path: string,
  { after = '', first, last, signal }: FollowEventsOptions,
): AsyncGenerator<StreamEvent, void> {
  let at = after;
  let silences = 0;
  let hasStarted = first !== undefined;
  let body = first?.body as ReadableStream<Uint8Array> | null | undefined;
  while (!signal?.aborted) {
    body ??= await open(ask, path, at, signal).catch((error: HowdahError) => {
      if (signal?.aborted) return undefined;
      silences += 1;
      if (!hasStarted || error.code !== 'EUNREACHABLE' || silences > MAX_SILENCES) throw error;
      return undefined;
    });
    if (body) {
      hasStarted = true;
      silences = 0;
      try {
        for await (const event of parseServerSentEvents(body)) {
          yield event;
          at = event.id ?? at;
          if (event.event === last && isOfTop(event)) return;
          // An error without an id is of the stream itself: the caller may no longer see the
          // stream.
          if (event.event === 'error' && event.id === undefined) return;
        }
      } catch (error) {
        if (error instanceof HowdahError) throw error;
      }
      body = undefined;
    }
    if (!signal?.aborted) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

/** Returns whether an event belongs to the followed run itself, and not to a run below it. */
export function isOfTop({ data }: StreamEvent): boolean {
  return !Array.isArray(data.path) || data.path.length === 1;
}

/** Returns the path of the events of a run, with `tree` also of all runs below it. */
export function runStream(id: string, tree = false): string {
  return `/api/executions/${id}/stream${tree ? '?tree=1' : ''}`;
}

async function open(
  ask: HttpClient,
  path: string,
  at: string,
  signal: AbortSignal | undefined,
): Promise<ReadableStream<Uint8Array>> {
  const more = at === '' ? {} : { 'last-event-id': at };
  const { body } = await ask('GET', path, undefined, more, signal);
  return body as ReadableStream<Uint8Array>;
}
