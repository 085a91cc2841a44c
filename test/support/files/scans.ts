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

/** Returns a picture of text, such as refund.png. refund.g4 is its fax without a header. */
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

const BITS = '/ColorSpace /DeviceGray /BitsPerComponent 1';

/** Returns refund.png as a copier stores it: as fax of group 4, JBIG2 or JPEG 2000. */
export function copierImage(filter: 'CCITTFaxDecode' | 'JBIG2Decode' | 'JPXDecode'): Buffer {
  const fax = scanOf('refund.g4');
  const { bytes, entries } = {
    CCITTFaxDecode: {
      bytes: fax,
      entries: `${BITS} /DecodeParms << /K -1 /Columns ${WIDTH} /Rows ${HEIGHT} >>`,
    },
    JBIG2Decode: { bytes: jbig2Of(fax, WIDTH, HEIGHT), entries: BITS },
    JPXDecode: { bytes: scanOf('refund.jp2'), entries: '' },
  }[filter];
  return imageOf(bytes, WIDTH, HEIGHT, `${entries} /Filter /${filter}`);
}

/** Returns a page of JBIG2 with one region, whose pixels are a fax. */
export function jbig2Of(fax: Buffer, width: number, height: number): Buffer {
  const size = [width, height, 0, 0];
  const page = Buffer.concat([numbers(...size), Buffer.from([0, 0, 0])]);
  const region = Buffer.concat([numbers(...size), Buffer.from([0, 1]), fax]);
  return Buffer.concat([segmentOf(0, 48, page), segmentOf(1, 38, region)]);
}

/** Returns a segment of JBIG2, of page 1. Type 48 describes the page, 38 is a region. */
function segmentOf(number: number, type: number, data: Buffer): Buffer {
  return Buffer.concat([numbers(number), Buffer.from([type, 0, 1]), numbers(data.length), data]);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
