import type { Transformer } from 'node:stream/web';
import type { Transport } from '@modelcontextprotocol/client';
import type { Json } from '../../../json/json.ts';
import { markNumbers, unmarkNumbers } from '../../../json/mark-numbers.ts';
import { mapMessages } from './map-messages.ts';

type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * Keeps the digits of numbers that a server sends over HTTP. The client of the SDK parses JSON
 * itself, so long numbers pass it as marked strings.
 */
export function markingFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const type = response.headers.get('content-type') ?? '';
    if (!response.body || !/json|event-stream/.test(type)) return response;
    const { status, statusText, headers } = response;
    const lines = new TransformStream<string, string>(markLines());
    const body = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(lines)
      .pipeThrough(new TextEncoderStream());
    const marked = new Response(body, { status, statusText, headers });
    Object.defineProperty(marked, 'url', { value: response.url });
    return marked;
  };
}

/** Replaces the marks in every message before the client sees it. */
export function unmarkMessages(transport: Transport): Transport {
  return mapMessages(transport, (message) => unmarkNumbers(message as Json) as never);
}

/** Marks whole lines, since no string of JSON contains a line break. */
function markLines(): Transformer<string, string> {
  let rest = '';
  return {
    transform(piece, controller) {
      const end = piece.lastIndexOf('\n') + 1;
      if (end === 0) {
        rest += piece;
        return;
      }
      controller.enqueue(markAll(rest + piece.slice(0, end)));
      rest = piece.slice(end);
    },
    flush: (controller) => controller.enqueue(markAll(rest)),
  };
}

/** Marks the lines of JSON and of the field `data`; other fields of events keep their digits. */
function markAll(lines: string): string {
  return lines.replaceAll(/^(?!(?:id|event|retry):).*$/gm, markNumbers);
}
