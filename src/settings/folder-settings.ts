import { resolve } from 'node:path';
import { z } from 'zod';

/** Settings of folders besides HOWDAH_HOME. */
export type FolderSettings = Readonly<{
  /**
   * The absolute path where months are archived before they are dropped. Without a path, months are
   * not archived.
   */
  archiveFolder: string | undefined;
  /**
   * The absolute path of the data of Tesseract. Without a path, workers do not recognize the text
   * of images.
   */
  tesseractData: string | undefined;
}>;

const folder = z.string().min(1).optional();

/** Variables of folders besides HOWDAH_HOME. */
export const folderVariables = {
  HOWDAH_ARCHIVE_FOLDER: [
    folder,
    'the path of a folder where months are archived before they are dropped',
  ],
  HOWDAH_TESSERACT_DATA: [
    folder,
    'the folder of the .traineddata files of Tesseract, such as /usr/share/tesseract-ocr/5/tessdata',
  ],
} as const;

/** Returns the settings of folders, with absolute paths. */
export function folderSettings(
  values: Readonly<Record<keyof typeof folderVariables, string | undefined>>,
): FolderSettings {
  return {
    archiveFolder: values.HOWDAH_ARCHIVE_FOLDER && resolve(values.HOWDAH_ARCHIVE_FOLDER),
    tesseractData: values.HOWDAH_TESSERACT_DATA && resolve(values.HOWDAH_TESSERACT_DATA),
  };
}
