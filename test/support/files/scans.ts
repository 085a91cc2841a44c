import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateSync, gunzipSync, inflateSync } from 'node:zlib';
import type { GreyPicture } from '../../../src/knowledge/files/recognition/encode-png.ts';
import { pdfOf, streamOf } from './make-pdf.ts';

const { resolve } = createRequire(import.meta.url);
const FOLDER = new URL('../../fixtures/scans/', import.meta.url);

/** The program of Tesseract, as workers find it. */
export const TESSERACT = join(dirname(resolve('tesseract.js-core')), 'tesseract-core-simd-lstm.js');

/** Makes a folder with the English data of Tesseract, as a distribution packages them. */
export function makeTesseractData(): string {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-tessdata-'));
  const packed = join(
    dirname(resolve('@tesseract.js-data/eng')),
    '4.0.0_best_int/eng.traineddata.gz',
  );
  writeFileSync(join(folder, 'eng.traineddata'), gunzipSync(readFileSync(packed)));
  return folder;
}

/** Returns a picture of text: refund.png, warranty.jpg, turned.jpg or receipt.webp. */
export const scanOf = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

/** An image of a PDF, and where it is: a map of the unit square to the page. */
export type PageImage = { object: Buffer; placed?: string };

/** Returns a PDF whose pages show images, or lines of text. */
export function makeScan(pages: readonly (readonly PageImage[] | string)[], entries = ''): Buffer {
  const objects: (string | Buffer)[] = [];
  const add = (object: string | Buffer) => `${objects.push(object)} 0 R`;
  add('<< /Type /Catalog /Pages 2 0 R >>');
  add(''); // the list of pages, whose numbers are not known yet
  const font = add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  const kids = pages.map((page) => {
    const images = typeof page === 'string' ? [] : page;
    const names = images.map(({ object }, index) => `/I${index} ${add(object)}`).join(' ');
    const drawn = images.map(
      ({ placed = '280 0 0 75 50 700' }, index) => `q ${placed} cm /I${index} Do Q`,
    );
    const content = typeof page === 'string' ? `BT /F1 12 Tf 50 780 Td (${page}) Tj ET` : '';
    const contents = add(streamOf(Buffer.from(content + drawn.join('\n'))));
    return add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] ${entries} /Contents ${contents} /Resources << /Font << /F1 ${font} >> /XObject << ${names} >> >> >>`,
    );
  });
  objects[1] = `<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${pages.length} >>`;
  return pdfOf(objects);
}

/** Returns an image of a PDF with any bytes. */
export const imageOf = (bytes: Buffer, width: number, height: number, entries: string): Buffer =>
  streamOf(bytes, `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} ${entries}`);

/** Returns the picture warranty.jpg as image of a PDF. */
export const jpegImage = (): Buffer =>
  imageOf(
    scanOf('warranty.jpg'),
    560,
    150,
    '/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode',
  );

const WIDTH = 560;
const HEIGHT = 150;

/** Returns the shades of the rows of refund.png, which has no filters. */
function greyRows(): Buffer[] {
  const png = scanOf('refund.png');
  const at = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  return Array.from({ length: HEIGHT }, (_, y) =>
    rows.subarray(y * (WIDTH + 1) + 1, (y + 1) * (WIDTH + 1)),
  );
}

const FLATE = '/Filter /FlateDecode';

/** Returns refund.png as it is decoded. */
export const greyPicture = (): GreyPicture => ({
  width: WIDTH,
  height: HEIGHT,
  grey: Buffer.concat(greyRows()),
});

/** Returns rows of refund.png as an image in shades of grey. */
export function greyImage(from = 0, to = HEIGHT): Buffer {
  const bytes = deflateSync(Buffer.concat(greyRows().slice(from, to)));
  return imageOf(bytes, WIDTH, to - from, `/ColorSpace /DeviceGray /BitsPerComponent 8 ${FLATE}`);
}

/** Returns refund.png with one bit for each pixel: as an image, or as a mask that is painted. */
export function bitImage(kind: 'image' | 'mask'): Buffer {
  const bits = greyRows().map((row) => {
    const packed = Buffer.alloc(WIDTH / 8);
    row.forEach((shade, x) => {
      if (shade > 127) packed[x >> 3] = (packed[x >> 3] ?? 0) | (0x80 >> (x & 7));
    });
    return packed;
  });
  const entries = kind === 'mask' ? '/ImageMask true' : '/ColorSpace /DeviceGray';
  return imageOf(
    deflateSync(Buffer.concat(bits)),
    WIDTH,
    HEIGHT,
    `${entries} /BitsPerComponent 1 ${FLATE}`,
  );
}
