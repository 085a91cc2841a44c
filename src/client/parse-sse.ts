import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { HowdahError } from '../contracts/errors.ts';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { Json } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';

/** Most characters of an event. The server sends no larger ones. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

/**
 * Parses the body of a response as Server-Sent Events and yields each event as it comes. Skips
 * comments and events without a name. Throws a HowdahError with the code `bad_answer` for data that
 * is not JSON, and for an event of more than 64 million characters.
 */
export async function* parseServerSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let messages: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: MAX_CHARACTERS,
    onEvent: (message) => void messages.push(message),
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') throw protocolError(error);
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
        data: parseData(data),
        ...(id !== undefined && { id }),
      };
    }
  }
}

function parseData(data: string): Record<string, Json> {
  try {
    return parseJson(data) as Record<string, Json>;
  } catch (error) {
    throw protocolError(error);
  }
}

function protocolError(cause: unknown): HowdahError {
  return new HowdahError('bad_answer', 'the server sent an event that cannot be read', {
    hint: 'Check that the URL is that of a Howdah server, and that no proxy changes its responses.',
    cause,
  });
}
