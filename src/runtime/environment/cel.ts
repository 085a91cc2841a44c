import { Environment } from '@marcbachmann/cel-js';
import { isSuspension, type Offloadable, offload } from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import { ExactNumber, toJsonNumber } from '../../json/exact-number.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { firstCharacters } from '../../text/truncate.ts';

// Expressions of CEL that tenants write: conditions of workflows, and the mapping of inbound hooks.
// An expression reaches nothing but its variables. Most expressions take a time that depends on
// their length alone, and are evaluated here. Others run under a deadline, in a thread within
// `withOffload`.

/**
 * Calls whose time is not bounded: patterns (`matches`), loops over lists, which may be nested, and
 * variables (`bind`). A variable can be bound to the sum of another one with itself. Each such
 * binding doubles a text. The time of any other expression depends only on its length.
 */
const MAY_NOT_END = /\b(matches|all|exists|exists_one|map|filter|bind)\s*\(/;
/** A call whose doubled texts may fill the memory, so that it is not tried in this thread. */
const MAY_FILL_MEMORY = /\bbind\s*\(/;
/**
 * Variables have the types of their JSON. Lists and maps may mix types, as JSON does, and
 * `body.?user.?name.orValue('')` reads fields that may be missing.
 */
const LANGUAGE = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
});
/** Maximum length of an expression that is evaluated without a thread, in characters. */
const SHORT = 1_000;
/** Most levels of lists and maps in the value of an expression. */
const MOST_LEVELS = 100;
/**
 * Most characters of a text that an expression may make. An allocation beyond the heap of a thread
 * ends the whole process, so the size is estimated before an expression is evaluated.
 */
const MOST_CHARACTERS = 16_000_000;
/** Most characters in the value of an expression. */
const MOST_IN_VALUE = 4_000_000;
/** Calls that make a text up to twice as long. */
const LENGTHENING = /\b(hex|base64|bytes)\s*\(/g;
/** Calls that repeat an expression, so that each sum in it may double a text. */
const REPEATING = /\b(all|exists|exists_one|map|filter|bind)\s*\(/;
const JOINING = /\bjoin\s*\(/;

/** The value of an expression as JSON, or why it has none. */
export type CelResult = { value: Json } | { fault: string };

/** Passes JSON as text, since threads copy no `ExactNumber`. */
const EVALUATE: Offloadable<[expression: string, variables: string], CelResultText> = {
  module: moduleBeside('./cel.ts', import.meta.url),
  name: 'celResultText',
  deadline_ms: 250,
  callHere: celResultText,
  mayTryHere: (expression) => !MAY_FILL_MEMORY.test(expression),
};
const PARSE: Offloadable<[expression: string], string | undefined> = {
  module: EVALUATE.module,
  name: 'parseFault',
  deadline_ms: 250,
  callHere: parseFault,
};

/** Evaluates an expression over variables. An expression that takes too long has no value. */
export function evaluateCel(expression: string, variables: JsonObject): CelResult {
  if (mayGrowTo(expression, variables) > MOST_CHARACTERS) {
    return { fault: `it may make a text of more than ${MOST_CHARACTERS / 1_000_000} MB` };
  }
  if (expression.length <= SHORT && !MAY_NOT_END.test(expression)) {
    return celResult(expression, variables);
  }
  const found = withinDeadline(() => offload(EVALUATE, expression, JSON.stringify(variables)));
  if (!found) return { fault: 'it takes too long' };
  return 'fault' in found ? found : { value: parseJson(found.text) };
}

/**
 * Returns what is wrong with an expression by itself, or undefined when the expression can be
 * evaluated.
 */
export function celFault(expression: string): string | undefined {
  if (expression.length <= SHORT) return parseFault(expression);
  const parsed = withinDeadline(() => ({ fault: offload(PARSE, expression) }));
  return parsed ? parsed.fault : 'parsing it takes too long';
}

/**
 * Returns the most characters that a text made by an expression can have. Every sum adds a text to
 * another one; within a repeated expression it may double a text. A joined list may have as many
 * texts as the variables have characters.
 */
function mayGrowTo(expression: string, variables: JsonObject): number {
  const sums = expression.split('+').length - 1;
  const doublings = expression.match(LENGTHENING)?.length ?? 0;
  const isJoining = JOINING.test(expression);
  if (sums === 0 && doublings === 0 && !isJoining) return 0;
  const isRepeating = REPEATING.test(expression);
  const size = expression.length + JSON.stringify(variables).length;
  const growth = 2 ** doublings * (isRepeating ? 2 ** sums : sums + 1);
  return size * growth * (isRepeating && isJoining ? size : 1);
}

type CelResultText = { text: string } | { fault: string };

/** Evaluates an expression, in this thread or in another one. */
export function celResultText(expression: string, variables: string): CelResultText {
  const found = celResult(expression, parseJson<JsonObject>(variables));
  return 'fault' in found ? found : { text: JSON.stringify(found.value) };
}

/** Evaluates an expression in this thread. */
export function celResult(expression: string, variables: JsonObject): CelResult {
  try {
    return {
      value: jsonOf(LANGUAGE.evaluate(expression, celValue(variables) as JsonObject), 0, {
        left: MOST_IN_VALUE,
      }),
    };
  } catch (cause) {
    if (isOutOfTime(cause)) throw cause;
    return { fault: firstLine(cause) };
  }
}

/** Returns why a text is no expression; runs in this thread or in another one. */
export function parseFault(expression: string): string | undefined {
  try {
    LANGUAGE.parse(expression);
    return undefined;
  } catch (cause) {
    if (isOutOfTime(cause)) throw cause;
    return firstLine(cause);
  }
}

/**
 * Returns a value of CEL as JSON. Integers are BigInts there. A type of the language, a duration
 * and bytes have no JSON.
 */
function jsonOf(value: unknown, level: number, room: { left: number }): Json {
  if (level > MOST_LEVELS) throw new Error(`its value has more than ${MOST_LEVELS} levels`);
  room.left -= typeof value === 'string' ? value.length : 1;
  if (room.left < 0) throw new Error(`its value is larger than ${MOST_IN_VALUE / 1_000_000} MB`);
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return toJsonNumber(String(value));
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return exactOrNull(value);
  if (value instanceof Date) return value.toISOString();
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
  throw new Error('its value is neither text, number, boolean, list nor map');
}

/** Returns null for an infinite number. Throws for one that the double has rounded. */
function exactOrNull(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  throw new Error('its value is a double beyond 2^53, which is not exact: use int()');
}

const MOST_INT = 2n ** 63n - 1n;

/**
 * Returns JSON as values of CEL. A long integer is an `int` of 64 bits. Throws for a number that
 * CEL would round.
 */
function celValue(value: Json): unknown {
  if (value instanceof ExactNumber) {
    const integer = value.toBigInt();
    if (integer !== undefined && integer <= MOST_INT && integer >= -MOST_INT - 1n) return integer;
    throw new Error(`it cannot read the number ${firstCharacters(value.text, 50)} exactly`);
  }
  if (Array.isArray(value)) return value.map(celValue);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, celValue(one)]));
}

/** Returns undefined when the work exceeds its deadline. */
function withinDeadline<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const isTimeout = isOutOfTime(error) || error instanceof ThreadFault;
    if (isSuspension(error) || !isTimeout) throw error;
    return undefined;
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0] ?? '';
}
