import { fileFault } from '../file-fault.ts';
import { MAX_PIXELS, withTooManyPixels } from './page-images.ts';

/** The size of an image in pixels, and how it is turned: the orientation of EXIF, 1 for upright. */
export type ImageHeader = { width: number; height: number; orientation: number };

const UPRIGHT = 1;
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
    orientation: UPRIGHT,
  };
}

function readWebp(bytes: Buffer): ImageHeader | undefined {
  if (bytes.length < 30 || bytes.toString('latin1', 0, 4) !== 'RIFF') return undefined;
  const kind = bytes.toString('latin1', 8, 16);
  const size = (width: number, height: number) => ({ width, height, orientation: UPRIGHT });
  if (kind === 'WEBPVP8X') return size(bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1);
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
const EXIF = 0xe1;

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
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5), orientation };
    }
    const length = bytes.readUInt16BE(at + 2);
    if (marker === EXIF) orientation = orientationOf(bytes.subarray(at + 4, at + 2 + length));
    at += 2 + length;
  }
  return undefined;
}

const ORIENTATION = 0x0112;

/** Returns the orientation that a segment of EXIF has, else upright. */
function orientationOf(segment: Buffer): number {
  if (segment.toString('latin1', 0, 6) !== 'Exif\0\0' || segment.length < 14) return UPRIGHT;
  const tiff = segment.subarray(6);
  const isLittle = tiff.toString('latin1', 0, 2) === 'II';
  const short = (at: number) => (isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const start = isLittle ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  if (start + 2 > tiff.length) return UPRIGHT;
  const entries = short(start);
  for (let index = 0; index < entries; index += 1) {
    const at = start + 2 + 12 * index;
    if (at + 12 > tiff.length) return UPRIGHT;
    const value = short(at + 8);
    if (short(at) === ORIENTATION) return value >= 1 && value <= 8 ? value : UPRIGHT;
  }
  return UPRIGHT;
}
