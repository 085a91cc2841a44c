import type { GreyPicture } from '../../../src/knowledge/files/recognition/encode-png.ts';

/**
 * Returns a picture as JPEG. Each of its pixels becomes a block of 8 x 8 pixels of one shade, which
 * the coding of JPEG keeps exactly.
 */
export function jpegOf({ width, height, grey }: GreyPicture): Buffer {
  const frame = Buffer.from([8, 0, 0, 0, 0, 1, 1, 0x11, 0]); // one component, of 8 bits
  frame.writeUInt16BE(height * 8, 1);
  frame.writeUInt16BE(width * 8, 3);
  return Buffer.concat([
    Buffer.from('ffd8', 'hex'),
    segmentOf(0xdb, Buffer.from([0, ...Array(64).fill(8)])),
    segmentOf(0xc0, frame),
    segmentOf(0xc4, Buffer.from([0x00, 0, 0, 0, 9, ...Array(12).fill(0), ...SIZES])),
    segmentOf(0xc4, Buffer.from([0x10, 1, ...Array(15).fill(0), 0])), // the end of a block is 0
    segmentOf(0xda, Buffer.from([1, 1, 0x00, 0, 63, 0])),
    blocksOf(grey),
    Buffer.from('ffd9', 'hex'),
  ]);
}

/** The sizes in bits of a difference; the code of each is itself, in 4 bits. */
const SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/** Returns the blocks: the difference of each shade from the one before, and the end of a block. */
function blocksOf(grey: Uint8Array): Buffer {
  let bits = '';
  const bytes: number[] = [];
  let before = 128;
  for (const shade of grey) {
    const difference = shade - before;
    const size = 32 - Math.clz32(Math.abs(difference));
    const coded = difference < 0 ? difference + 2 ** size - 1 : difference;
    bits += size.toString(2).padStart(4, '0');
    bits += `${size > 0 ? coded.toString(2).padStart(size, '0') : ''}0`;
    for (; bits.length >= 8; bits = bits.slice(8)) {
      const byte = Number.parseInt(bits.slice(0, 8), 2);
      bytes.push(byte, ...(byte === 0xff ? [0] : [])); // else it would begin a marker
    }
    before = shade;
  }
  return Buffer.from([...bytes, Number.parseInt(bits.padEnd(8, '1'), 2)]);
}

/** Returns a segment of a JPEG. */
export function segmentOf(marker: number, data: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
}
