import type { Api } from '../connect-server.ts';

/** Yields the events of a stream until the signal fires, which ends all streams of the server. */
export async function* untilLeft<Event>(
  api: Api,
  events: AsyncIterable<Event>,
  signal: AbortSignal,
): AsyncGenerator<Event, void> {
  signal.addEventListener('abort', () => api.leave(), { once: true });
  try {
    yield* events;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
