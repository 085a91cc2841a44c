import type { GreyPicture } from '../../../src/knowledge/files/recognition/encode-png.ts';
import { readImageHeader } from '../../../src/knowledge/files/recognition/image-header.ts';
import { segmentOf } from './make-jpeg.ts';
import { pngChunk } from './make-png.ts';

/** The sides of the upright picture that the first row and column show: table 6 of EXIF 2.32. */
const SIDES = {
  1: ['top', 'left'],
  2: ['top', 'right'],
  3: ['bottom', 'right'],
  4: ['bottom', 'left'],
  5: ['left', 'top'],
  6: ['right', 'top'],
  7: ['right', 'bottom'],
  8: ['left', 'bottom'],
} as const;

export type Orientation = keyof typeof SIDES;

/** All orientations of EXIF. */
export const ORIENTATIONS = Object.keys(SIDES).map((name) => Number(name) as Orientation);

/** Returns a picture as a camera stores it that is held as an orientation says. */
export function storedAs(upright: GreyPicture, orientation: Orientation): GreyPicture {
  const [row, column] = SIDES[orientation];
  const { width, height, grey } = upright;
  const isTurned = row === 'left' || row === 'right';
  const [across, down] = isTurned ? [height, width] : [width, height];
  const stored = new Uint8Array(width * height);
  for (let y = 0; y < down; y += 1) {
    for (let x = 0; x < across; x += 1) {
      const fromRow = row === 'top' || row === 'left' ? y : down - 1 - y;
      const fromColumn = column === 'top' || column === 'left' ? x : across - 1 - x;
      const [atX, atY] = isTurned ? [fromRow, fromColumn] : [fromColumn, fromRow];
      stored[y * across + x] = grey[atY * width + atX] as number;
    }
  }
  return { width: across, height: down, grey: stored };
}

/** Returns the fields of EXIF with an orientation, in either order of bytes. */
function exifOf(orientation: number, isLittle: boolean): Buffer {
  const tiff = Buffer.alloc(26);
  const short = (value: number, at: number) =>
    isLittle ? tiff.writeUInt16LE(value, at) : tiff.writeUInt16BE(value, at);
  const long = (value: number, at: number) =>
    isLittle ? tiff.writeUInt32LE(value, at) : tiff.writeUInt32BE(value, at);
  tiff.write(isLittle ? 'II' : 'MM', 0, 'latin1');
  short(42, 2);
  long(8, 4);
  short(1, 8);
  short(0x0112, 10);
  short(3, 12);
  long(1, 14);
  short(orientation, 18);
  return tiff;
}

const EXIF = Buffer.from('Exif\0\0', 'latin1');
const XMP = Buffer.from('http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"/>');

/** Returns a JPEG with an orientation in its EXIF segment. As of phones, one of XMP follows. */
export function withOrientation(jpeg: Buffer, orientation: number, isLittle = false): Buffer {
  return Buffer.concat([
    jpeg.subarray(0, 2),
    segmentOf(0xe1, Buffer.concat([EXIF, exifOf(orientation, isLittle)])),
    segmentOf(0xe1, XMP),
    jpeg.subarray(2),
  ]);
}

/** Returns a PNG with an orientation in a chunk `eXIf`. */
export function pngWithOrientation(png: Buffer, orientation: number): Buffer {
  const afterHeader = 8 + 25;
  const chunk = pngChunk('eXIf', exifOf(orientation, false));
  return Buffer.concat([png.subarray(0, afterHeader), chunk, png.subarray(afterHeader)]);
}

/** Returns a WebP of the simple format with an orientation in a chunk `EXIF`. */
export function webpWithOrientation(webp: Buffer, orientation: number): Buffer {
  const exif = exifOf(orientation, true);
  const extended = Buffer.alloc(18);
  extended.write('VP8X', 0, 'latin1');
  extended.writeUInt32LE(10, 4);
  extended[8] = 0x08; // it has EXIF
  const { width, height } = readImageHeader('image/webp', webp);
  extended.writeUIntLE(width - 1, 12, 3);
  extended.writeUIntLE(height - 1, 15, 3);
  const head = Buffer.alloc(8);
  head.write('EXIF', 0, 'latin1');
  head.writeUInt32LE(exif.length, 4);
  const whole = Buffer.concat([webp.subarray(0, 12), extended, webp.subarray(12), head, exif]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}
