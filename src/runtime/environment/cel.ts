import {
  countWorkHere,
  isSuspension,
  mayWorkHere,
  type Offloadable,
  offload,
} from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import { ExactNumber } from '../../json/exact-number.ts';
import { hasMembers, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import {
  type CelListFault,
  type CelResult,
  type CelResultText,
  celResultTexts,
  charactersToParse,
  findCelFault,
  parseCel,
} from './cel-program.ts';
import type { CelWork } from './cel-work.ts';

// Expressions of CEL that tenants write: conditions of workflows, and the mapping of inbound hooks.
// An expression reaches nothing but its variables. Its tree decides where it is evaluated. An
// expression with bounded work is evaluated here, until the code within `withOffload` has used its
// time in this thread. Every other one is evaluated under a deadline in a process of its own,
// because V8 ends the process that makes a list too large, whatever the limits of the thread are.
// One call of the process evaluates all expressions that are left.

/** The most work of one expression here, in units: reading a character once is one unit. */
const MAX_WORK = 1_000_000;
/** The time of a unit. Measured on a slow machine. */
const UNIT_MS = 5e-6;
/** The work to read a value inside of a list or map. */
const VALUE_WORK = 20;
/** The work to find the size of such a value and to convert it, before anything is evaluated. */
const MEASURE_WORK = 10;
/** The work to measure and convert a value under a name: maps of many names are slow to list. */
const NAME_WORK = 150;
/** The work of an evaluation, whatever it reads. */
const CALL_WORK = 2_000;
/** The work to parse a character. */
const PARSE_WORK = 40;
/**
 * Maximum number of levels of variables here. The library keeps each type that it has seen, and a
 * type for each level.
 */
const MAX_LEVELS = 10;
/** Maximum number of characters that are parsed here to find the faults of expressions. */
const MAX_PARSED_HERE = 5_000;

/** Passes JSON as text, since an `ExactNumber` is not copied to another process. */
const EVALUATE: Offloadable<
  [expressions: readonly string[], variables: string],
  readonly CelResultText[]
> = {
  module: moduleBeside('./cel-program.ts', import.meta.url),
  name: 'celResultTexts',
  deadline_ms: 250,
  callHere: celResultTexts,
  runsIn: 'process',
};

const FIND_FAULT: Offloadable<[expressions: readonly string[]], CelListFault | null> = {
  module: moduleBeside('./cel-program.ts', import.meta.url),
  name: 'findCelFault',
  deadline_ms: 2_000,
  callHere: findCelFault,
  mayTryHere: (expressions) =>
    expressions.reduce((sum, one) => sum + charactersToParse(one), 0) <= MAX_PARSED_HERE,
};

/** The results of expressions over the same variables so far, and the text of the variables. */
type Known = {
  results: Map<string, CelResult>;
  text?: string;
  /** True when a call with many expressions failed, so that each gets a call of its own. */
  isSplit?: true;
};
const knownOf = new WeakMap<JsonObject, Known>();

/**
 * Evaluates an expression over variables, which must not change. An expression that takes too long
 * has no value.
 */
export function evaluateCel(expression: string, variables: JsonObject): CelResult {
  return evaluateAllCel([expression], variables)[0] as CelResult;
}

/**
 * Evaluates expressions over the same variables, in their order, up to the first that has no value
 * or that `isLast` names. The variables must not change: results are kept as long as the object, so
 * that code that runs again evaluates nothing again.
 */
export function evaluateAllCel(
  expressions: readonly string[],
  variables: JsonObject,
  isLast: (result: CelResult) => boolean = isFault,
): readonly CelResult[] {
  const known = knownOf.get(variables) ?? { results: new Map() };
  knownOf.set(variables, known);
  const results: CelResult[] = [];
  while (results.length < expressions.length) {
    const next = nextResults(expressions.slice(results.length), variables, known);
    results.push(...next);
    if (next.some((result) => isFault(result) || isLast(result))) break;
  }
  return results;
}

const isFault = (result: CelResult): boolean => 'fault' in result;

/**
 * Returns the results of the first expressions. There are none when a call with many expressions
 * failed, which are then called one by one.
 */
function nextResults(
  expressions: readonly string[],
  variables: JsonObject,
  known: Known,
): readonly CelResult[] {
  const [first = ''] = expressions;
  const result = known.results.get(first) ?? resultHere(first, variables);
  if (result) {
    known.results.set(first, result);
    return [result];
  }
  const called = known.isSplit ? [first] : expressions;
  known.text ??= JSON.stringify(variables);
  try {
    return offload(EVALUATE, called, known.text).map((one, at) => {
      const value = 'fault' in one ? one : { value: parseJson(one.text) };
      known.results.set(called[at] as string, value);
      return value;
    });
  } catch (error) {
    if (isSuspension(error) || !(isOutOfTime(error) || error instanceof ThreadFault)) throw error;
    if (called.length === 1) {
      return [{ fault: FAULTS[error instanceof ThreadFault ? error.code : 'deadline'] }];
    }
    known.isSplit = true;
    return [];
  }
}

const FAULTS: Readonly<Record<ThreadFault['code'], string>> = {
  deadline: 'it takes too long',
  memory: 'it needs too much memory',
  lost: 'its process ended',
  busy: 'too many expressions wait',
};

/**
 * Returns the first expression that is not allowed by itself, and its fault. Many expressions need
 * `withOffload`, or the event loop waits until all of them are parsed.
 */
export function firstCelFault(expressions: readonly string[]): CelListFault | undefined {
  return offload(FIND_FAULT, expressions) ?? undefined;
}

/** Returns the result of an expression with little work, or undefined for any other. */
function resultHere(expression: string, variables: JsonObject): CelResult | undefined {
  if (!mayWorkHere()) return undefined;
  const budget = { left: MAX_WORK - CALL_WORK - charactersToParse(expression) * PARSE_WORK };
  const program = parseCel(expression);
  const isHere =
    'evaluate' in program && program.work.isBounded && isLittle(program.work, variables, budget);
  countWorkHere((MAX_WORK - Math.max(0, budget.left)) * UNIT_MS);
  if ('fault' in program) return program;
  return isHere ? program.evaluate(variables) : undefined;
}

function isLittle(
  { passes, copies, variables: names }: Extract<CelWork, { isBounded: true }>,
  variables: JsonObject,
  budget: { left: number },
): boolean {
  const reads = passes * copies;
  const perValue = reads * VALUE_WORK + MEASURE_WORK;
  const units = { perCharacter: reads, perValue, perName: perValue + NAME_WORK };
  return [...names].every((name) => fits(variables[name] ?? null, MAX_LEVELS, units, budget));
}

type WorkUnits = { perCharacter: number; perValue: number; perName: number };

/** Charges for a value. Returns false for one that is too large or nested too deep. */
function fits(value: Json, levels: number, units: WorkUnits, budget: { left: number }): boolean {
  if (typeof value === 'string') budget.left -= value.length * units.perCharacter;
  if (value instanceof ExactNumber) budget.left -= value.text.length * units.perCharacter;
  if (!hasMembers(value)) {
    return budget.left >= 0;
  }
  if (levels === 0) return false;
  const isList = Array.isArray(value);
  for (const name in value) {
    budget.left -= isList ? units.perValue : units.perName + name.length * units.perCharacter;
    if (budget.left < 0) return false;
    if (!fits((value as JsonObject)[name] as Json, levels - 1, units, budget)) return false;
  }
  return true;
}
