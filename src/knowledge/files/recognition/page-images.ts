import { fileFault } from '../file-fault.ts';
import { loadPdfJs, type PdfPage } from '../pdf/pdfjs.ts';
import type { GreyPicture } from './encode-png.ts';
import { IDENTITY, type Matrix, multiply } from './matrix.ts';

/** A picture on a page. The matrix maps the unit square to the page, whose origin is below. */
export type PlacedPicture = GreyPicture & { matrix: Matrix };

/** The pictures of a page, and the number of those in a format that cannot be decoded. */
export type PageImages = { pictures: PlacedPicture[]; undecoded: number };

/** The most pixels of an image: A4 at 600 dpi has 35 million. */
export const MAX_PIXELS = 40_000_000;
/** The least width and height of a picture that may show text, in pixels. */
export const MIN_SIDE = 16;

/** An image as PDF.js decodes it. `kind` is undefined for a mask, which is painted black. */
type Decoded = { width: number; height: number; kind?: number; data?: Uint8Array | string };
/** The kinds of images of PDF.js. */
const KINDS = { bits: 1, rgb: 2, rgba: 3 } as const;

/** Returns the pictures that a page shows. Throws `too_large` for one with too many pixels. */
export async function imagesOf(page: PdfPage): Promise<PageImages> {
  const { OPS } = await loadPdfJs();
  const { fnArray, argsArray } = await page.getOperatorList();
  const found: PageImages = { pictures: [], undecoded: 0 };
  const saved: Matrix[] = [];
  let matrix = IDENTITY;
  const restore = () => {
    matrix = saved.pop() ?? IDENTITY;
  };
  for (const [index, operator] of fnArray.entries()) {
    const args = argsArray[index];
    if (operator === OPS.save) saved.push(matrix);
    else if (operator === OPS.restore) restore();
    else if (operator === OPS.transform) matrix = multiply(matrix, args as Matrix);
    else if (operator === OPS.paintFormXObjectBegin) {
      saved.push(matrix);
      if (args[0]) matrix = multiply(matrix, args[0] as Matrix);
    } else if (operator === OPS.paintFormXObjectEnd) restore();
    else if (operator === OPS.paintImageXObject) {
      refuseLarge(args[1], args[2]);
      addImage(found, await objectOf(page, args[0]), matrix);
    } else if (operator === OPS.paintInlineImageXObject) addImage(found, args[0], matrix);
    else if (operator === OPS.paintImageMaskXObject) {
      addImage(found, await maskOf(page, args[0]), matrix);
    }
  }
  return found;
}

/** Returns an object of a page, or of several pages; null for an image that cannot be decoded. */
function objectOf(page: PdfPage, id: string): Promise<Decoded | null> {
  const objects = id.startsWith('g_') ? page.commonObjs : page.objs;
  return new Promise((resolve) => objects.get(id, resolve));
}

async function maskOf(page: PdfPage, mask: Decoded): Promise<Decoded | null> {
  refuseLarge(mask.width, mask.height);
  const { data } = mask;
  const decoded = typeof data === 'string' ? await objectOf(page, data) : mask;
  return decoded && { width: mask.width, height: mask.height, data: decoded.data ?? '' };
}

function addImage(found: PageImages, decoded: Decoded | null, matrix: Matrix): void {
  if (!decoded) found.undecoded += 1;
  else {
    const { width, height } = decoded;
    refuseLarge(width, height);
    if (width < MIN_SIDE || height < MIN_SIDE) return;
    const grey = greyOf(decoded);
    if (grey) found.pictures.push({ width, height, grey, matrix });
    else found.undecoded += 1;
  }
}

function refuseLarge(width: number, height: number): void {
  if (width * height > MAX_PIXELS) throw withTooManyPixels(width, height);
}

/** Returns the fault of an image that is too large to be decoded. */
export const withTooManyPixels = (width: number, height: number): Error =>
  fileFault(
    'too_large',
    `an image has ${width} x ${height} pixels, and the maximum is ${MAX_PIXELS / 1_000_000} million pixels`,
  );

/** Returns the shades of an image on white; undefined if its data are not complete. */
function greyOf({ width, height, kind, data }: Decoded): Uint8Array | undefined {
  if (!data || typeof data === 'string') return undefined;
  const isBits = kind === undefined || kind === KINDS.bits;
  const rowBytes = isBits ? (width + 7) >> 3 : width * (kind === KINDS.rgb ? 3 : 4);
  if (data.length < rowBytes * height) return undefined;
  return isBits ? greyOfBits(width, height, data) : greyOfColors(width * height, kind, data);
}

function greyOfBits(width: number, height: number, data: Uint8Array): Uint8Array {
  const grey = new Uint8Array(width * height);
  const rowBytes = (width + 7) >> 3;
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 1) {
      const byte = data[y * rowBytes + (x >> 3)] as number;
      grey[to] = byte & (0x80 >> (x & 7)) ? 255 : 0;
    }
  }
  return grey;
}

function greyOfColors(pixels: number, kind: number, data: Uint8Array): Uint8Array {
  const grey = new Uint8Array(pixels);
  const step = kind === KINDS.rgb ? 3 : 4;
  for (let to = 0, at = 0; to < pixels; to += 1, at += step) {
    const [red, green, blue] = [data[at], data[at + 1], data[at + 2]] as [number, number, number];
    const shade = (77 * red + 150 * green + 29 * blue) >> 8;
    const alpha = step === 3 ? 255 : (data[at + 3] as number);
    grey[to] = (255 + ((shade - 255) * alpha) / 255) | 0;
  }
  return grey;
}
