import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { Json } from '../json/json.ts';

/** Most characters of an event. The server sends no larger ones. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

/**
 * Parses the body of a response as Server-Sent Events and yields each event as it comes. Skips
 * comments and events without a name. Throws if an event is larger than 64 million characters.
 */
export async function* parseServerSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let messages: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: MOST_CHARACTERS,
    onEvent: (message) => void messages.push(message),
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') throw error;
    },
  });
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    const parsed = messages;
    messages = [];
    for (const { event, data, id } of parsed) {
      if (event === undefined) continue;
      yield {
        event: event as StreamEvent['event'],
        data: JSON.parse(data) as Record<string, Json>,
        ...(id !== undefined && { id }),
      };
    }
  }
}
