import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { typeOfName } from '../../tools/file-type.ts';

/** The maximum number of bytes in a row of `howdah.resources`. */
const MAX_BYTES = 8 * 1024 * 1024;

/** A file that is attached to a run. */
export type Attachment = { name: string; type: string; bytes: Buffer };

export const ATTACH_OPTION = [
  '--attach <file>',
  'attach a file of at most 8 MB; may be repeated',
  (file: string, before: string[] = []) => [...before, file],
] as const;

/** Reads all files before anything is written, so that a missing file leaves nothing behind. */
export function readAttached(files: readonly string[] = []): Promise<Attachment[]> {
  return Promise.all(files.map(readOne));
}

/** Returns the content parts that refer to the resources with the files. */
export function partsOf(ids: readonly string[]): { type: 'resource'; resource_id: string }[] {
  return ids.map((resource_id) => ({ type: 'resource', resource_id }));
}

async function readOne(file: string): Promise<Attachment> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw attachError(
      file,
      cause.code === 'ENOENT' ? 'there is no such file' : cause.message,
      cause,
    );
  });
  if (!found.isFile()) throw attachError(file, 'it is not a file');
  if (found.size > MAX_BYTES) throw attachError(file, `it has ${found.size} bytes`);
  const bytes = await readFile(file).catch((cause: Error) => {
    throw attachError(file, cause.message, cause);
  });
  return { name: basename(file), type: typeOfName(file), bytes };
}

function attachError(file: string, why: string, cause?: unknown): HowdahError {
  return new HowdahError('EUSAGE', `--attach ${file} cannot be used: ${why}`, {
    hint: 'Name a readable file of at most 8 MB. Use --attach once for each file.',
    detail: { field: '--attach', file },
    cause,
  });
}
