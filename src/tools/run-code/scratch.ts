import { firstCharacters } from '../../text/truncate.ts';
import { isType } from '../file-type.ts';
import type { CodeFile } from './job.ts';

/**
 * Most files that one call returns, and their largest total size. The files at the start have the
 * same limits.
 */
export const MAX_FILES = 20;
export const FILES_BYTES = 8 * 1024 * 1024;
const NAME_BYTES = 200;

/** Returns the fault of a file name in a scratch folder, which has no subfolders. */
export function nameFault(name: string): string | undefined {
  const said = JSON.stringify(firstCharacters(name, NAME_BYTES));
  if (!/\S/.test(name) || Buffer.byteLength(name) > NAME_BYTES) {
    return `a file has a name of 1 to ${NAME_BYTES} bytes, ${said} has not`;
  }
  if (/[/\\]/.test(name) || name === '.' || name === '..') {
    return `${said} is no name of a file: there are no folders, take a name without / and \\`;
  }
  return /\p{Cc}|\u2028|\u2029/u.test(name) || !name.isWellFormed()
    ? `${said} is no name of a file: it has characters that cannot be printed`
    : undefined;
}

/**
 * The scratch folder of one call: the files at the start, and the files that the code wrote. Faults
 * are thrown as errors with a message for the model.
 */
export class Scratch {
  readonly #inputs: ReadonlyMap<string, CodeFile>;
  readonly #written = new Map<string, CodeFile>();
  #bytes = 0;

  constructor(inputs: readonly CodeFile[]) {
    this.#inputs = new Map(inputs.map((file) => [file.name, file]));
  }

  /** Returns the files to return: the written files that differ from the files at the start. */
  get made(): CodeFile[] {
    return [...this.#written.values()].filter(({ name, bytes }) => {
      const input = this.#inputs.get(name);
      return !input || Buffer.compare(input.bytes, bytes) !== 0;
    });
  }

  write({ name, bytes, type }: CodeFile): void {
    const fault = nameFault(name);
    if (fault !== undefined) throw new Error(fault);
    if (type !== undefined && !isType(type)) {
      throw new Error(
        `${JSON.stringify(firstCharacters(type, 100))} is no MIME type, such as text/csv: leave it out`,
      );
    }
    const together = this.#bytes + bytes.byteLength - (this.#written.get(name)?.bytes.length ?? 0);
    if (together > FILES_BYTES) {
      throw new Error(
        `the files would have ${together} bytes together, at most ${FILES_BYTES} come back: write less`,
      );
    }
    if (!this.#written.has(name) && this.#written.size === MAX_FILES) {
      throw new Error(
        `at most ${MAX_FILES} files come back: put what belongs together into one file`,
      );
    }
    this.#bytes = together;
    this.#written.set(name, { name, bytes, ...(type === undefined ? {} : { type }) });
  }

  read(name: string): Uint8Array {
    const file = this.#written.get(name) ?? this.#inputs.get(name);
    if (!file) {
      const names = this.list().map((one) => one.name);
      throw new Error(
        `there is no file ${JSON.stringify(firstCharacters(name, NAME_BYTES))}, but ${names.join(', ') || 'none'}: name files of the conversation in the argument resources`,
      );
    }
    return file.bytes;
  }

  list(): { name: string; bytes: number }[] {
    const all = new Map([...this.#inputs, ...this.#written]);
    return [...all.values()].map(({ name, bytes }) => ({ name, bytes: bytes.byteLength }));
  }
}
