import { crc32, deflateSync } from 'node:zlib';

/** A picture in shades of grey, row by row: 0 is black, and 255 white. */
export type GreyPicture = { width: number; height: number; grey: Uint8Array };

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** Returns a picture as PNG, compressed by a level of zlib. */
export function encodePng({ width, height, grey }: GreyPicture, level = 1): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits of a pixel; the other fields are 0: grey, without interlacing
  const rows = Buffer.alloc((width + 1) * height); // the filter of each row is 0: none
  for (let y = 0; y < height; y += 1) {
    rows.set(grey.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  return Buffer.concat([
    SIGNATURE,
    chunkOf('IHDR', header),
    chunkOf('IDAT', deflateSync(rows, { level })),
    chunkOf('IEND', Buffer.alloc(0)),
  ]);
}

function chunkOf(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}
