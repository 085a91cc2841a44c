import { describe, expect, test } from 'vitest';
import { divideFile } from '../../../src/knowledge/files/divide-file.ts';
import { encodePng } from '../../../src/knowledge/files/recognition/encode-png.ts';
import { readImageHeader } from '../../../src/knowledge/files/recognition/image-header.ts';
import {
  type NextScan,
  nextScan,
  type Scan,
} from '../../../src/knowledge/files/recognition/next-scan.ts';
import { shrinkPicture } from '../../../src/knowledge/files/recognition/shrink-picture.ts';
import { jpegOf } from '../../support/files/make-jpeg.ts';
import { type PngColor, pngOf, readGreyPng } from '../../support/files/make-png.ts';
import {
  ORIENTATIONS,
  pngWithOrientation,
  storedAs,
  webpWithOrientation,
  withOrientation,
} from '../../support/files/orientations.ts';
import { greyImage, imageOf, jpegImage, makeScan, scanOf } from '../../support/files/scans.ts';

// Images of text that a model is sent, and the text that is made of what it answers.

const PDF = 'application/pdf';
const scan = { object: jpegImage() };

const decodePng = (scan: Scan | undefined) => readGreyPng(scan?.image ?? new Uint8Array());

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
  const { width, height, grey } = decodePng(found[0]?.scan);
  expect(width).toBeGreaterThan(1_000); // as fine as the image on the page
  expect(height).toBeGreaterThan(width);
  expect(new Set(grey).size).toBeGreaterThan(2);
});

test('pages with images that cannot be decoded are counted', async () => {
  const broken = imageOf(
    Buffer.from('nothing'),
    100,
    100,
    '/ColorSpace /DeviceGray /Filter /JPXDecode',
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

describe('an image that is turned', () => {
  const upright = { width: 24, height: 40, grey: Uint8Array.from({ length: 960 }, (_, at) => at) };
  const bricks = { width: 3, height: 5, grey: upright.grey.slice(0, 15) };

  test.each(ORIENTATIONS)('is sent upright: JPEG, orientation %i', async (orientation) => {
    const bytes = withOrientation(jpegOf(storedAs(bricks, orientation)), orientation);
    const { scan } = await nextScan({ type: 'image/jpeg', bytes }, 0);
    if (orientation === 1)
      return expect(scan).toEqual({ page: 1, type: 'image/jpeg', image: bytes });
    const { width, height, grey } = decodePng(scan);
    expect([width, height]).toEqual([24, 40]); // a brick has 8 x 8 pixels
    const corners = Array.from(
      { length: 15 },
      (_, at) => grey[24 * 8 * Math.floor(at / 3) + 8 * (at % 3)],
    );
    expect(Uint8Array.from(corners as number[])).toEqual(bricks.grey);
  });

  test.each(ORIENTATIONS.slice(1))('is sent upright: PNG, orientation %i', async (orientation) => {
    const bytes = pngWithOrientation(encodePng(storedAs(upright, orientation)), orientation);
    const { scan } = await nextScan({ type: 'image/png', bytes }, 0);
    expect(decodePng(scan)).toEqual(upright);
  });

  const half = { ...{ type: 6, bits: 8 }, two: [20, 20, 20, 128, 20, 20, 20, 128] };
  const dark = { ...{ type: 0, bits: 16 }, two: [51, 51, 51, 51] };
  test.each<[string, PngColor, number]>([
    ['shades of 16 bits', dark, 51],
    ['colors', { type: 2, bits: 8, two: [200, 200, 200, 200, 200, 200] }, 200],
    ['a palette of 4 bits', { type: 3, bits: 4, two: [0x11], palette: [9, 9, 9, 77, 77, 77] }, 77],
    ['shades and opacity', { type: 4, bits: 8, two: [0, 255, 0, 255] }, 0],
    ['transparent shades', { type: 4, bits: 8, two: [0, 0, 0, 0] }, 255],
    ['half transparent colors', half, 137],
  ])('may be a PNG with %s', async (_name, color, shade) => {
    const bytes = pngWithOrientation(pngOf(32, 16, color), 3);
    const { scan } = await nextScan({ type: 'image/png', bytes }, 0);
    expect(new Set(decodePng(scan).grey)).toEqual(new Set([shade]));
  });

  test('is sent as it is in a format that is not decoded', async () => {
    const small = jpegOf({ width: 1, height: 1, grey: Uint8Array.of(0) });
    const cmyk = Buffer.from(jpegOf({ width: 3, height: 3, grey: new Uint8Array(9) }));
    cmyk[cmyk.indexOf('ffc0', 'hex') + 9] = 4;
    for (const [type, bytes] of [
      ['image/jpeg', withOrientation(small, 6)],
      ['image/jpeg', withOrientation(cmyk, 6)],
      ['image/png', pngWithOrientation(pngOf(32, 16, { ...dark, isInterlaced: true }), 6)],
      ['image/webp', webpWithOrientation(scanOf('receipt.webp'), 6)],
    ] as const) {
      expect(readImageHeader(type, bytes).orientation).toBe(6);
      expect((await nextScan({ type, bytes }, 0)).scan).toEqual({ page: 1, type, image: bytes });
    }
  });

  test('is unreadable if it is damaged', async () => {
    const png = scanOf('refund.png');
    const bytes = pngWithOrientation(png.subarray(0, png.length / 2), 6);
    const reading = nextScan({ type: 'image/png', bytes }, 0);
    await expect(reading).rejects.toMatchObject({ code: 'unreadable' });
  });
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
