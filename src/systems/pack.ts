import { cloneJson } from '../json/clone-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import type { FileReader } from './file-reader.ts';
import { type ReadFile, readFileBy } from './read-file.ts';
import { fromPointer, toPointer } from './schema/fault.ts';
import { frontMatter } from './yaml/front-matter.ts';

/**
 * A file of a pack besides its manifest. `path` is its path within the pack, such as
 * `skills/refunds.md`; `name` is its name in messages.
 */
export type PackPart = { name: string; path: string; text: string };

/**
 * The key for the Markdown text of an entry, by section. The front matter contains the other keys.
 */
export const TEXT_FIELDS: Readonly<Record<string, string>> = {
  agents: 'mission',
  prompts: 'template',
  skills: 'content',
};

/** The place of a part of an entry in its file. */
type Place = ReturnType<ReadFile['locate']>;
type Locate = (rest: string, key?: boolean) => Place;

/**
 * Reads a pack as one document. The entries in files of their own are added to the document of the
 * manifest. Faults of these entries have their own file and line.
 */
export async function readPack(
  reader: FileReader,
  text: string,
  manifest: ReadFile,
  parts: readonly PackPart[],
): Promise<ReadFile> {
  const document = isJsonObject((manifest.document ?? null) as Json)
    ? cloneJson(manifest.document as JsonObject)
    : undefined;
  const faults = [...manifest.faults];
  const places = new Map<string, Locate>();
  for (const part of parts) {
    const file = part.name;
    const isSql = part.path.endsWith('.sql');
    const read = await (isSql ? functionsOf(reader, part) : entryOf(reader, part));
    faults.push(...read.faults.map((fault) => ({ file, ...fault })));
    for (const { section, name, entry, locate } of read.entries) {
      const pointer = toPointer([section, name]);
      const place: Locate = (rest, key) => ({ file, ...locate(rest, key) });
      const entries = document?.[section] ?? {};
      if (isJsonObject(entries) && Object.hasOwn(entries, name)) {
        const message = `${section.slice(0, -1)} ${name} is already described elsewhere in the pack`;
        faults.push({ ...place(''), path: pointer, message, code: 'HWINV' });
      } else if (document && isJsonObject(entries)) {
        document[section] = { ...entries, [name]: entry };
        places.set(pointer, place);
      }
    }
  }
  const firstLines = firstLinesOf(text, parts);
  return {
    document: document ?? manifest.document,
    faults,
    locateLine: (line) => sourcePlace(firstLines, parts, line),
    locate: (pointer, key) => {
      const [section = '', name = '', ...rest] = fromPointer(pointer);
      const locate = places.get(toPointer([section, name]));
      return locate ? locate(toPointer(rest), key) : manifest.locate(pointer, key);
    },
  };
}

type Entry = { section: string; name: string; entry: JsonObject; locate: Locate };
type Read = { entries: Entry[]; faults: ReadFile['faults'] };

/** Reads the entry of a Markdown file. The entry has the name of the file. */
async function entryOf(reader: FileReader, { name, path, text }: PackPart): Promise<Read> {
  const [section = '', file = ''] = path.split('/');
  const parts = frontMatter(text) ?? { front: '', body: { text, line: 1 } };
  const front = await readFileBy(reader, parts.front, { name });
  const fields = (front.document ?? {}) as Json;
  const key = TEXT_FIELDS[section] ?? 'content';
  const body = parts.body.text.replace(/^\s*\n/, '').trimEnd();
  const entry = isJsonObject(fields) ? { ...fields, ...(body !== '' && { [key]: body }) } : {};
  const locate: Locate = (rest, isKey) =>
    rest === `/${key}` ? { line: parts.body.line, column: 1 } : front.locate(rest, isKey);
  const isMapping = isJsonObject(fields);
  const wrong = { path: '', message: 'front matter must be keys and values', code: 'HWINV' };
  return {
    entries: [{ section, name: file.replace(/\.md$/i, ''), entry, locate }],
    faults: isMapping ? front.faults : [...front.faults, { line: 1, column: 1, ...wrong }],
  };
}

async function functionsOf(reader: FileReader, { name, text }: PackPart): Promise<Read> {
  const { functions, faults } = await reader.functionsIn(name, text);
  return {
    entries: functions.map(({ name, definition, comment, line, column }) => ({
      section: 'functions',
      name,
      entry: { definition, ...(comment !== undefined && { comment }) },
      locate: () => ({ line, column }),
    })),
    faults: faults.map((fault) => ({ ...fault, path: '', code: 'HWINV' })),
  };
}

/**
 * Joins all files of a pack into one text, as it is stored. Each file except the manifest follows a
 * line with its path.
 */
export function packSource(manifest: string, parts: readonly PackPart[]): string {
  return [manifest, ...parts.map(({ path, text }) => withHeading(path, text))].join('');
}

/** Returns, for each part, the line before its heading in the joined text. */
function firstLinesOf(manifest: string, parts: readonly PackPart[]): number[] {
  let first = linesOf(manifest);
  return parts.map(({ path, text }) => {
    const before = first;
    first += linesOf(withHeading(path, text));
    return before;
  });
}

/** Returns the place of a line of the joined text in its own file. */
function sourcePlace(
  firstLines: readonly number[],
  parts: readonly PackPart[],
  line: number,
): Place {
  const at = firstLines.findLastIndex((first) => first < line);
  const part = parts[at];
  if (!part) return { line, column: 1 };
  // a heading has two lines
  return { file: part.name, line: Math.max(1, line - (firstLines[at] ?? 0) - 2), column: 1 };
}

function withHeading(path: string, text: string): string {
  return `\n# ${path}\n${text.endsWith('\n') ? text : `${text}\n`}`;
}

function linesOf(text: string): number {
  return text.split('\n').length - 1;
}
