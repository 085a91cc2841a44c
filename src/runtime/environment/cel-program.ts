import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import { compareNumbers, ExactNumber, toJsonNumber } from '../../json/exact-number.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { CelTreeFault, type CelWork, workOfTree } from './cel-work.ts';

/**
 * Variables have the types of their JSON. Lists and maps may mix types, as JSON does, and
 * `body.?user.?name.orValue('')` reads fields that may be missing.
 */
const LANGUAGE = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxAstNodes: 2_000, maxDepth: 100 },
});
/** A number that CEL would round. It can be returned, and compared with another one. */
LANGUAGE.registerType('ExactNumber', { ctor: ExactNumber, fields: {} });
LANGUAGE.registerOperator(
  'ExactNumber == ExactNumber',
  (one: ExactNumber, other: ExactNumber) => compareNumbers(one, other) === 0,
);
const FUNCTIONS: ReadonlySet<string> = new Set(
  LANGUAGE.getDefinitions().functions.map(({ name }) => name),
);
/** Maximum length of an expression, in characters. Parsing it takes about a millisecond. */
const MAX_LENGTH = 10_000;
/** Maximum number of levels of lists and maps in the value of an expression. */
const MAX_LEVELS = 100;
/** Maximum number of characters in the value of an expression, plus its other values. */
const MAX_IN_VALUE = 4_000_000;
/** Maximum length of a fault, since the library quotes values in its messages. */
const MAX_FAULT = 500;
/** Maximum number of cached expressions, and of their characters. A node takes about 400 bytes. */
const MAX_CACHED = 1_000;
const MAX_CACHED_CHARACTERS = 100_000;

/** The value of an expression as JSON, or why it has none. */
export type CelResult = { value: Json } | { fault: string };
/** A parsed expression, or why it cannot be evaluated. */
export type CelProgram =
  | { evaluate(variables: JsonObject): CelResult; work: CelWork }
  | { fault: string };

const programs = new Map<string, CelProgram>();
let cachedCharacters = 0;

/** Parses an expression. The last expressions are kept. */
export function parseCel(expression: string): CelProgram {
  const known = programs.get(expression);
  if (known) return known;
  const program = readProgram(expression);
  programs.set(expression, program);
  cachedCharacters += expression.length;
  for (const [oldest] of programs) {
    if (programs.size <= MAX_CACHED && cachedCharacters <= MAX_CACHED_CHARACTERS) break;
    programs.delete(oldest);
    cachedCharacters -= oldest.length;
  }
  return program;
}

/** Returns the number of characters to parse for an expression: none for one that is kept. */
export function charactersToParse(expression: string): number {
  return programs.has(expression) ? 0 : Math.min(expression.length, MAX_LENGTH);
}

/** A fault of an expression in a list. */
export type CelListFault = { at: number; fault: string };

/** Returns the first expression that cannot be evaluated, or null. */
export function findCelFault(expressions: readonly string[]): CelListFault | null {
  for (const [at, expression] of expressions.entries()) {
    const program = parseCel(expression);
    if ('fault' in program) return { at, fault: program.fault };
  }
  return null;
}

/** A result whose value is the text of its JSON. */
export type CelResultText = { text: string } | { fault: string };

/** The time, and the characters of values, after which a call begins no further expression. */
const BATCH_MS = 100;
const BATCH_CHARACTERS = 100_000;

/**
 * Evaluates expressions over the text of their variables, up to the first without a value, or as
 * many as some time and size allow. The time of one is bounded only by the caller.
 */
export function celResultTexts(
  expressions: readonly string[],
  variables: string,
): readonly CelResultText[] {
  const end = performance.now() + BATCH_MS;
  const values = parseJson<JsonObject>(variables);
  const results: CelResultText[] = [];
  let left = BATCH_CHARACTERS;
  for (const expression of expressions) {
    const result = resultText(expression, values);
    results.push(result);
    left -= 'fault' in result ? left : result.text.length;
    if (left <= 0 || performance.now() >= end) break;
  }
  return results;
}

function resultText(expression: string, variables: JsonObject): CelResultText {
  const program = readProgram(expression); // kept programs would take memory from the evaluation
  if ('fault' in program) return program;
  const result = program.evaluate(variables);
  return 'fault' in result ? result : { text: JSON.stringify(result.value) };
}

function readProgram(expression: string): CelProgram {
  if (expression.length > MAX_LENGTH) {
    return { fault: `it has more than ${MAX_LENGTH} characters` };
  }
  try {
    const parsed = LANGUAGE.parse(expression);
    const work = workOfTree(parsed.ast as ASTNode, expression, FUNCTIONS);
    return { evaluate: (all) => evaluateOver(parsed, variablesOf(work, all)), work };
  } catch (cause) {
    return { fault: messageOf(cause) };
  }
}

/** Returns the variables that an expression with bounded work names. The others may be large. */
function variablesOf(work: CelWork, variables: JsonObject): JsonObject {
  if (!work.isBounded) return variables;
  const named = [...work.variables].filter((name) => Object.hasOwn(variables, name));
  return Object.fromEntries(named.map((name) => [name, variables[name] as Json]));
}

function evaluateOver(
  evaluate: (variables: JsonObject) => unknown,
  variables: JsonObject,
): CelResult {
  try {
    return {
      value: jsonOf(evaluate(celValue(variables) as JsonObject), 0, { left: MAX_IN_VALUE }),
    };
  } catch (cause) {
    if (isOutOfTime(cause)) throw cause;
    return { fault: messageOf(cause) };
  }
}

/**
 * Returns a value of CEL as JSON. Integers are BigInts there. A type of the language, a duration
 * and bytes have no JSON.
 */
function jsonOf(value: unknown, level: number, room: { left: number }): Json {
  if (level > MAX_LEVELS) throw new CelTreeFault(`its value has more than ${MAX_LEVELS} levels`);
  room.left -= typeof value === 'string' ? value.length : 1;
  if (room.left < 0) {
    throw new CelTreeFault(`its value is larger than ${MAX_IN_VALUE / 1_000_000} MB`);
  }
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return toJsonNumber(String(value));
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return exactOrNull(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map((one) => jsonOf(one, level + 1, room));
  const entries = value instanceof Map ? [...value] : entriesOf(value);
  return Object.fromEntries(
    entries.map(([key, one]) => [String(key), jsonOf(one, level + 1, room)]),
  );
}

function entriesOf(value: unknown): [string, unknown][] {
  const prototype = Object.getPrototypeOf(value);
  if (typeof value === 'object' && (prototype === Object.prototype || prototype === null)) {
    return Object.entries(value as object);
  }
  throw new CelTreeFault('its value is neither text, number, boolean, list nor map');
}

/** Returns null for an infinite number. Throws for one that the double has rounded. */
function exactOrNull(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  throw new CelTreeFault('its value is a double beyond 2^53, which is not exact: use int()');
}

const MAX_INT = 2n ** 63n - 1n;

/**
 * Returns JSON as values of CEL. A long integer is an `int` of 64 bits. Lists and maps without one
 * are not copied, since a map of many keys takes a microsecond for each.
 */
function celValue(value: Json): unknown {
  if (value instanceof ExactNumber) {
    const integer = value.toBigInt();
    const isInt = integer !== undefined && integer <= MAX_INT && integer >= -MAX_INT - 1n;
    return isInt ? integer : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const changed = new Map<string, unknown>();
  for (const name in value) {
    const one = (value as JsonObject)[name] as Json;
    const converted = celValue(one);
    if (converted !== one) changed.set(name, converted);
  }
  // the library takes the type of an object from the member `constructor`, but not of a `Map`
  const isNamed = !Array.isArray(value) && Object.hasOwn(value, 'constructor');
  if (changed.size === 0 && !isNamed) return value;
  const of = (name: string, one: Json) => changed.get(name) ?? one;
  if (Array.isArray(value)) return value.map((one, at) => of(String(at), one));
  const entries = Object.entries(value).map(([name, one]) => [name, of(name, one)] as const);
  return isNamed ? new Map(entries) : Object.fromEntries(entries);
}

function messageOf(error: unknown): string {
  return firstCharacters((error as Error).message, MAX_FAULT).split('\n', 1)[0] ?? '';
}
