import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { compilePattern, MAX_CHARACTERS, MAX_REPETITIONS } from './pattern.ts';

/**
 * The shape of an answer about a text. A `value` has a form with little room for instructions: a
 * listed word, a number, a boolean, a date or time, or an id. A `text` may have any content.
 */
export type Shape =
  | { kind: 'value'; fits(value: Json): boolean }
  | { kind: 'text' }
  | { kind: 'list'; items: Shape; most: number }
  | { kind: 'object'; fields: ReadonlyMap<string, Shape> };

const MAX_DEPTH = 4;
const MAX_FIELDS = 50;
const MAX_ITEMS = 100;
const MAX_WORDS = 100;
const WORD_CHARACTERS = 100;

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  any: ['type', 'title', 'description', 'enum'],
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'maxItems', 'minItems'],
  string: ['format', 'pattern', 'minLength', 'maxLength'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum'],
  boolean: [],
};

const FORMATS: Readonly<Record<string, RegExp>> = {
  date: /^\d{4}-\d{2}-\d{2}$/,
  time: /^\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/,
  'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
};

/** The form of an id besides its own pattern: one short word that contains a digit. */
const ID = /^(?=.*\d)[A-Za-z0-9][A-Za-z0-9._:/#-]{0,39}$/;

/** Parses a schema. Returns a message if the schema is not supported. */
export function shapeOf(schema: Json | undefined, path = 'schema', depth = 0): Shape | string {
  if (!isJsonObject(schema ?? null)) return `${path}: it is no object`;
  const own = schema as JsonObject;
  const type = typeof own.type === 'string' ? own.type : own.enum ? 'enum' : '';
  const known = [...(KNOWN.any as string[]), ...(KNOWN[type] ?? [])];
  const other = Object.keys(own).find((key) => !known.includes(key));
  if (type !== 'enum' && !Object.hasOwn(KNOWN, type)) {
    return `${path}: its type is none of object, array, string, number, integer and boolean`;
  }
  if (other !== undefined) return `${path}: ${other} is not understood here`;
  if (own.enum !== undefined) return wordsOf(own.enum, path);
  switch (type) {
    case 'object':
      return objectOf(own, path, depth);
    case 'array':
      return listOf(own, path, depth);
    case 'string':
      return textOf(own, path);
    case 'boolean':
      return { kind: 'value', fits: (value) => typeof value === 'boolean' };
    default:
      return numberOf(own, type === 'integer');
  }
}

function wordsOf(words: Json, path: string): Shape | string {
  const isFit =
    Array.isArray(words) &&
    words.length > 0 &&
    words.length <= MAX_WORDS &&
    words.every((word) => !isJsonObject(word) && String(word).length <= WORD_CHARACTERS);
  return isFit
    ? { kind: 'value', fits: (value) => words.includes(value) }
    : `${path}: enum has to list 1 to ${MAX_WORDS} words of up to ${WORD_CHARACTERS} characters`;
}

function objectOf({ properties }: JsonObject, path: string, depth: number): Shape | string {
  const entries = Object.entries(
    isJsonObject(properties ?? null) ? (properties as JsonObject) : {},
  );
  if (entries.length === 0 || entries.length > MAX_FIELDS || depth >= MAX_DEPTH) {
    return `${path}: it has to have 1 to ${MAX_FIELDS} properties, at most ${MAX_DEPTH} deep`;
  }
  const fields = new Map<string, Shape>();
  for (const [name, inner] of entries) {
    if (name.startsWith('$')) return `${path}: the name ${name} is ours`;
    const shape = shapeOf(inner, `${path}.${name}`, depth + 1);
    if (typeof shape === 'string') return shape;
    fields.set(name, shape);
  }
  return { kind: 'object', fields };
}

function listOf({ items, maxItems }: JsonObject, path: string, depth: number): Shape | string {
  if (depth >= MAX_DEPTH) return `${path}: it is more than ${MAX_DEPTH} deep`;
  const inner = shapeOf(items, `${path}.items`, depth + 1);
  if (typeof inner === 'string') return inner;
  const most = typeof maxItems === 'number' ? Math.min(maxItems, MAX_ITEMS) : MAX_ITEMS;
  return { kind: 'list', items: inner, most };
}

function textOf({ format, pattern }: JsonObject, path: string): Shape | string {
  if (format !== undefined) {
    const form = Object.hasOwn(FORMATS, String(format)) ? FORMATS[String(format)] : undefined;
    return form
      ? { kind: 'value', fits: (value) => typeof value === 'string' && form.test(value) }
      : `${path}: its format is none of ${Object.keys(FORMATS).join(', ')}`;
  }
  if (pattern === undefined) return { kind: 'text' };
  const own = typeof pattern === 'string' ? compilePattern(pattern) : undefined;
  if (!own) {
    return `${path}: its pattern has to be of an id, such as ^INV-\\d{4,8}$: from ^ to $, of letters, digits, classes and at most ${MAX_REPETITIONS} repetitions, ${MAX_CHARACTERS} characters long at most`;
  }
  return {
    kind: 'value',
    fits: (value) => typeof value === 'string' && ID.test(value) && own(value),
  };
}

function numberOf({ minimum, maximum }: JsonObject, isWhole: boolean): Shape {
  const [least, most] = [minimum ?? -Infinity, maximum ?? Infinity].map(Number) as [number, number];
  return {
    kind: 'value',
    fits: (value) =>
      typeof value === 'number' &&
      (!isWhole || Number.isSafeInteger(value)) &&
      value >= least &&
      value <= most,
  };
}
