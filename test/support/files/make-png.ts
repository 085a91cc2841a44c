import { crc32, deflateSync, inflateSync } from 'node:zlib';
import type { GreyPicture } from '../../../src/knowledge/files/recognition/encode-png.ts';

/** A color as PNG stores it: its type, the bits of a value, and the bytes of two pixels. */
export type PngColor = {
  type: number;
  bits: number;
  two: readonly number[];
  palette?: readonly number[];
  isInterlaced?: boolean;
};

/** Returns a PNG of one color, with an even width. */
export function pngOf(width: number, height: number, color: PngColor): Buffer {
  const { type, bits, two, palette, isInterlaced = false } = color;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, type, 0, 0, isInterlaced ? 1 : 0], 8);
  const row = Buffer.from([
    0,
    ...Array(width / 2)
      .fill(two)
      .flat(),
  ]);
  const rows = deflateSync(Buffer.concat(Array(height).fill(row)));
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    ...(palette ? [pngChunk('PLTE', Buffer.from(palette))] : []),
    pngChunk('IDAT', rows.subarray(0, 10)), // the rows may be divided anywhere
    pngChunk('IDAT', rows.subarray(10)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Returns a chunk of a PNG. */
export function pngChunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}

/** Returns the picture of a PNG that `encodePng` has made. */
export function readGreyPng(bytes: Uint8Array): GreyPicture {
  const png = Buffer.from(bytes);
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const at = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  if (rows.length !== (width + 1) * height) throw new Error(`the PNG has ${rows.length} bytes`);
  const grey = rows.filter((_, index) => index % (width + 1) > 0);
  return { width, height, grey: new Uint8Array(grey) };
}
