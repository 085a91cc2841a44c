import type { Transformer } from 'node:stream/web';
import { markNumbers } from './mark-numbers.ts';

type Fetch = typeof globalThis.fetch;

/**
 * Returns a `fetch` that marks the long numbers of JSON in answers, also in the data of Server-Sent
 * Events, for a library that parses them itself. `unmarkNumbers` makes numbers of the marks.
 */
export function markingFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const type = response.headers.get('content-type') ?? '';
    if (!response.body || !/json|event-stream/.test(type)) return response;
    const { status, statusText, headers } = response;
    const marked = new Response(markStream(response.body), { status, statusText, headers });
    Object.defineProperty(marked, 'url', { value: response.url });
    return marked;
  };
}

/** Marks the long numbers in a stream of lines of JSON or of events. */
export function markStream(bytes: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return bytes
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TransformStream<string, string>(markLines()))
    .pipeThrough(new TextEncoderStream());
}

/** Marks whole lines, since no string of JSON contains a line break. */
function markLines(): Transformer<string, string> {
  let rest: string[] = [];
  return {
    transform(piece, controller) {
      const end = piece.lastIndexOf('\n') + 1;
      if (end > 0) controller.enqueue(markAll([...rest, piece.slice(0, end)].join('')));
      if (end > 0) rest = [];
      rest.push(piece.slice(end));
    },
    flush: (controller) => controller.enqueue(markAll(rest.join(''))),
  };
}

/** Marks lines of JSON and of the field `data`. Other fields of events keep their digits. */
function markAll(lines: string): string {
  return lines.replaceAll(/^(?!(?:id|event|retry):).*$/gm, markNumbers);
}
