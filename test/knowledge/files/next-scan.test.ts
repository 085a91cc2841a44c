import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { divideFile } from '../../../src/knowledge/files/divide-file.ts';
import { type NextScan, nextScan } from '../../../src/knowledge/files/recognition/next-scan.ts';
import { shrinkPicture } from '../../../src/knowledge/files/recognition/shrink-picture.ts';
import { greyImage, imageOf, jpegImage, makeScan, scanOf } from '../../support/files/scans.ts';

// Images of text that a model is sent, and the text that is made of what it answers.

const PDF = 'application/pdf';
const scan = { object: jpegImage() };

/** Returns the size and the shades of a PNG that `encodePng` has made. */
function readPng(bytes: Uint8Array) {
  const png = Buffer.from(bytes);
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const at = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  expect(rows).toHaveLength((width + 1) * height);
  return { width, height, shades: new Set(rows) };
}

async function scansOf(bytes: Buffer): Promise<NextScan[]> {
  const found: NextScan[] = [];
  for (let after = 0; ; ) {
    const next = await nextScan({ type: PDF, bytes }, after);
    found.push(next);
    if (!next.scan) return found;
    after = next.scan.page;
  }
}

test('the pages of a PDF that show images and no text are found one by one', async () => {
  const found = await scansOf(makeScan([[scan], 'Text', [], [{ object: greyImage() }], 'Text']));
  expect(found.map(({ scan }) => scan?.page)).toEqual([1, 4, undefined]);
  const { width, height, shades } = readPng(found[0]?.scan?.image ?? new Uint8Array());
  expect(width).toBeGreaterThan(1_000); // as fine as the image on the page
  expect(height).toBeGreaterThan(width);
  expect(shades.size).toBeGreaterThan(2);
});

test('pages with images that cannot be decoded are counted', async () => {
  const broken = imageOf(
    Buffer.from('nothing'),
    100,
    100,
    '/ColorSpace /DeviceGray /Filter /JBIG2Decode',
  );
  const found = await scansOf(makeScan([[{ object: broken }], [scan]]));
  expect(found).toMatchObject([{ undecoded: 1, scan: { page: 2 } }, { undecoded: 0 }]);
});

test('an image is sent as it is, once, unless it is damaged', async () => {
  const file = { type: 'image/webp', bytes: scanOf('receipt.webp') };
  expect((await nextScan(file, 0)).scan).toEqual({
    page: 1,
    type: 'image/webp',
    image: file.bytes,
  });
  expect(await nextScan(file, 1)).toEqual({ undecoded: 0 });
  const wrong = nextScan({ ...file, type: 'image/png' }, 0);
  await expect(wrong).rejects.toMatchObject({ code: 'unreadable' });
});

test('an image of too many pixels is refused', async () => {
  const png = Buffer.from(scanOf('refund.png'));
  png.writeUInt32BE(10_000, 16);
  png.writeUInt32BE(10_000, 20);
  await expect(nextScan({ type: 'image/png', bytes: png }, 0)).rejects.toMatchObject({
    code: 'too_large',
  });
});

describe('a picture with too many pixels', () => {
  test('becomes the mean of those that each pixel stands for', () => {
    const grey = Uint8Array.from([0, 255, 100, 100, 0, 255, 200, 200, 9, 9, 9, 9, 9, 9, 9, 9]);
    const small = shrinkPicture({ width: 4, height: 4, grey }, 4);
    expect(small).toEqual({ width: 2, height: 2, grey: Uint8Array.from([128, 150, 9, 9]) });
  });

  test.each([
    [1_000, 700, 99_999],
    [3, 100_000, 1_000],
    [100_000, 3, 1_000],
    [1, 1, 1],
  ])('of %i x %i stays below the maximum', (width, height, most) => {
    const grey = new Uint8Array(width * height).fill(7);
    const small = shrinkPicture({ width, height, grey }, most);
    expect(small.width * small.height).toBeLessThanOrEqual(most);
    expect(small.grey).toHaveLength(small.width * small.height);
    expect(new Set(small.grey)).toEqual(new Set([7]));
  });
});

test('transcripts become the text of their pages', async () => {
  const bytes = makeScan([[scan], 'Text', [scan], [scan]]);
  const transcripts = {
    pages: [
      [1, 'One\f\n\n  \nTwo'],
      [3, ''],
      [4, 'Four'],
    ] as const,
    undecoded: 0,
  };
  const read = await divideFile({ type: PDF, bytes, maxCharacters: 2_000, transcripts });
  expect(read.content).toBe('One\n\nTwo\fText\f\fFour');
  expect(read.pieces.map(({ page, content }) => [page, content])).toEqual([
    [1, 'One\n\nTwo'],
    [2, 'Text'],
    [4, 'Four'],
  ]);
});
