import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { type Fault, fromPointer, type Place } from './fault.ts';
import { jsonFault } from './json-fault.ts';

/** A larger file is several systems. */
export const MAX_FILE_BYTES = 1024 * 1024;
/** What aliases may unfold to, per value: files need few, and a bomb many. */
const MAX_ALIASES = 100;

/** What the parser takes for a fault of the text where the stack ended. */
const TOO_DEEP = /Maximum call stack size exceeded|Stack overflow/;

export type ReadFile = {
  /** The content, or undefined where it could not be read. */
  document: unknown;
  faults: Fault[];
  /** Where a JSON pointer points: at a scalar, else at the key of it, or at the nearest there is; `key`: at a key anyhow. */
  locate(pointer: string, key?: boolean): Place;
  /** Where a line of what is kept as the source stands; as it is, unless said. */
  locateLine?(line: number): Place;
};

/**
 * Reads a file of YAML 1.2, which JSON is too, and remembers where everything stands; one that is to be JSON has to be it
 * strictly, since others will read it. Never throws.
 */
export function readFile(
  text: string,
  { isJson = false, maxBytes = MAX_FILE_BYTES } = {},
): ReadFile {
  const lines = new LineCounter();
  const start = (): Place => ({ line: 1, column: 1 });
  if (Buffer.byteLength(text) > maxBytes) {
    const message =
      maxBytes === MAX_FILE_BYTES
        ? 'the file is larger than 1 MB: make several systems of it'
        : `the file is larger than ${maxBytes / 1024 / 1024} MB`;
    return { document: undefined, faults: [fault(start(), '', message)], locate: start };
  }
  try {
    const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const at = (offset: number): Place => {
      const { line, col } = lines.linePos(offset);
      return { line: Math.max(line, 1), column: Math.max(col, 1) };
    };
    const strict = isJson ? jsonFault(text) : undefined;
    if (parsed.errors.some(({ message }) => TOO_DEEP.test(message))) throw new RangeError();
    const faults = strict
      ? [fault(at(strict.offset), '', strict.message)]
      : syntaxFaults(parsed).map(({ offset, message }) => fault(at(offset), '', message));
    const all = faults.length === 0 ? strangeValues(parsed, at) : faults;
    const document = all.length === 0 ? content(parsed) : undefined;
    return { document, faults: all, locate: (pointer, key) => at(offsetOf(parsed, pointer, key)) };
  } catch (error) {
    // too many aliases, and nesting that no stack is deep enough for
    const said = (error as Error).message;
    const message =
      error instanceof RangeError
        ? 'it is nested too deep'
        : /^Excessive alias count/.test(said)
          ? 'its aliases unfold to too much'
          : /circular structure/.test(said)
            ? 'an alias in it stands for what it is a part of'
            : said;
    return { document: undefined, faults: [fault(start(), '', message)], locate: start };
  }
}

/** What the parser says, in words about the file. Behind a quote that is not closed nothing is what it looks like. */
function syntaxFaults(parsed: Document): { offset: number; message: string }[] {
  const all = [...parsed.errors, ...parsed.warnings];
  const unclosed = all.find(({ message }) => /^Missing closing ["']quote/.test(message));
  if (unclosed) {
    const message = 'the quote that begins here is not closed';
    return [{ offset: openQuote(parsed, unclosed.pos[0]), message }];
  }
  return all.map((error) => ({ offset: error.pos[0], message: wordsOf(error) }));
}

function wordsOf({ code, message }: YAMLError): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a file holds one document';
    case 'TAB_AS_INDENT':
      return 'lines are indented by spaces, not by tabs';
    case 'BAD_SCALAR_START':
      return `a text that begins with ${message.at(-1)} has to stand in quotes`;
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a text with a colon and a space in it has to stand in quotes';
    case 'BLOCK_IN_FLOW':
      return 'a key cannot stand here: a quote, a comma or a bracket is missing before it';
    case 'UNEXPECTED_TOKEN':
      return `${message}: a quote, a comma or a bracket may be missing before it`;
    default:
      return message;
  }
}

/** Where the text begins that goes on to there. */
function openQuote(parsed: Document, end: number): number {
  let offset = end;
  visit(parsed, {
    Scalar: (_, { range, type }) => {
      if (type?.startsWith('QUOTE') && range && range[0] < end && range[1] >= end)
        offset = range[0];
    },
  });
  return offset;
}

function content(parsed: Document): unknown {
  return JSON.parse(JSON.stringify(parsed.toJS({ maxAliasCount: MAX_ALIASES }) ?? null));
}

/** What YAML can say and JSON, or Postgres, cannot. */
function strangeValues(parsed: Document, at: (offset: number) => Place): Fault[] {
  const faults: Fault[] = [];
  const add = (node: Node, message: string) =>
    faults.push(fault(at(node.range?.[0] ?? 0), '', message));
  visit(parsed, {
    Scalar: (key, node) => {
      const { value } = node;
      if (typeof value === 'string' && (value.includes('\u0000') || !value.isWellFormed())) {
        add(node, 'a text may hold any character but U+0000 and half of a pair');
      } else if (typeof value === 'number' && !Number.isFinite(value)) {
        add(node, 'a number has to be finite');
      } else if (key === 'key' && value === '__proto__') {
        add(node, '__proto__ is no name');
      }
    },
    Alias: (_, node) => {
      if (!node.resolve(parsed)) add(node, `nothing before it has the anchor &${node.source}`);
    },
    Pair: (_, { key }) => {
      if (isCollection(key) || isAlias(key)) add(key, 'a key has to be a text');
    },
  });
  return faults;
}

function offsetOf(parsed: Document, pointer: string, atKey = false): number {
  let node: unknown = parsed.contents;
  let key: unknown;
  for (const part of fromPointer(pointer)) {
    const found = isCollection(node) ? child(node.items, part, isMap(node)) : undefined;
    if (!found) break;
    key = found.key ?? found.value;
    node = found.value;
  }
  const isLeaf = isScalar(node) || isAlias(node);
  const best = key === undefined || (isLeaf && !atKey) ? node : key;
  return (best as Node | null)?.range?.[0] ?? 0;
}

function child(items: readonly unknown[], part: string, isInMap: boolean) {
  if (!isInMap) return { key: undefined, value: items[Number(part)] };
  const pair = items.find(
    (item) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === part,
  );
  return isPair(pair) ? { key: pair.key, value: pair.value } : undefined;
}

function fault(place: Place, path: string, message: string): Fault {
  return { ...place, path, message, code: 'HWINV' };
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
