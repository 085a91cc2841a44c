import type { Outcome } from '../../contracts/errors.ts';
import type { MadeFile, RunFiles, RunInputFile } from '../../contracts/runs/run-files.ts';
import { lowestTrust, type Trust } from '../../contracts/runs/trust.ts';
import type { Json } from '../../json/json.ts';
import { typeOf, typeOfName } from '../file-type.ts';
import type { CodeFile } from './job.ts';
import { FILES_BYTES, MAX_FILES, nameFault } from './scratch.ts';

/**
 * The files in the scratch folder of a program. `trust` is the lowest trust of the files, and
 * absent without files.
 */
export type InputFile = { files: readonly CodeFile[]; trust?: Trust };

/** Loads the files that the argument `resources` names, by name or id. */
export async function inputFiles(
  words: Json | undefined,
  files: RunFiles,
): Promise<Outcome<InputFile>> {
  const named = [...new Set(Array.isArray(words) ? words.map(String) : [])];
  if (named.length === 0) return { ok: true, value: { files: [] } };
  if (named.length > MAX_FILES) return rejectFiles(`at most ${MAX_FILES} files are given at once`);
  const found = await files.find(named);
  if (!found.ok) return found;
  const fault = faultIn(found.value);
  if (fault !== undefined) return rejectFiles(fault);
  const loadedFiles: CodeFile[] = [];
  for (const { id, name } of found.value) {
    const loaded = await files.load(id);
    if (!loaded.ok) return { ok: false, error: { ...loaded.error, code: 'tool_failed' } };
    loadedFiles.push({ name, bytes: loaded.value.bytes });
  }
  const trust = lowestTrust('internal', ...found.value.map((file) => file.trust));
  return { ok: true, value: { files: loadedFiles, trust } };
}

function faultIn(files: readonly RunInputFile[]): string | undefined {
  const names = files.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined)
    return `two of them are called ${JSON.stringify(twice)}: give one at a time`;
  const together = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return together > FILES_BYTES
    ? `they have ${together} bytes together, at most ${FILES_BYTES} are given at once`
    : names.map(nameFault).find((fault) => fault !== undefined);
}

function rejectFiles(message: string): Outcome<never> {
  const error = {
    code: 'invalid_arguments' as const,
    message: `resources: ${message}`,
    retryable: false,
  };
  return { ok: false, error };
}

/**
 * Converts a file for storage. Its type is the one that the program stated, or that of its name.
 */
export function madeFile({ name, type, bytes }: CodeFile): MadeFile {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { name, type: typeOf(type ?? typeOfName(name), content), bytes: content };
}
