import type { IncomingMessage } from 'node:http';
import { type Duplex, pipeline, type Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import { BodyTooLarge } from './failures.ts';

/** A missing end is forgiven, as browsers do: an empty body is often said to be compressed. HTTP itself tells of a cut. */
const ZLIB = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const BROTLI = { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH };

const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: () => zlib.createGunzip(ZLIB),
  'x-gzip': () => zlib.createGunzip(ZLIB),
  deflate: () => zlib.createInflate(ZLIB),
  br: () => zlib.createBrotliDecompress(BROTLI),
};

/**
 * The body as it was before compression; null when it is compressed in a way we did not ask for. It fails with
 * `BodyTooLarge` when it has more than `maxBytes`, on the wire or after decompression, whichever comes first.
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
    return piped(answer, atMost(maxBytes));
  }
  const decoder = Object.hasOwn(DECODERS, coding) ? DECODERS[coding]?.() : undefined;
  return decoder ? piped(answer, atMost(maxBytes), decoder, atMost(maxBytes)) : null;
}

/** The last of the streams; one that fails or is closed takes the others and the connection along. */
function piped(first: Readable, ...others: Duplex[]): Readable {
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
