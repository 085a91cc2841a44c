import { HowdahError } from '../contracts/errors.ts';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { HttpClient } from './http.ts';
import { parseServerSentEvents } from './parse-sse.ts';
import { MOST_SILENCES, RECONNECT_MS } from './retry.ts';

export type FollowOptions = {
  after?: string | undefined;
  /** An answer that has them from the beginning on: the path is asked when that is lost. */
  first?: Response;
  /** The event that is the last one. */
  last?: StreamEvent['event'];
  signal?: AbortSignal | undefined;
};

/**
 * The events at a path, as they come. Goes on behind the last event after a loss, so nothing is missed and nothing comes twice;
 * a server that is away for half a minute is waited for. Ends with `last`, or when the stream may be seen no more.
 */
export async function* followEvents(
  ask: HttpClient,
  path: string,
  { after = '', first, last, signal }: FollowOptions,
): AsyncGenerator<StreamEvent, void> {
  let at = after;
  let silences = 0;
  let hasBegun = first !== undefined;
  let body = first?.body as ReadableStream<Uint8Array> | null | undefined;
  while (!signal?.aborted) {
    body ??= await open(ask, path, at).catch((error: HowdahError) => {
      if (signal?.aborted) return undefined;
      silences += 1;
      if (!hasBegun || error.code !== 'EUNREACHABLE' || silences > MOST_SILENCES) throw error;
      return undefined;
    });
    if (body) {
      hasBegun = true;
      silences = 0;
      try {
        for await (const event of parseServerSentEvents(body)) {
          yield event;
          at = event.id ?? at;
          if (event.event === last) return;
          if (event.event === 'error' && event.id === undefined) return; // the stream's own: it may be seen no more
        }
      } catch (error) {
        if (error instanceof HowdahError) throw error;
      }
      body = undefined;
    }
    if (!signal?.aborted) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

/** Where the events of a run are. */
export function runStream(id: string): string {
  return `/api/executions/${id}/stream`;
}

async function open(
  ask: HttpClient,
  path: string,
  at: string,
): Promise<ReadableStream<Uint8Array>> {
  const more = at === '' ? {} : { 'last-event-id': at };
  const { body } = await ask('GET', path, undefined, more);
  return body as ReadableStream<Uint8Array>;
}
