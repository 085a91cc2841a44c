import type { PdfPage } from '../pdf/pdfjs.ts';
import type { GreyPicture } from './encode-png.ts';
import { boundsOf, invert, type Matrix, multiply } from './matrix.ts';
import type { PlacedPicture } from './page-images.ts';

// Draws the pictures of a page as the page shows them: turned, and with the strips in which some
// scanners store a page put together. Dark pixels win, since a page may have its paper as one
// picture, and its ink as another.

/** The most pixels of a page that is drawn: A4 at 400 dpi has 15 million. */
const MAX_PAGE_PIXELS = 20_000_000;
/** The most pixels of a unit of a page, which is 1/72 inch. More make no text better. */
const MAX_SCALE = 400 / 72;

/** Draws the pictures of a page, as many pixels as the finest of them has. */
export function drawPage(page: PdfPage, pictures: readonly PlacedPicture[]): GreyPicture {
  const { width, height, transform } = page.getViewport({ scale: 1 });
  const finest = Math.max(...pictures.map(scaleOf));
  const scale = Math.min(finest, MAX_SCALE, Math.sqrt(MAX_PAGE_PIXELS / (width * height)));
  const drawn = {
    width: Math.max(1, Math.floor(width * scale)),
    height: Math.max(1, Math.floor(height * scale)),
  };
  const grey = new Uint8Array(drawn.width * drawn.height).fill(255);
  const toPixels = multiply([scale, 0, 0, scale, 0, 0], transform as unknown as Matrix);
  for (const picture of pictures) {
    drawPicture({ ...drawn, grey }, picture, multiply(toPixels, picture.matrix));
  }
  return { ...drawn, grey };
}

/** Returns the pixels of a picture for each unit of the page. */
function scaleOf({ width, height, matrix: [a, b, c, d] }: PlacedPicture): number {
  const [across, down] = [Math.hypot(a, b), Math.hypot(c, d)];
  return across > 0 && down > 0 ? Math.max(width / across, height / down) : 0;
}

function drawPicture(page: GreyPicture, picture: GreyPicture, matrix: Matrix): void {
  const inverse = invert(matrix);
  if (!inverse) return;
  const [left, top, right, bottom] = boundsOf(matrix);
  const [firstX, lastX] = [Math.max(0, Math.floor(left)), Math.min(page.width, Math.ceil(right))];
  const [firstY, lastY] = [Math.max(0, Math.floor(top)), Math.min(page.height, Math.ceil(bottom))];
  const [a, b, c, d, e, f] = inverse;
  const { width, height, grey } = picture;
  for (let y = firstY; y < lastY; y += 1) {
    for (let x = firstX; x < lastX; x += 1) {
      const u = Math.floor((a * (x + 0.5) + c * (y + 0.5) + e) * width);
      const v = Math.floor((1 - (b * (x + 0.5) + d * (y + 0.5) + f)) * height);
      if (u < 0 || v < 0 || u >= width || v >= height) continue;
      const shade = grey[v * width + u] as number;
      const to = y * page.width + x;
      if (shade < (page.grey[to] as number)) page.grey[to] = shade;
    }
  }
}
