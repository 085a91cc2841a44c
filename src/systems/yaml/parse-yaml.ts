import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { cloneJson } from '../../json/clone-json.ts';
import { unstorableReason } from '../../json/storable-json.ts';
import { truncate } from '../../text/truncate.ts';
import { type Fault, type TextPlace, toPointer } from '../schema/fault.ts';
import { exactValueOf } from './exact-value.ts';
import { jsonFault } from './json-errors.ts';
import { type OffsetFault, syntaxFaults } from './yaml-errors.ts';

/** Limits of a file. A larger one is refused before anything is built from it. */
export type YamlBounds = {
  bytes: number;
  /** Most keys, values, marks and spaces between them, which determine the time of parsing. */
  tokens: number;
};

/** Most levels of lists and mappings, since code that walks them is recursive. */
const MAX_LEVELS = 100;
/** Most aliases; files need few. */
const MAX_ALIASES = 300;
/** Most characters that all aliases together expand to. */
const MAX_UNFOLDED = 4 * 1024 * 1024;
/** The size of a value besides its text, in characters. */
const VALUE_SIZE = 64;
/** Most faults reported for one file. */
const MAX_FAULTS = 100;

/**
 * The place of a value: the offset of its key (in a list, of the value), the offset of the value,
 * and whether it has no parts.
 */
export type NodePlace = readonly [key: number, value: number, isLeaf: boolean];

/** A parsed file. It is plain data, so that threads can exchange it. */
export type ParsedYaml = {
  /** The content, or undefined if it could not be read. */
  document: unknown;
  faults: Fault[];
  /** Places by JSON pointer. */
  places: Map<string, NodePlace>;
  /** The offset of each line. */
  lineStarts: number[];
};

export type YamlOptions = YamlBounds & {
  /** Requires strict JSON, because other programs will read the file. */
  isJson: boolean;
  /** The name of the file in messages. */
  name?: string | undefined;
};

/**
 * Reads a text of YAML 1.2, of which JSON is a part. The time is proportional to its length. Never
 * throws.
 */
export function parseYaml(text: string, options: YamlOptions): ParsedYaml {
  const excess = boundsFault(text, options);
  if (excess !== undefined) return unreadable(excess);
  const lines = new LineCounter();
  try {
    const parsed = withoutStacks(() =>
      // the keys of a mapping are compared below, each once
      parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false }),
    );
    if (parsed.errors.some(({ message }) => TOO_DEEP.test(message))) throw new RangeError();
    const strict = options.isJson ? jsonFault(text) : undefined;
    const { lineStarts } = lines;
    const faults = strict ? [strict] : syntaxFaults(parsed, MAX_FAULTS);
    const none = { document: undefined, places: new Map<string, NodePlace>(), lineStarts };
    if (faults.length > 0) return { ...none, faults: withPlaces(faults, lineStarts) };
    const reader = new Reader(lineStarts, options.name);
    const document = reader.read(parsed.contents as Node | null, '', undefined, 0);
    const { places } = reader;
    return reader.faults.length > 0
      ? { document: undefined, faults: withPlaces(reader.faults, lineStarts), places, lineStarts }
      : { document, faults: [], places, lineStarts };
  } catch (error) {
    if (error instanceof RangeError) return unreadable('it is nested too deep'); // no stack is deep enough
    return unreadable((error as Error).message);
  }
}

/** Errors of the parser that mean an exhausted stack. */
const TOO_DEEP = /Maximum call stack size exceeded|Stack overflow/;

function unreadable(message: string): ParsedYaml {
  const fault: Fault = { line: 1, column: 1, path: '', message, code: 'HWINV' };
  return { document: undefined, faults: [fault], places: new Map(), lineStarts: [0] };
}

/** Returns the line and column of an offset. */
export function placeAt(offset: number, lineStarts: readonly number[]): TextPlace {
  let low = 0;
  let high = lineStarts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return { line: Math.max(low, 1), column: Math.max(offset - (lineStarts[low - 1] ?? 0) + 1, 1) };
}

function withPlaces(faults: readonly OffsetFault[], lineStarts: readonly number[]): Fault[] {
  return faults.slice(0, MAX_FAULTS).map(({ offset, message }) => {
    return { ...placeAt(offset, lineStarts), path: '', message, code: 'HWINV' };
  });
}

/** Returns why a text is refused by its length and tokens alone. */
function boundsFault(text: string, { bytes, tokens: most }: YamlBounds): string | undefined {
  if (Buffer.byteLength(text) > bytes) {
    const size = bytes / 1024 / 1024;
    const advice = size === 1 ? ': split it into several systems' : '';
    return `the file is larger than ${size} MB${advice}`;
  }
  let tokens = 0;
  let aliases = 0;
  let open = 0;
  let marks = 0;
  let isText = false;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > most) {
      return `the file has more than ${most} keys, values and marks: split it into several systems`;
    }
    if (isText || token.trim() === '') {
      marks = isText || token.includes('\n') ? 0 : marks;
      isText = false;
      continue;
    }
    isText = token === SCALAR;
    if (token.startsWith('*')) aliases += 1;
    if (aliases > MAX_ALIASES) {
      return `it has more than ${MAX_ALIASES} aliases: write out their values`;
    }
    if (token === '[' || token === '{') open += 1;
    else if (token === ']' || token === '}') open = Math.max(0, open - 1);
    marks = token === '-' || token === '?' || token === ':' ? marks + 1 : 0;
    if (open > MAX_LEVELS || marks > MAX_LEVELS) return 'it is nested too deep';
  }
  return undefined;
}
/** The lexer's mark before a text. */
const SCALAR = '\u001f';

/** Parses without stack traces: a hostile file has many faults, and nobody reads their stacks. */
function withoutStacks<T>(work: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

type AnchorValue = { value: unknown; size: number };

/**
 * Converts a document to plain data in one pass, and finds values that JSON or Postgres cannot
 * hold.
 */
class Reader {
  readonly places = new Map<string, NodePlace>();
  readonly faults: OffsetFault[] = [];
  readonly #lineStarts: readonly number[];
  readonly #name: string | undefined;
  /** The value of each anchor; `open` while it is read. */
  readonly #anchors = new Map<string, AnchorValue | 'open'>();
  /** Characters read so far, with aliases expanded. */
  #size = 0;
  #unfolded = 0;

  constructor(lineStarts: readonly number[], name: string | undefined) {
    this.#lineStarts = lineStarts;
    this.#name = name;
  }

  read(node: Node | null, pointer: string, key: number | undefined, level: number): unknown {
    if (level > MAX_LEVELS) throw new RangeError();
    const offset = offsetOf(node);
    this.places.set(pointer, [key ?? offset, offset, isScalar(node) || isAlias(node)]);
    if (isAlias(node)) return this.#readAlias(node.source, offset);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor === undefined) return this.#readContent(node, pointer, level);
    const before = this.#size;
    this.#anchors.set(anchor, 'open');
    const value = this.#readContent(node, pointer, level);
    this.#anchors.set(anchor, { value, size: this.#size - before });
    return value;
  }

  #readContent(node: Node | null, pointer: string, level: number): unknown {
    this.#size += VALUE_SIZE;
    if (isScalar(node)) return this.#readScalar(node);
    if (isMap(node)) return this.#readMap(node, pointer, level);
    if (!isSeq(node)) return null;
    return node.items.map((item, index) =>
      this.read(item as Node | null, `${pointer}/${index}`, undefined, level + 1),
    );
  }

  #readScalar(node: Scalar): unknown {
    const value = exactValueOf(node);
    if (typeof value === 'string') {
      this.#size += value.length;
      if (unstorableReason(value) !== undefined) {
        this.#add(node, 'a text may not contain U+0000 or half a surrogate pair');
      }
    } else if (typeof value === 'number' && !Number.isFinite(value)) {
      this.#add(node, 'a number must be finite');
    } else if (
      typeof value === 'number' &&
      Number.isInteger(value) &&
      !Number.isSafeInteger(value)
    ) {
      this.#add(node, 'a number beyond 2^53 must be written in decimal digits');
    }
    return value ?? null;
  }

  #readMap({ items }: YAMLMap, pointer: string, level: number): object {
    const object: Record<string, unknown> = {};
    const offsets = new Map<string, number>();
    for (const pair of items) {
      if (!isPair(pair)) continue;
      const key = pair.key as Node | null;
      const offset = offsetOf(key);
      if (key !== null && !isScalar(key)) {
        this.#add(key, 'a key must be a text');
        continue;
      }
      const name = String(this.#readScalar(key as Scalar) ?? '');
      const first = offsets.get(name);
      if (name === '__proto__') this.#add(key, '__proto__ is not a valid name');
      else if (first !== undefined) this.#addDuplicate(name, offset, first);
      else {
        offsets.set(name, offset);
        const below = pointer + toPointer([name]);
        object[name] = this.read(pair.value as Node | null, below, offset, level + 1);
      }
    }
    return object;
  }

  #readAlias(source: string, offset: number): unknown {
    const anchor = this.#anchors.get(source);
    if (anchor === undefined) {
      this.faults.push({
        offset,
        message: `the anchor &${source} is not defined before this alias`,
      });
      return null;
    }
    if (anchor === 'open') throw new Error('an alias refers to a value that contains it');
    this.#size += anchor.size;
    this.#unfolded += anchor.size;
    if (this.#unfolded > MAX_UNFOLDED) throw new Error('its aliases expand to too many values');
    return cloneJson(anchor.value);
  }

  #addDuplicate(name: string, offset: number, first: number): void {
    const { line, column } = placeAt(first, this.#lineStarts);
    const at =
      this.#name === undefined
        ? `line ${line}, column ${column}`
        : `${this.#name}:${line}:${column}`;
    const shown = JSON.stringify(truncate(name, 100));
    const message = `the key ${shown} is already in this mapping, at ${at}: rename one of them, or merge both entries`;
    this.faults.push({ offset, message });
  }

  #add(node: Node | null, message: string): void {
    this.faults.push({ offset: offsetOf(node), message });
  }
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
