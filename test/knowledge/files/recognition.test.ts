import { randomFillSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { divideFile } from '../../../src/knowledge/files/divide-file.ts';
import { encodePng } from '../../../src/knowledge/files/recognition/encode-png.ts';
import { shrinkPicture } from '../../../src/knowledge/files/recognition/shrink-picture.ts';
import { jpegOf } from '../../support/files/make-jpeg.ts';
import {
  ORIENTATIONS,
  pngWithOrientation,
  storedAs,
  withOrientation,
} from '../../support/files/orientations.ts';
import {
  bitImage,
  copierImage,
  greyImage,
  greyPicture,
  imageOf,
  jbig2Of,
  jpegImage,
  makeScan,
  makeTesseractData,
  scanOf,
  TESSERACT,
} from '../../support/files/scans.ts';

const folder = makeTesseractData();
const english = { program: TESSERACT, folder, data: 'eng' };

/** Reads a file, and checks that each piece is the part of the text that it says. */
async function read(type: string, bytes: Buffer, recognition = english) {
  const { content, pieces } = await divideFile({ type, bytes, maxCharacters: 2_000, recognition });
  for (const { content: text, start_offset, end_offset, heading_path, page } of pieces) {
    expect(content.slice(start_offset, end_offset)).toBe(text);
    expect(content.slice(0, start_offset).split('\f')).toHaveLength(page ?? 0);
    expect(heading_path).toEqual([]);
  }
  return pieces.map(({ content: text, page }) => [page, text.replaceAll(/\s+/g, ' ')]);
}

const PDF = 'application/pdf';
const REFUND = 'Invoice 4711 The refund is possible within 30 days.';
const WARRANTY = 'The warranty ends after two years.';

/** Expects a fault with a code, and returns its message. */
async function faultOf(code: string, reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => expect.fail('the file was read'),
    (thrown: Error & { code?: string }) => thrown,
  );
  expect(error).toMatchObject({ code });
  return error.message;
}

describe('an image', () => {
  test.each([
    ['image/png', 'refund.png', REFUND],
    ['image/jpeg', 'warranty.jpg', WARRANTY],
    ['image/webp', 'receipt.webp', 'Please keep the receipt of your purchase.'],
  ])('of the type %s becomes text', async (type, name, text) => {
    expect(await read(type, scanOf(name))).toEqual([[1, text]]);
  });

  test.each([true, false])('is turned as its EXIF segment says (little: %s)', async (isLittle) => {
    const bytes = withOrientation(scanOf('turned.jpg'), 6, isLittle);
    expect(await read('image/jpeg', bytes)).toEqual([[1, 'Turned pictures are read as well.']]);
  });

  const small = shrinkPicture(greyPicture(), 280 * 75);
  test.each(ORIENTATIONS)('of a phone is read upright: orientation %i', async (orientation) => {
    const stored = storedAs(small, orientation);
    const jpeg = withOrientation(jpegOf(stored), orientation);
    expect(await read('image/jpeg', jpeg)).toEqual([[1, REFUND]]);
    const png = pngWithOrientation(encodePng(storedAs(greyPicture(), orientation)), orientation);
    expect(await read('image/png', png)).toEqual([[1, REFUND]]);
  });

  test.each([
    ['image/png', 'warranty.jpg'],
    ['image/jpeg', 'receipt.webp'],
    ['image/webp', 'refund.png'],
  ])('of another type than %s is unreadable', async (type, name) => {
    expect(await faultOf('unreadable', read(type, scanOf(name)))).toContain(type);
  });

  test('that ends too early is unreadable', async () => {
    const png = scanOf('refund.png');
    await faultOf('unreadable', read('image/png', png.subarray(0, png.length / 2)));
    await faultOf('unreadable', read('image/png', png.subarray(0, 20)));
    await faultOf('unreadable', read('image/jpeg', scanOf('warranty.jpg').subarray(0, 1_500)));
  });

  test('with too many pixels is refused before it is decompressed', async () => {
    const png = Buffer.from(scanOf('refund.png'));
    png.writeUInt32BE(30_000, 16);
    png.writeUInt32BE(30_000, 20);
    expect(await faultOf('too_large', read('image/png', png))).toBe(
      'an image has 30000 x 30000 pixels, and the maximum is 40 million pixels',
    );
  });

  test('without letters has no text', async () => {
    const grey = randomFillSync(new Uint8Array(300 * 200));
    const noise = encodePng({ width: 300, height: 200, grey });
    const white = encodePng({ width: 300, height: 200, grey: new Uint8Array(60_000).fill(255) });
    for (const png of [noise, white]) {
      const message = await faultOf('no_text', read('image/png', png));
      expect(message).toBe('no text was recognized in the image');
    }
  });
});

describe('a PDF', () => {
  test('has the text of images on pages without text, with their page', async () => {
    const bytes = makeScan([
      [{ object: jpegImage() }],
      'Written text',
      [],
      [{ object: greyImage() }],
    ]);
    expect(await read(PDF, bytes)).toEqual([
      [1, WARRANTY],
      [2, 'Written text'],
      [4, REFUND],
    ]);
  });

  test.each(['image', 'mask'] as const)('may have one bit for each pixel: %s', async (kind) => {
    expect(await read(PDF, makeScan([[{ object: bitImage(kind) }]]))).toEqual([[1, REFUND]]);
  });

  test('may have a page in strips, in any order', async () => {
    // the second line of text is cut in the middle of its letters
    const above = { object: greyImage(0, 92), placed: '280 0 0 46 50 700' };
    const below = { object: greyImage(92, 150), placed: '280 0 0 29 50 671' };
    expect(await read(PDF, makeScan([[below, above]]))).toEqual([[1, REFUND]]);
  });

  test('may have pages that are turned', async () => {
    const turned = { object: greyImage(), placed: '0 280 -75 0 200 100' };
    expect(await read(PDF, makeScan([[turned]], '/Rotate 90'))).toEqual([[1, REFUND]]);
  });

  test('with an image of too many pixels is refused', async () => {
    const bomb = deflateSync(Buffer.alloc(2_500 * 20_000), { level: 9 });
    const entries = '/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /FlateDecode';
    const bytes = makeScan([[{ object: imageOf(bomb, 20_000, 20_000, entries) }]]);
    expect(await faultOf('too_large', read(PDF, bytes))).toContain('20000 x 20000 pixels');
  });

  test.each(['CCITTFaxDecode', 'JBIG2Decode', 'JPXDecode'] as const)(
    'may be from a copier: %s',
    async (filter) => {
      const bytes = makeScan([[{ object: copierImage(filter) }]]);
      expect(await read(PDF, bytes)).toEqual([[1, REFUND]]);
    },
  );

  test.each([
    ['JBIG2Decode', jbig2Of(Buffer.from('ff'), 0xffff_ffff, 0xffff_ffff)],
    ['JPXDecode', scanOf('refund.jp2').subarray(0, 200)],
  ])('with damaged images has its other text: %s', async (filter, image) => {
    const entries = `/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /${filter}`;
    const object = imageOf(image, 560, 150, entries);
    expect(await faultOf('no_text', read(PDF, makeScan([[{ object }]])))).toContain('damaged');
    expect(await read(PDF, makeScan([[{ object }], 'Written text']))).toEqual([
      [2, 'Written text'],
    ]);
  });

  test('with empty pages needs no data', async () => {
    const recognition = { ...english, data: 'deu' };
    expect(await read(PDF, makeScan([[], 'Written text']), recognition)).toEqual([
      [2, 'Written text'],
    ]);
  });
});

describe('the data', () => {
  test('that are missing are named', async () => {
    const reading = read('image/png', scanOf('refund.png'), { ...english, data: 'deu' });
    expect(await faultOf('no_text', reading)).toBe(
      'the text of images is not recognized: HOWDAH_TESSERACT_DATA has no deu.traineddata: add it, or say another language of the document',
    );
  });

  test('that are damaged are named', async () => {
    const damaged = mkdtempSync(join(tmpdir(), 'howdah-tessdata-'));
    writeFileSync(join(damaged, 'eng.traineddata'), 'no data');
    const reading = read('image/png', scanOf('refund.png'), { ...english, folder: damaged });
    expect(await faultOf('no_text', reading)).toContain('cannot read eng.traineddata');
  });
});

test('without recognition, images have no text', async () => {
  const png = { type: 'image/png', bytes: scanOf('refund.png'), maxCharacters: 2_000 };
  const scan = { ...png, type: PDF, bytes: makeScan([[{ object: jpegImage() }]]) };
  for (const file of [png, scan]) {
    expect(await faultOf('no_text', divideFile(file))).toContain('HOWDAH_TESSERACT_DATA');
  }
});
