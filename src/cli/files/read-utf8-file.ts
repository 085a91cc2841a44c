import { readFile } from 'node:fs/promises';
import { HowdahError } from '../../contracts/errors.ts';

/** Returns the text of a file. Throws `HWINV` if it is not UTF-8, or why it cannot be read. */
export async function readUtf8File(path: string): Promise<string> {
  const bytes = await readFile(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HowdahError('HWINV', `${path}:1:1: the file is not valid UTF-8 text`, {
      hint: 'Save the file as UTF-8.',
      detail: { file: path },
      cause,
    });
  }
}
