import type { GeneratedImage } from '../contracts/agents/model.ts';
import type { Failure, Outcome } from '../contracts/errors.ts';
import { createFailure } from './failure.ts';
import type { Peer } from './http/failures.ts';

type Size = { width: number; height: number };
type Decoded = Pick<GeneratedImage, 'image' | 'media_type' | 'width' | 'height'>;

/** A format of images: its first bytes from an offset, and where its header states the size. */
type Format = {
  media_type: string;
  magic: readonly [offset: number, text: string][];
  size?(view: DataView): Size | null;
};

const FORMATS: readonly Format[] = [
  {
    media_type: 'image/png',
    magic: [[0, '\x89PNG\r\n\x1a\n']],
    size: (view) => ({ width: view.getUint32(16), height: view.getUint32(20) }),
  },
  { media_type: 'image/jpeg', magic: [[0, '\xff\xd8\xff']], size: jpegSize },
  {
    media_type: 'image/gif',
    magic: [[0, 'GIF8']],
    size: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  },
  {
    media_type: 'image/webp',
    magic: [
      [0, 'RIFF'],
      [8, 'WEBP'],
    ],
    size: webpSize,
  },
  { media_type: 'image/avif', magic: [[4, 'ftypavi']] },
];

/**
 * Decodes an image of an answer: bytes, base64, or a `data:` URL. Detects the format by the first
 * bytes, since servers report a wrong format or none.
 */
export function decodeImage(data: string | Uint8Array, { host }: Peer): Outcome<Decoded> {
  const image =
    typeof data === 'string'
      ? new Uint8Array(Buffer.from(data.replace(/^data:[^,]{0,100},/, ''), 'base64'))
      : data;
  const format = FORMATS.find(({ magic }) =>
    magic.every(([offset, text]) => textAt(image, offset, text.length) === text),
  );
  if (format === undefined) {
    return createFailure('bad_answer', `The answer of ${host} contains no image that can be read.`);
  }
  const { media_type } = format;
  return { ok: true, value: { image, media_type, ...sizeIn(image, format) } };
}

/**
 * Returns the failure of an answer with the address of an image. Howdah downloads no images, since
 * a server could name any address.
 */
export function refuseImageAddress({ host }: Peer): Failure {
  const hint =
    'Addresses are not downloaded: set request_params to {"response_format": "b64_json"}, or configure the server to return images in its answer';
  const message = `${host} answered with the address of an image instead of the image. ${hint}.`;
  return createFailure('invalid_request', message);
}

function textAt(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

/** Returns the size in the header, or null if the header is truncated. */
function sizeIn(image: Uint8Array, { size }: Format): Size | null {
  try {
    return size?.(new DataView(image.buffer, image.byteOffset, image.byteLength)) ?? null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Walks over the segments of a JPEG to the start of its frame. */
function jpegSize(view: DataView): Size | null {
  for (let at = 2; view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
  }
  return null;
}

/** Reads the size from the first chunk: extended, lossless or lossy. */
function webpSize(view: DataView): Size {
  const kind = view.getUint8(15);
  if (kind === 0x58) {
    const width = (view.getUint32(24, true) & 0xff_ff_ff) + 1;
    return { width, height: (view.getUint32(26, true) >>> 8) + 1 };
  }
  if (kind === 0x4c) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}
