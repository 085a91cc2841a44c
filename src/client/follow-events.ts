import { HowdahError } from '../contracts/errors.ts';
import type { StreamEvent } from '../contracts/stream-event.ts';
import type { Ask } from './asker.ts';
import { readEvents } from './read-events.ts';

/** Milliseconds before a stream that was cut is opened again, and how often in a row nobody may answer. */
const RECONNECT_MS = 500;
const MOST_SILENCES = 60;

export type FollowOptions = {
  after?: string | undefined;
  /** The event that is the last one. */
  last?: StreamEvent['event'];
  signal?: AbortSignal | undefined;
};

/**
 * The events at a path, as they come. Goes on behind the last event after a loss, so nothing is missed and nothing comes twice;
 * a server that is away for half a minute is waited for. Ends with `last`, or when the stream may be seen no more.
 */
export async function* followEvents(
  ask: Ask,
  path: string,
  { after = '', last, signal }: FollowOptions,
): AsyncGenerator<StreamEvent, void> {
  let at = after;
  let silences = 0;
  let hasBegun = false;
  while (!signal?.aborted) {
    const body = await open(ask, path, at).catch((error: HowdahError) => {
      if (signal?.aborted) return;
      silences += 1;
      if (!hasBegun || error.code !== 'EUNREACHABLE' || silences > MOST_SILENCES) throw error;
    });
    if (body) {
      hasBegun = true;
      silences = 0;
      try {
        for await (const event of readEvents(body)) {
          yield event;
          at = event.id ?? at;
          if (event.event === last) return;
          if (event.event === 'error' && event.id === undefined) return; // the stream's own: it may be seen no more
        }
      } catch (error) {
        if (error instanceof HowdahError) throw error;
      }
    }
    if (!signal?.aborted) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

async function open(ask: Ask, path: string, at: string): Promise<ReadableStream<Uint8Array>> {
  const more = at === '' ? {} : { 'last-event-id': at };
  const { body } = await ask('GET', path, undefined, more);
  return body as ReadableStream<Uint8Array>;
}
