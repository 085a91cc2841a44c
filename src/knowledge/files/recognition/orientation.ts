import type { GreyPicture } from './encode-png.ts';

/** The orientation of a picture that is stored as it is shown. */
export const UPRIGHT = 1;
const ORIENTATION = 0x0112;

/** Returns the orientation that fields of EXIF name, from 1 to 8, else upright. */
export function orientationOf(exif: Buffer | undefined): number {
  if (!exif || exif.length < 8) return UPRIGHT;
  const order = exif.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return UPRIGHT;
  const isLittle = order === 'II';
  const short = (at: number) => (isLittle ? exif.readUInt16LE(at) : exif.readUInt16BE(at));
  const start = isLittle ? exif.readUInt32LE(4) : exif.readUInt32BE(4);
  if (start + 2 > exif.length) return UPRIGHT;
  const entries = short(start);
  for (let index = 0; index < entries; index += 1) {
    const at = start + 2 + 12 * index;
    if (at + 12 > exif.length) return UPRIGHT;
    const value = short(at + 8);
    if (short(at) === ORIENTATION) return value >= 1 && value <= 8 ? value : UPRIGHT;
  }
  return UPRIGHT;
}

/** Turns and mirrors a picture that is stored in an orientation, so that it is upright. */
export function turnUpright(picture: GreyPicture, orientation: number): GreyPicture {
  if (orientation === UPRIGHT) return picture;
  const { width, height, grey } = picture;
  const isTurned = orientation >= 5; // its rows are shown as columns
  const upright = isTurned ? { width: height, height: width } : { width, height };
  const isMirrored = [2, 3, 6, 7].includes(orientation); // from right to left
  const isUpsideDown = [3, 4, 7, 8].includes(orientation);
  const turned = new Uint8Array(grey.length);
  for (let y = 0, to = 0; y < upright.height; y += 1) {
    const down = isUpsideDown ? upright.height - 1 - y : y;
    for (let x = 0; x < upright.width; x += 1, to += 1) {
      const across = isMirrored ? upright.width - 1 - x : x;
      turned[to] = grey[isTurned ? across * width + down : down * width + across] as number;
    }
  }
  return { ...upright, grey: turned };
}
