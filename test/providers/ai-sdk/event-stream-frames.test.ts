import { expect, test } from 'vitest';
import { wholeFrames } from '../../../src/providers/ai-sdk/event-stream-frames.ts';

/** Returns a frame with this number of bytes and arbitrary content. */
function frameOf(length: number): Buffer {
  const frame = Buffer.alloc(length, length % 251);
  frame.writeUInt32BE(length, 0);
  return frame;
}

/** Passes the bytes on in pieces of a size, and returns the pieces that come out. */
async function decodeInPieces(bytes: Buffer, size: number): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  const out: Buffer[] = [];
  const frames = ReadableStream.from<Uint8Array>(pieces).pipeThrough(wholeFrames());
  for await (const piece of frames) out.push(Buffer.from(piece));
  return out;
}

test.each([1, 3, 4, 5, 16, 50, 1_000])('pieces of %i bytes become whole frames', async (size) => {
  const bytes = Buffer.concat([16, 17, 400, 20].map(frameOf));
  const out = await decodeInPieces(bytes, size);
  expect(Buffer.concat(out)).toEqual(bytes);
  for (const piece of out) {
    let end = 0;
    while (end < piece.length) end += piece.readUInt32BE(end);
    expect(end).toBe(piece.length);
  }
});

test('half a frame at the end is passed on, so that the package sees the cut', async () => {
  const bytes = Buffer.concat([frameOf(40), frameOf(40).subarray(0, 30)]);
  expect(Buffer.concat(await decodeInPieces(bytes, 7))).toEqual(bytes);
});

test.each([
  ['text', Buffer.from('data: {"a": 1}\n\n')],
  ['a length of zero', Buffer.alloc(64)],
  ['a frame of 17 MB', Buffer.from([1, 16, 0, 0, 0, 0, 0, 0])],
])('%s fails at once', async (_, bytes) => {
  await expect(decodeInPieces(bytes, 3)).rejects.toThrow('no event stream');
});
