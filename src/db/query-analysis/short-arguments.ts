import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { QueryRefusal } from './refusal.ts';

// Arguments that must be short.
//
// LIKE, `replace` or `array <@ array` compare each part of one argument with each part of the
// other, and `normalize` each part of a text with the parts before it. PostgreSQL does not
// interrupt them, so two values of 1 MB take hours. One argument must therefore be short, as far
// as the text of the query shows. Columns and sub-selects are not known to be short.

/** The maximum length of a short argument in characters. */
const MOST = 500;

/** Functions by the place of the argument that must be short. */
const FUNCTIONS: Readonly<Record<string, number>> = {
  ...{ btrim: 1, ltrim: 1, rtrim: 1, translate: 1, strpos: 1, position: 1, replace: 1 },
  ...{ split_part: 1, string_to_array: 1, string_to_table: 1, normalize: 0, is_normalized: 0 },
};
/** Functions that parse a text search query. Its text is their last argument. */
const TEXT_SEARCHES = /^(phraseto|plainto|websearch_to|to)_tsquery$/;
/** Functions that apply a path of JSON, their second argument. */
const PATH_FUNCTIONS = /^jsonb_path_/;

/** Types whose text is slow to read, or whose values are slow to compare. */
const SLOW_TYPES = new Set(['tsquery', 'xml', 'path', 'polygon', 'jsonpath']);
/** Types whose values have a length of at most 100 characters. */
const SHORT_TYPES =
  /^(bool|int[248]|float[48]|date|timetz?|timestamp(tz)?|interval|uuid|(int[48]|date|ts|tstz)range)$/;
/** Functions whose result is at most as long as their arguments together. */
const PASSING = /^(lower|upper|initcap|reverse|concat|[lrb]?trim|jsonb?_build_(array|object))$/;

/** Refuses a call of a function that compares two arguments of unknown length. */
export function refuseLongArguments({ funcname, args }: JsonObject): void {
  const name = lastName(funcname);
  const all = list(args);
  if (PATH_FUNCTIONS.test(name)) refuseSlowPath(all[1]);
  if (name === 'polygon' && all.length > 1) throw slow('polygon makes any number of points');
  const place = TEXT_SEARCHES.test(name) ? all.length - 1 : FUNCTIONS[name];
  if (place !== undefined && all[place] !== undefined && !isShort(all[place])) {
    throw slow(`${name} takes an argument that may be long`);
  }
}

/** Returns whether a call as a field, such as `(t.name).normalize`, may have a long argument. */
export function isSlowField(name: string): boolean {
  return FUNCTIONS[name] === 0 || TEXT_SEARCHES.test(name);
}

/** Refuses an operator that compares two operands of unknown length. */
export function refuseLongOperands({ name: names, lexpr, rexpr }: JsonObject): void {
  const name = lastName(names);
  if (/^!?~~\*?$/.test(name) && !isShort(rexpr)) throw slow('LIKE has a pattern that may be long');
  if (/^@[?@]$/.test(name)) refuseSlowText(rexpr);
  if (!/^(@>|<@|&&|\?[|&])$/.test(name) || lexpr === undefined) return;
  if (isShort(lexpr) || isShort(rexpr)) return;
  throw slow(
    `both operands of ${name} may be long`,
    ' A range is short if it is cast to its type.',
  );
}

/** Returns whether a cast to a slow type may be made. Refuses a slow path of JSON. */
export function isShortCast({ arg, typeName }: JsonObject): boolean {
  const name = typeOf(typeName);
  if (name === 'jsonpath') refuseSlowPath(arg);
  return name !== 'xml' && isShort(arg);
}

/** Refuses a type whose text is slow to read, other than in a cast of a short text. */
export function refuseSlowType(names: Json | undefined): void {
  const name = lastName(names).replace(/^_/, '');
  if (SLOW_TYPES.has(name)) throw slow(`a text that may be long becomes the type ${name}`);
}

/** Refuses a path of JSON that is not a constant, or that compares lists with lists. */
export function refuseSlowPath(node: Json | undefined): void {
  const cast = asObject(asObject(node).TypeCast);
  const path = typeOf(cast.typeName) === 'jsonpath' ? cast.arg : node;
  if (!isJsonObject(asObject(path).A_Const)) {
    throw new QueryRefusal('a path of JSON is not a constant', 'Write the path into the query.');
  }
  refuseSlowText(path);
}

/** A string in a path of JSON. */
const STRING = /"(\\.|[^"\\])*"/g;
/** A literal in a path of JSON whose strings are empty. */
const LITERAL = String.raw`(-?\d[\w.]*|""|true|false|null)`;
const COMPARISON = '(==|!=|<>|<=|>=|<|>)';
const FAST_COMPARISON = new RegExp(
  String.raw`${COMPARISON}\s*${LITERAL}\s*(?=$|[)&|])|(?<=(^|[(&|!])\s*)${LITERAL}\s*${COMPARISON}`,
  'g',
);
/** Another comparison, or a comment or escape, which may hide one. */
const SLOW_PATH = new RegExp(String.raw`${COMPARISON}|/\*|\\`);

/**
 * Refuses a constant that is a path of JSON with a comparison of two paths. Such a comparison
 * pairs all values of one with all of the other.
 */
function refuseSlowText(node: Json | undefined): void {
  const text = String(asObject(asObject(asObject(node).A_Const).sval).sval ?? '');
  if (!text.includes('$')) return;
  const rest = text.replace(STRING, '""').replace(FAST_COMPARISON, '');
  if (!SLOW_PATH.test(rest)) return;
  throw new QueryRefusal(
    'a path of JSON compares two paths',
    'Compare a path with a constant, or compare columns of jsonb_array_elements or JSON_TABLE.',
  );
}

function slow(reason: string, more = ''): QueryRefusal {
  return new QueryRefusal(
    `${reason}, which PostgreSQL could not interrupt`,
    `Write a constant of at most ${MOST} characters, or cut a text: left(…, ${MOST}).${more}`,
  );
}

function isShort(node: Json | undefined): boolean {
  return longest(node) <= MOST;
}

/** Returns the maximum length of the value of an expression. */
function longest(node: Json | undefined): number {
  const [kind = '', value] = Object.entries(asObject(node))[0] ?? [];
  const part = asObject(value);
  switch (kind) {
    case 'A_Const':
      return String(asObject(part.sval).sval ?? '').length;
    case 'TypeCast':
      return Math.min(longestOfType(part.typeName), longest(part.arg));
    case 'A_ArrayExpr':
      return sum(list(part.elements)) + list(part.elements).length;
    case 'CoalesceExpr':
      return sum(list(part.args));
    case 'A_Expr':
      return lastName(part.name) === '||' ? sum([part.lexpr, part.rexpr]) : Infinity;
    case 'FuncCall':
      return longestOfCall(part);
    default:
      return Infinity;
  }
}

function longestOfCall({ funcname, args }: JsonObject): number {
  const name = lastName(funcname);
  const all = list(args);
  const inner = sum(all);
  if (/^(left|substr|substring)$/.test(name)) {
    const count = integer(all[name === 'left' ? 1 : 2]);
    return Math.min(count ?? Infinity, inner);
  }
  if (SHORT_TYPES.test(name)) return 100;
  return PASSING.test(name) || TEXT_SEARCHES.test(name) ? inner : Infinity;
}

/** Returns the value of a constant that is a whole number and not negative. */
function integer(node: Json | undefined): number | undefined {
  const { A_Const } = asObject(node);
  if (!isJsonObject(A_Const) || !isJsonObject(A_Const.ival)) return undefined;
  const value = Number(A_Const.ival.ival ?? 0);
  return value >= 0 ? value : undefined;
}

function longestOfType(typeName: Json | undefined): number {
  const isArray = list(asObject(typeName).arrayBounds).length > 0;
  return !isArray && SHORT_TYPES.test(typeOf(typeName)) ? 100 : Infinity;
}

function typeOf(typeName: Json | undefined): string {
  return lastName(asObject(typeName).names);
}

function lastName(names: Json | undefined): string {
  return String(asObject(asObject(list(names).at(-1)).String).sval ?? '');
}

function sum(parts: readonly (Json | undefined)[]): number {
  return parts.reduce<number>((total, part) => total + longest(part), 0);
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function asObject(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
