import type { FileReader } from './file-reader.ts';
import { type Fault, fromPointer, type Place, toPointer } from './schema/fault.ts';
import {
  type NodePlace,
  type ParsedYaml,
  parseYaml,
  placeAt,
  type YamlOptions,
} from './yaml/parse-yaml.ts';

/** A larger file is several systems. */
export const MAX_FILE_BYTES = 1024 * 1024;
/** Most tokens of a file; a long one has some 20,000. */
const MAX_FILE_TOKENS = 100_000;

export type ReadFile = {
  /** The content, or undefined where it could not be read. */
  document: unknown;
  faults: Fault[];
  /** Where a JSON pointer points: at a scalar, else at the key of it, or at the nearest there is; `key`: at a key anyhow. */
  locate(pointer: string, key?: boolean): Place;
  /** Where a line of what is kept as the source stands; as it is, unless said. */
  locateLine?(line: number): Place;
};

export type ReadOptions = {
  isJson?: boolean;
  maxBytes?: number;
  maxTokens?: number;
  /** The name of the file in messages about two of its places. */
  name?: string;
};

/**
 * Reads a file of YAML 1.2, which JSON is too, and remembers where everything stands; one that is to be JSON has to be it
 * strictly, since others will read it. Never throws.
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
  maxBytes: bytes = MAX_FILE_BYTES,
  maxTokens: tokens = MAX_FILE_TOKENS,
  name,
}: ReadOptions): YamlOptions {
  return { bytes, tokens, isJson, name };
}

function withPlaces(parsed: ParsedYaml): ReadFile {
  const { document, faults } = parsed;
  return { document, faults, locate: (pointer, key) => locate(parsed, pointer, key) };
}

function locate({ places, lineStarts }: ParsedYaml, pointer: string, atKey = false): Place {
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

/** A fault before it has a place: `line` where it is of the text and not of what it says. */
export type Found = {
  path: string;
  message: string;
  code?: string;
  hint?: string;
  isKey?: boolean;
  line?: number;
};

/** A fault of the document at the place of its pointer. */
export function placed(file: ReadFile, { isKey, line, ...found }: Found): Fault {
  const ofLine = file.locateLine ?? ((number: number) => ({ line: number, column: 1 }));
  const place = line === undefined ? file.locate(found.path, isKey) : ofLine(line);
  return { ...place, code: 'HWINV', ...found };
}
