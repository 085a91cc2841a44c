import type { IncomingMessage } from 'node:http';
import { type Duplex, pipeline, type Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import { BodyTooLarge } from './failures.ts';

/**
 * Accepts a missing end of the compressed data, as browsers do, because an empty body is often
 * declared as compressed. HTTP itself detects a truncated body.
 */
const ZLIB = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const BROTLI = { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH };

const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: () => zlib.createGunzip(ZLIB),
  'x-gzip': () => zlib.createGunzip(ZLIB),
  deflate: () => zlib.createInflate(ZLIB),
  br: () => zlib.createBrotliDecompress(BROTLI),
};

/**
 * Returns the decompressed body, or null for a compression that the request did not offer. The body
 * fails with `BodyTooLarge` when it exceeds `maxBytes`, either compressed or decompressed.
 */
export function decodedBody(
  answer: IncomingMessage,
  method: string,
  maxBytes: number,
): Readable | null {
  const { statusCode: status } = answer;
  const coding = (answer.headers['content-encoding'] ?? '').trim().toLowerCase();
  const isPlain = coding === '' || coding === 'identity';
  if (isPlain || method === 'HEAD' || status === 204 || status === 304) {
    return pipeThrough(answer, atMost(maxBytes));
  }
  const decoder = Object.hasOwn(DECODERS, coding) ? DECODERS[coding]?.() : undefined;
  return decoder ? pipeThrough(answer, atMost(maxBytes), decoder, atMost(maxBytes)) : null;
}

/**
 * Returns the last of the streams. A stream that fails or is closed also closes the others and the
 * connection.
 */
function pipeThrough(first: Readable, ...others: Duplex[]): Readable {
  const last = others.at(-1) ?? first;
  pipeline([first, ...others], () => {});
  return last as Readable;
}

function atMost(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) done(new BodyTooLarge(maxBytes));
      else done(null, chunk);
    },
  });
}
