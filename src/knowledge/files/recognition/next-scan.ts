import { isImageDocument } from '../../../contracts/document-types.ts';
import { findPage } from '../pdf/read-pdf.ts';
import { decodeImage } from './decode-image.ts';
import { drawPage } from './draw-page.ts';
import { encodePng } from './encode-png.ts';
import { checkImage, type ImageHeader } from './image-header.ts';
import { turnUpright, UPRIGHT } from './orientation.ts';
import { imagesOf } from './page-images.ts';
import { shrinkPicture } from './shrink-picture.ts';

/** An image of text: a file that is an image, or a page that is drawn from its images. */
export type Scan = { page: number; type: string; image: Uint8Array };

/** The next image, if any, and the pages before with an image that cannot be decoded. */
export type NextScan = { scan?: Scan; undecoded: number };

/** The most pixels of a page for a model: A4 at 200 dpi. Vendors make larger ones smaller. */
const MAX_PIXELS = 4_000_000;
/** The compression of PNG, since the image is sent over a network. */
const LEVEL = 6;

/**
 * Returns the image of the next page without text, after the page of this number. Call it in a
 * process of its own, like `divideFile`, whose errors it throws.
 */
export async function nextScan(
  { type, bytes: given }: { type: string; bytes: Uint8Array },
  after: number,
): Promise<NextScan> {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (isImageDocument(type)) {
    const header = checkImage(type, bytes);
    return { undecoded: 0, ...(after === 0 && { scan: await scanOfImage(type, bytes, header) }) };
  }
  if (type !== 'application/pdf') return { undecoded: 0 };
  let undecoded = 0;
  const scan = await findPage(bytes, after, async (page) => {
    const found = await imagesOf(page);
    if (found.undecoded > 0) undecoded += 1;
    if (found.pictures.length === 0) return undefined;
    const picture = shrinkPicture(drawPage(page, found.pictures), MAX_PIXELS);
    return { page: page.pageNumber, type: 'image/png', image: encodePng(picture, LEVEL) };
  });
  return { undecoded, ...(scan && { scan }) };
}

/** Returns an image as it is; one that is turned as a picture that is upright. */
async function scanOfImage(type: string, bytes: Buffer, header: ImageHeader): Promise<Scan> {
  const { orientation } = header;
  const stored = orientation === UPRIGHT ? undefined : await decodeImage(type, bytes, header);
  if (!stored) return { page: 1, type, image: bytes };
  const picture = turnUpright(shrinkPicture(stored, MAX_PIXELS), orientation);
  return { page: 1, type: 'image/png', image: encodePng(picture, LEVEL) };
}
