import type { FileReader } from './file-reader.ts';
import { type Fault, fromPointer, type TextPlace, toPointer } from './schema/fault.ts';
import {
  type NodePlace,
  type ParsedYaml,
  parseYaml,
  placeAt,
  type YamlOptions,
} from './yaml/parse-yaml.ts';

/** The largest file. A larger file should be split into several systems. */
export const MAX_SYSTEM_FILE_BYTES = 1024 * 1024;
/** Most tokens of a file; a long one has some 20,000. */
const MAX_FILE_TOKENS = 100_000;

export type ReadFile = {
  /** The content, or undefined where it could not be read. */
  document: unknown;
  faults: Fault[];
  /**
   * Returns the place of a JSON pointer, or the nearest place above it. The place of a scalar is
   * the scalar, and the place of a collection is its key. With `key`, the place is always the key.
   */
  locate(pointer: string, key?: boolean): TextPlace;
  /** Returns the place of a line of the stored source. Absent if the source is the file itself. */
  locateLine?(line: number): TextPlace;
};

export type ReadOptions = {
  isJson?: boolean;
  maxBytes?: number;
  maxTokens?: number;
  /** The name of the file in messages about two of its places. */
  name?: string;
};

/**
 * Reads a file of YAML 1.2, which includes JSON, and records the place of each value. With `isJson`
 * the file must be strict JSON, because other programs will read it. Never throws.
 */
export function readFile(text: string, options: ReadOptions = {}): ReadFile {
  return withPlaces(parseYaml(text, yamlOptions(options)));
}

/**
 * Reads a file as `readFile` does, with a reader that may use another thread. Rejects when the
 * reader gives up.
 */
export async function readFileBy(
  reader: FileReader,
  text: string,
  options: ReadOptions & { name: string },
): Promise<ReadFile> {
  return withPlaces(await reader.parseYaml(options.name, text, yamlOptions(options)));
}

function yamlOptions({
  isJson = false,
  maxBytes: bytes = MAX_SYSTEM_FILE_BYTES,
  maxTokens: tokens = MAX_FILE_TOKENS,
  name,
}: ReadOptions): YamlOptions {
  return { bytes, tokens, isJson, name };
}

function withPlaces(parsed: ParsedYaml): ReadFile {
  const { document, faults } = parsed;
  return { document, faults, locate: (pointer, key) => locate(parsed, pointer, key) };
}

function locate({ places, lineStarts }: ParsedYaml, pointer: string, atKey = false): TextPlace {
  const [key, value, isLeaf] = nearestPlace(places, pointer);
  return placeAt(isLeaf && !atKey ? value : key, lineStarts);
}

/** Returns the place that a pointer names, or the nearest place above it. */
function nearestPlace(places: ParsedYaml['places'], pointer: string): NodePlace {
  const parts = fromPointer(pointer);
  for (let length = parts.length; length >= 0; length -= 1) {
    const place = places.get(toPointer(parts.slice(0, length)));
    if (place) return place;
  }
  return [0, 0, false];
}

/** A fault without a place. `line` is set for a fault of the source text, not of the document. */
export type Found = {
  path: string;
  message: string;
  code?: string;
  hint?: string;
  isKey?: boolean;
  line?: number;
};

/** Adds the place to a fault, from its pointer or from its line. */
export function locateFault(file: ReadFile, { isKey, line, ...found }: Found): Fault {
  const ofLine = file.locateLine ?? ((number: number) => ({ line: number, column: 1 }));
  const place = line === undefined ? file.locate(found.path, isKey) : ofLine(line);
  return { ...place, code: 'HWINV', ...found };
}
