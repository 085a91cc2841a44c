import { fileFault } from '../file-fault.ts';
import { findPage } from '../pdf/read-pdf.ts';
import type { GreyPicture } from './encode-png.ts';
import { findChunks, type ImageHeader, PNG_CHUNKS } from './image-header.ts';
import { imagesOf, MIN_SIDE } from './page-images.ts';

// PDF.js decodes JPEG, and the compressed rows of PNG, but only as an image of a PDF. So this makes
// a PDF with one image.

/**
 * Decodes a JPEG or PNG as it is stored, without its orientation. Returns undefined for images that
 * are too small to show text, and in formats that PDF.js does not know: WebP, JPEG of other colors
 * than grey and RGB, and interlaced PNG. Throws `unreadable` for a damaged one.
 */
export async function decodeImage(
  type: string,
  bytes: Buffer,
  header: ImageHeader,
): Promise<GreyPicture | undefined> {
  if (Math.min(header.width, header.height) < MIN_SIDE) return undefined;
  const image =
    type === 'image/jpeg'
      ? jpegImage(bytes, header)
      : type === 'image/png'
        ? pngImage(bytes, header)
        : undefined;
  if (!image) return undefined;
  const picture = await findPage(makePdf(image, header), 0, async (page) => {
    const { pictures } = await imagesOf(page);
    return pictures[0];
  });
  if (!picture) throw fileFault('unreadable', 'the image is damaged');
  return picture;
}

/** An image of a PDF: its entries besides its size, and the function that its colors call. */
type PdfImage = { bytes: Buffer; entries: string; calls?: string | undefined };

function jpegImage(bytes: Buffer, { values }: ImageHeader): PdfImage | undefined {
  if (values !== 1 && values !== 3) return undefined;
  const space = values === 1 ? '/DeviceGray' : '/DeviceRGB';
  return { bytes, entries: `/ColorSpace ${space} /BitsPerComponent 8 /Filter /DCTDecode` };
}

// Functions that draw a shade, and three of them, with their opacity on white.
const GREY_ON_WHITE = '{ exch 1 exch sub mul 1 exch sub }';
const SHADE_ON_WHITE = '1 exch sub 3 index mul 1 exch sub 3 1 roll ';
const COLOR_ON_WHITE = `{ 4 1 roll ${SHADE_ON_WHITE.repeat(3)} 4 -1 roll pop }`;

type PngColor = { values: number; space: string; calls?: string };

/** The values of a pixel and their meaning, by the type of color of a PNG. */
const PNG_COLORS: Readonly<Record<number, PngColor>> = {
  0: { values: 1, space: '/DeviceGray' },
  2: { values: 3, space: '/DeviceRGB' },
  3: { values: 1, space: '' }, // the chunk PLTE has it
  4: { values: 2, space: '[/DeviceN [/G /A] /DeviceGray 6 0 R]', calls: GREY_ON_WHITE },
  6: { values: 4, space: '[/DeviceN [/R /G /B /A] /DeviceRGB 6 0 R]', calls: COLOR_ON_WHITE },
};

function pngImage(bytes: Buffer, { width }: ImageHeader): PdfImage | undefined {
  const [bits, type, isInterlaced] = [bytes[24], bytes[25] ?? -1, bytes[28] !== 0];
  const color = PNG_COLORS[type];
  if (!color || isInterlaced) return undefined;
  const { values, space, calls } = color;
  const rows = `/Predictor 15 /Colors ${values} /BitsPerComponent ${bits} /Columns ${width}`;
  const colors = `/ColorSpace ${space || paletteOf(bytes)} /BitsPerComponent ${bits}`;
  const entries = `${colors} /Filter /FlateDecode /DecodeParms << ${rows} >>`;
  return { bytes: Buffer.concat(findChunks(bytes, 8, PNG_CHUNKS, 'IDAT')), entries, calls };
}

function paletteOf(bytes: Buffer): string {
  const [colors = Buffer.alloc(3)] = findChunks(bytes, 8, PNG_CHUNKS, 'PLTE');
  return `[/Indexed /DeviceRGB ${Math.floor(colors.length / 3) - 1} <${colors.toString('hex')}>]`;
}

function makePdf({ bytes, entries, calls }: PdfImage, { width, height }: ImageHeader): Buffer {
  const image = `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} ${entries}`;
  const page = `/MediaBox [0 0 ${width} ${height}] /Resources << /XObject << /I 5 0 R >> >>`;
  const [domain, range] =
    calls === GREY_ON_WHITE ? ['0 1 0 1', '0 1'] : ['0 1 0 1 0 1 0 1', '0 1 0 1 0 1'];
  return writePdf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /Contents 4 0 R ${page} >>`,
    streamOf('', `${width} 0 0 ${height} 0 0 cm /I Do`),
    streamOf(image, bytes),
    streamOf(`/FunctionType 4 /Domain [${domain}] /Range [${range}]`, calls ?? '{}'),
  ]);
}

function streamOf(entries: string, bytes: Buffer | string): Buffer {
  return Buffer.concat([
    Buffer.from(`<< /Length ${bytes.length} ${entries} >>\nstream\n`),
    Buffer.from(bytes),
    Buffer.from('\nendstream'),
  ]);
}

/** Returns a PDF of objects, the first of which is the catalog. */
function writePdf(objects: readonly (Buffer | string)[]): Buffer {
  const parts = [Buffer.from('%PDF-1.7\n')];
  let places = '';
  let at = parts[0]?.length ?? 0;
  for (const [index, object] of objects.entries()) {
    places += `${String(at).padStart(10, '0')} 00000 n \n`;
    const head = Buffer.from(`${index + 1} 0 obj\n`);
    const part = Buffer.concat([head, Buffer.from(object), Buffer.from('\nendobj\n')]);
    parts.push(part);
    at += part.length;
  }
  const size = objects.length + 1;
  parts.push(
    Buffer.from(
      `xref\n0 ${size}\n0000000000 65535 f \n${places}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}
