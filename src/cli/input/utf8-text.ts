import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { HowdahError } from '../../contracts/errors.ts';

/** Returns the text of a file. Throws `HWINV` if it is not UTF-8, or why it cannot be read. */
export const readUtf8File = async (path: string): Promise<string> =>
  utf8Text(await readFile(path), path);

/** Returns the text of a stream. Throws `HWINV`, with its name, if it is not UTF-8. */
export const readUtf8Stream = async (
  stream: NodeJS.ReadableStream,
  name: string,
): Promise<string> => utf8Text(await buffer(stream), name);

/** Returns the bytes of a file as text. Throws `HWINV`, with its name, if they are not UTF-8. */
export function utf8Text(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HowdahError('HWINV', `${name}:1:1: the file is not valid UTF-8 text`, {
      hint: 'Save it as UTF-8.',
      detail: { file: name },
      cause,
    });
  }
}
