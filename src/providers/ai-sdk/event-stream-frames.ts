import type { Fetch } from '../http/restricted-fetch.ts';

/** Most bytes of a frame, as Amazon defines it. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Fewest bytes of a frame: two lengths and two checksums. */
const MIN_FRAME_BYTES = 16;
/** Bytes at the beginning of a frame that contain its length. */
const LENGTH_BYTES = 4;

/** Wraps a fetch so that the answer arrives in whole frames of an event stream of Amazon. */
export function inWholeFrames(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(wholeFrames()), { status, statusText, headers });
  };
}

/**
 * Cuts an event stream of Amazon into whole frames, and fails for a frame that is too long. The
 * package joins all pieces of a frame again with each piece. For a server that never ends a frame,
 * that would block the process for minutes.
 */
export function wholeFrames(): TransformStream<Uint8Array, Uint8Array> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  let needed = LENGTH_BYTES;
  return new TransformStream({
    transform(piece, controller) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size < needed) return;
      const bytes = Buffer.concat(pieces);
      const end = endOfFrames(bytes);
      if (end > 0) controller.enqueue(bytes.subarray(0, end));
      const rest = bytes.subarray(end);
      pieces = [rest];
      size = rest.length;
      needed = rest.length < LENGTH_BYTES ? LENGTH_BYTES : rest.readUInt32BE(0);
    },
    flush(controller) {
      if (size > 0) controller.enqueue(Buffer.concat(pieces));
    },
  });
}

/** Returns the place where the last whole frame ends. Throws for bytes that begin no frame. */
function endOfFrames(bytes: Buffer): number {
  let end = 0;
  while (bytes.length - end >= LENGTH_BYTES) {
    const length = bytes.readUInt32BE(end);
    if (length < MIN_FRAME_BYTES || length > MAX_FRAME_BYTES) {
      throw new Error('The answer is no event stream of Amazon.');
    }
    if (bytes.length - end < length) break;
    end += length;
  }
  return end;
}
