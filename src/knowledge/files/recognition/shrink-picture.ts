import type { GreyPicture } from './encode-png.ts';

/**
 * Returns a picture with at most so many pixels. Each of its pixels is the mean of those that it
 * stands for, so that thin strokes stay visible.
 */
export function shrinkPicture(picture: GreyPicture, maxPixels: number): GreyPicture {
  const step = Math.sqrt((picture.width * picture.height) / maxPixels);
  if (step <= 1) return picture;
  const width = between1And(maxPixels, picture.width / step);
  const height = between1And(maxPixels / width, picture.height / step); // of a strip, width is 1
  const columns = boundsOf(picture.width, width);
  const rows = boundsOf(picture.height, height);
  const grey = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 1) {
      grey[to] = meanOf(picture, columns, x, rows, y);
    }
  }
  return { width, height, grey };
}

const between1And = (most: number, value: number) => Math.max(1, Math.floor(Math.min(most, value)));

/** Returns where each of `count` equal parts of a length begins, and the end of the last one. */
function boundsOf(length: number, count: number): Int32Array {
  return Int32Array.from({ length: count + 1 }, (_, at) => Math.floor((at * length) / count));
}

function meanOf(
  { width, grey }: GreyPicture,
  columns: Int32Array,
  x: number,
  rows: Int32Array,
  y: number,
): number {
  const [left, right] = [columns[x] as number, columns[x + 1] as number];
  const [top, bottom] = [rows[y] as number, rows[y + 1] as number];
  let sum = 0;
  for (let row = top; row < bottom; row += 1) {
    for (let at = row * width + left; at < row * width + right; at += 1) sum += grey[at] as number;
  }
  return Math.round(sum / ((right - left) * (bottom - top)));
}
