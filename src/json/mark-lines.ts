import type { Transformer } from 'node:stream/web';
import { markNumbers } from './mark-numbers.ts';

type Fetch = typeof globalThis.fetch;

/**
 * Returns a `fetch` that marks the long numbers of JSON in answers, also in the data of Server-Sent
 * Events, for a library that parses them itself. `unmarkNumbers` makes numbers of the marks. The
 * rest of a line beyond `longestLine` characters is passed on as it is, to a library that rejects
 * such a line.
 */
export function markingFetch(
  fetch: Fetch,
  { longestLine = Number.POSITIVE_INFINITY }: { longestLine?: number } = {},
): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const type = response.headers.get('content-type') ?? '';
    if (!response.body || !/json|event-stream/.test(type)) return response;
    const { status, statusText, headers } = response;
    const marked = new Response(markStream(response.body, longestLine), {
      status,
      statusText,
      headers,
    });
    Object.defineProperty(marked, 'url', { value: response.url });
    return marked;
  };
}

function markStream(
  bytes: ReadableStream<Uint8Array>,
  longestLine: number,
): ReadableStream<Uint8Array> {
  return bytes
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TransformStream<string, string>(markLines(longestLine)))
    .pipeThrough(new TextEncoderStream());
}

/** Marks whole lines, since no string of JSON contains a line break. */
function markLines(longestLine: number): Transformer<string, string> {
  let rest: string[] = [];
  let length = 0;
  return {
    transform(piece, controller) {
      const end = piece.lastIndexOf('\n') + 1;
      if (end > 0) {
        controller.enqueue(markAll([...rest, piece.slice(0, end)].join('')));
        [rest, length] = [[], 0];
      }
      rest.push(piece.slice(end));
      length += piece.length - end;
      if (length <= longestLine) return;
      controller.enqueue(rest.join(''));
      rest = [];
    },
    flush: (controller) => controller.enqueue(markAll(rest.join(''))),
  };
}

/** Marks lines of JSON and of the field `data`. Other fields of events keep their digits. */
function markAll(lines: string): string {
  return lines.replaceAll(/^(?!(?:id|event|retry):).*$/gm, markNumbers);
}
