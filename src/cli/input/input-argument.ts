import { readFile, stat } from 'node:fs/promises';
import { HowdahError } from '../../contracts/errors.ts';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { CliIo } from '../output/output.ts';
import { readUtf8File, readUtf8Stream } from './utf8-text.ts';

/** The maximum number of bytes to read, more than any text that the database accepts. */
const MAX_BYTES = 16 * 1024 * 1024;

/** The argument that has already read standard input, which can be read only once. */
const readers = new WeakMap<CliIo, string>();

/** The note in help that a text may come from elsewhere. */
export const ARGUMENT_SOURCES = '@FILE reads a file, - reads standard input';

/**
 * Returns the text of an argument or an option. `@FILE` reads a file, `-` reads standard input, and
 * `@@` starts a text that starts with `@`. Removes the last line end of a text that was read.
 * Throws `EUSAGE`.
 */
export async function readTextArgument(io: CliIo, what: string, value: string): Promise<string> {
  if (value.startsWith('@@')) return value.slice(1);
  if (value !== '-' && !value.startsWith('@')) return value;
  const isPiped = value === '-';
  const read = isPiped ? await readPipe(io, what) : await contentOf(what, value.slice(1));
  if (read.trim() !== '') return read.replace(/\r?\n$/, '');
  throw new HowdahError(
    'EUSAGE',
    `${isPiped ? 'standard input' : value.slice(1)} is empty, so ${what} has no value`,
    {
      hint: `${isPiped ? 'Pipe a text to the command' : 'Name another file'}, or write the text instead of ${value}.`,
    },
  );
}

/**
 * Returns the text of an option that takes JSON. The text is unchanged, so that no number is
 * rounded. The JSON null stands for an option that is left out. Throws `EUSAGE`.
 */
export async function readJsonArgument(
  io: CliIo,
  name: string,
  value: string | undefined,
  example = '{"order": 4711}',
): Promise<string | undefined> {
  if (value === undefined) return undefined;
  const text = await readTextArgument(io, `--${name}`, value);
  try {
    return parseJson(text) === null ? undefined : text;
  } catch (cause) {
    const where =
      value === text ? '' : value === '-' ? ' (standard input)' : ` (${value.slice(1)})`;
    throw new HowdahError(
      'EUSAGE',
      `--${name}${where} is not valid JSON: ${(cause as Error).message}`,
      {
        hint: `Quote the JSON for the shell: --${name} '${example}'. To read a file: --${name} @FILE.`,
        cause,
      },
    );
  }
}

/** Returns the parsed value of an option that takes JSON. */
export async function readArgument(
  io: CliIo,
  name: string,
  value: string | undefined,
): Promise<Json | undefined> {
  const text = await readJsonArgument(io, name, value);
  return text === undefined ? undefined : (parseJson(text) as Json);
}

async function readPipe(io: CliIo, what: string): Promise<string> {
  const before = readers.get(io);
  if (before !== undefined) {
    throw new HowdahError('EUSAGE', `standard input cannot be both ${before} and ${what}`, {
      hint: `Write one of them as text, or read it from a file: @FILE.`,
    });
  }
  readers.set(io, what);
  return readUtf8Stream(io.stdin, 'stdin');
}

async function contentOf(what: string, file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (cause) {
    throw new HowdahError(
      'EUSAGE',
      `${what} cannot be read from ${file || 'a file'}: ${(cause as Error).message}`,
      {
        hint: 'Write the name of a UTF-8 text file after @. For a text that starts with @, write @@.',
        detail: { file },
        cause,
      },
    );
  }
}

/** Returns the text of a file. Throws with the reason if it is too large or not UTF-8 text. */
export async function readTextFile(file: string): Promise<string> {
  try {
    await checkFile(file, MAX_BYTES);
    return await readUtf8File(file);
  } catch (cause) {
    throw new Error(reasonOf(cause), { cause });
  }
}

/** Returns the bytes of a file. Throws with the reason if it is empty or too large. */
export async function readFileBytes(file: string, most: number): Promise<Buffer> {
  try {
    await checkFile(file, most);
    const bytes = await readFile(file);
    if (bytes.length === 0) throw new Error('it is empty');
    return bytes;
  } catch (cause) {
    throw new Error(reasonOf(cause), { cause });
  }
}

async function checkFile(file: string, most: number): Promise<void> {
  const found = await stat(file);
  if (!found.isFile() && !found.isFIFO()) throw new Error('it is not a file');
  if (found.size > most) {
    throw new Error(`it has ${found.size} bytes, and the maximum is ${most}`);
  }
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  return code === 'HWINV' ? 'it is not valid UTF-8 text' : message;
}
