import type { ServerResponse } from 'node:http';
import { openEventStream } from '../http/event-stream.ts';

export type EventWriter = {
  /** Writes an event. Resolves when there is room for more. */
  write(data: unknown, event?: string): Promise<void>;
  /** Ends the stream. If `last` is present, writes it unchanged as a last line of data before. */
  end(last?: string): void;
};

/**
 * Opens a stream of events in OpenAI's format. Events of completions have only data, and `[DONE]`
 * comes at the end. Events of responses have names. A client cannot resume these streams, because
 * events have no ids as in the streams of REST.
 */
export function writeEvents(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): EventWriter {
  const stream = openEventStream(response, { headers });
  return {
    write(data, event) {
      const name = event === undefined ? '' : `event: ${event}\n`;
      return stream.write(`${name}data: ${JSON.stringify(data)}\n\n`);
    },
    end: (last) => stream.end(last === undefined ? undefined : `data: ${last}\n\n`),
  };
}
