import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import type { CliIo } from './output.ts';

/**
 * Writes a result to stdout, or to the file of `--out`. Nobody else may read the file, because it
 * contains what people said. Throws `EUSAGE` if the file cannot be written.
 */
export async function writeOutput(
  io: CliIo,
  text: string,
  file: string | undefined,
): Promise<void> {
  if (file === undefined) {
    return io.out(text);
  }
  await writeFile(file, `${text}\n`, { mode: 0o600 }).catch((cause: unknown) => {
    throw unwritableFile('--out', file, cause, ', or omit --out to write to stdout');
  });
  io.err(`wrote ${file}`);
}

/** Returns the error for a file that an option names and that cannot be written. */
export function unwritableFile(
  option: string,
  file: string,
  cause: unknown,
  otherwise = '',
): HowdahError {
  const fault = cause as NodeJS.ErrnoException;
  return new HowdahError(
    'EUSAGE',
    `${option} ${file} cannot be written: ${reasonOf(fault, file)}`,
    {
      hint: `Name a file in an existing, writable folder${otherwise}.`,
      detail: { file, code: fault.code ?? null },
      cause,
    },
  );
}

function reasonOf({ code, message }: NodeJS.ErrnoException, file: string): string {
  switch (code) {
    case 'ENOENT':
      return `there is no folder ${dirname(file)}`;
    case 'ENOTDIR':
      return `${dirname(file)} is not a folder`;
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return 'it is not writable';
    default:
      return message;
  }
}
