import { readdir } from 'node:fs/promises';
import { TESSERACT_PACKAGE } from '../../knowledge/files/recognition/traineddata.ts';
import { isInstalled } from '../../providers/ai-sdk/packages.ts';
import type { Finding } from './finding.ts';

const ENDING = '.traineddata';

/** Checks whether workers can recognize the text of scans and images, and in which languages. */
export async function textRecognitionFinding(
  folder: string | undefined,
  hasPackage: (name: string) => boolean = isInstalled,
): Promise<Finding> {
  const check = 'text in images';
  if (folder === undefined) {
    const found = 'by models of knowledge bases alone: HOWDAH_TESSERACT_DATA is not set';
    return { check, ok: true, found };
  }
  const data = await namesOf(folder);
  if (data.length === 0) {
    const found = `HOWDAH_TESSERACT_DATA names a folder without readable ${ENDING} files`;
    return { check, ok: false, found, fix: `Set it to the folder with eng${ENDING} or others.` };
  }
  const found = `data of Tesseract: ${data.join(', ')}`;
  if (hasPackage(TESSERACT_PACKAGE)) return { check, ok: true, found };
  const lack = `, but the package ${TESSERACT_PACKAGE} is not installed`;
  return { check, ok: false, found: found + lack, fix: `npm install ${TESSERACT_PACKAGE}` };
}

/** Returns the names of the data in a folder, such as `eng`. */
async function namesOf(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch(() => []);
  return files
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
}
