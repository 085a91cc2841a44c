import type { ServerResponse } from 'node:http';
import { openEventStream } from '../http/event-stream.ts';

export type EventWriter = {
  /** Resolves when there is room for more. */
  write(data: unknown, event?: string): Promise<void>;
  /** A last line of data as it is, if any, and the end. */
  end(last?: string): void;
};

/**
 * A stream of events as OpenAI writes it: of completions data alone, `[DONE]` at the end; of responses each with its name.
 * (The streams of REST have names and ids by which they go on; these cannot.)
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
