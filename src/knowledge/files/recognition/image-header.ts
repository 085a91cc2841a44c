import { fileFault } from '../file-fault.ts';
import { orientationOf, UPRIGHT } from './orientation.ts';
import { MAX_PIXELS, withTooManyPixels } from './page-images.ts';

/**
 * The size of an image in pixels; how it is turned: the orientation of EXIF, 1 for upright; and the
 * number of values of a pixel of a JPEG.
 */
export type ImageHeader = { width: number; height: number; orientation: number; values?: number };

const READERS: Readonly<Record<string, (bytes: Buffer) => ImageHeader | undefined>> = {
  'image/png': readPng,
  'image/jpeg': readJpeg,
  'image/webp': readWebp,
};

/** Reads the header of an image, and decompresses nothing. Throws if there is no such header. */
export function readImageHeader(type: string, bytes: Buffer): ImageHeader {
  const header = READERS[type]?.(bytes);
  if (header && header.width > 0 && header.height > 0) return header;
  throw fileFault('unreadable', `the file is no image of the type ${type}, or is damaged`);
}

/** Reads the header of an image. Throws if it is damaged, or has too many pixels. */
export function checkImage(type: string, bytes: Buffer): ImageHeader {
  const header = readImageHeader(type, bytes);
  const { width, height } = header;
  if (width * height > MAX_PIXELS) throw withTooManyPixels(width, height);
  return header;
}

function readPng(bytes: Buffer): ImageHeader | undefined {
  if (bytes.length < 24 || bytes.toString('hex', 0, 8) !== '89504e470d0a1a0a') return undefined;
  return {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    orientation: orientationOf(findChunks(bytes, 8, PNG_CHUNKS, 'eXIf')[0]),
  };
}

/** How a format writes chunks: the places of type and length, and what follows the data. */
type Chunks = { typeAt: number; length: (bytes: Buffer, at: number) => number; after: number };
export const PNG_CHUNKS: Chunks = {
  typeAt: 4,
  length: (bytes, at) => bytes.readUInt32BE(at),
  after: 4, // a checksum
};
const WEBP_CHUNKS: Chunks = {
  typeAt: 0,
  // a chunk has an even length
  length: (bytes, at) => (bytes.readUInt32LE(at + 4) + 1) & ~1,
  after: 0,
};

/** Returns the data of the chunks of a type. */
export function findChunks(
  bytes: Buffer,
  start: number,
  { typeAt, length, after }: Chunks,
  type: string,
): Buffer[] {
  const found: Buffer[] = [];
  for (let at = start; at + 8 <= bytes.length; ) {
    const end = at + 8 + length(bytes, at);
    if (bytes.toString('latin1', at + typeAt, at + typeAt + 4) === type) {
      found.push(bytes.subarray(at + 8, end));
    }
    at = end + after;
  }
  return found;
}

function readWebp(bytes: Buffer): ImageHeader | undefined {
  if (bytes.length < 30 || bytes.toString('latin1', 0, 4) !== 'RIFF') return undefined;
  const kind = bytes.toString('latin1', 8, 16);
  const size = (width: number, height: number, orientation = UPRIGHT) => ({
    ...{ width, height, orientation },
  });
  if (kind === 'WEBPVP8X') {
    const [exif] = findChunks(bytes, 12, WEBP_CHUNKS, 'EXIF');
    const orientation = orientationOf(withoutName(exif));
    return size(bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1, orientation);
  }
  if (kind === 'WEBPVP8 ') {
    return size(bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff);
  }
  if (kind !== 'WEBPVP8L') return undefined;
  const bits = bytes.readUInt32LE(21);
  return size((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
}

/** Returns whether a marker of JPEG begins a frame: C0 to CF, but tables and extensions. */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
/** The marker of segments with EXIF, and of others, such as XMP. */
const APPLICATION = 0xe1;

/** Returns whether fields of EXIF have their name before them, as a JPEG must write it. */
const isNamed = (segment: Buffer) => segment.toString('latin1', 0, 6) === 'Exif\0\0';
const withoutName = (exif: Buffer | undefined) => (exif && isNamed(exif) ? exif.subarray(6) : exif);

function readJpeg(bytes: Buffer): ImageHeader | undefined {
  if (bytes.toString('hex', 0, 2) !== 'ffd8') return undefined;
  let orientation = UPRIGHT;
  for (let at = 2; at + 9 < bytes.length; ) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return undefined;
    if (marker === 0xff) {
      at += 1; // fill bytes may come before a marker
      continue;
    }
    if (isFrame(marker)) {
      const [width, height] = [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
      return { width, height, orientation, values: bytes[at + 9] ?? 0 };
    }
    const length = bytes.readUInt16BE(at + 2);
    if (marker === APPLICATION && orientation === UPRIGHT) {
      const segment = bytes.subarray(at + 4, at + 2 + length);
      if (isNamed(segment)) orientation = orientationOf(withoutName(segment));
    }
    at += 2 + length;
  }
  return undefined;
}
