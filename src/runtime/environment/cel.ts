import { isSuspension, type Offloadable, offload } from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import { ExactNumber } from '../../json/exact-number.ts';
import { hasMembers, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import {
  type CelProgram,
  type CelResult,
  type CelResultText,
  celResultText,
  parseCel,
} from './cel-program.ts';

// Expressions of CEL that tenants write: conditions of workflows, and the mapping of inbound hooks.
// An expression reaches nothing but its variables. Its tree decides where it is evaluated. An
// expression with bounded work is evaluated here. Every other one is evaluated under a deadline in
// a process of its own within `withOffload`, because V8 ends the process that makes a list too
// large, whatever the limits of the thread are.

/** The most work done here, in units of about 5 ns: reading a character once is one unit. */
const MAX_WORK = 1_000_000;
/** The work to read a value inside of a list or map. */
const VALUE_WORK = 20;
/** The work to find the size of such a value, before anything is evaluated. */
const MEASURE_WORK = 2;
/**
 * Maximum number of levels of variables here. The library keeps each type that it has seen, and a
 * type for each level.
 */
const MAX_LEVELS = 10;

/** Passes JSON as text, since an `ExactNumber` is not copied to another process. */
const EVALUATE: Offloadable<[expression: string, variables: string], CelResultText> = {
  module: moduleBeside('./cel-program.ts', import.meta.url),
  name: 'celResultText',
  deadline_ms: 250,
  callHere: celResultText,
  runsIn: 'process',
};

/** Evaluates an expression over variables. An expression that takes too long has no value. */
export function evaluateCel(expression: string, variables: JsonObject): CelResult {
  const program = parseCel(expression);
  if ('fault' in program) return program;
  if (mayEvaluateHere(program, variables)) return program.evaluate(variables);
  try {
    const result = offload(EVALUATE, expression, JSON.stringify(variables));
    return 'fault' in result ? result : { value: parseJson(result.text) };
  } catch (error) {
    if (isSuspension(error) || !(isOutOfTime(error) || error instanceof ThreadFault)) throw error;
    return { fault: FAULTS[error instanceof ThreadFault ? error.code : 'deadline'] };
  }
}

const FAULTS: Readonly<Record<ThreadFault['code'], string>> = {
  deadline: 'it takes too long',
  memory: 'it needs too much memory',
  lost: 'its process ended',
  busy: 'too many expressions wait',
};

/** Returns what is wrong with an expression by itself, or undefined for one that is allowed. */
export function celFault(expression: string): string | undefined {
  const program = parseCel(expression);
  return 'fault' in program ? program.fault : undefined;
}

function mayEvaluateHere(
  { work }: Exclude<CelProgram, { fault: string }>,
  variables: JsonObject,
): boolean {
  if (!work.isBounded) return false;
  const passes = work.passes * work.copies;
  const units = { perCharacter: passes, perValue: passes * VALUE_WORK + MEASURE_WORK };
  const budget = { ...units, left: MAX_WORK };
  return [...work.variables].every((name) => fits(variables[name] ?? null, MAX_LEVELS, budget));
}

type WorkBudget = { perCharacter: number; perValue: number; left: number };

/** Charges for a value. Returns false for one that is too large or nested too deep. */
function fits(value: Json, levels: number, budget: WorkBudget): boolean {
  if (typeof value === 'string') budget.left -= value.length * budget.perCharacter;
  if (value instanceof ExactNumber) budget.left -= value.text.length * budget.perCharacter;
  if (!hasMembers(value)) {
    return budget.left >= 0;
  }
  if (levels === 0) return false;
  for (const name in value) {
    budget.left -= budget.perValue + name.length * budget.perCharacter;
    if (budget.left < 0 || !fits((value as JsonObject)[name] as Json, levels - 1, budget)) {
      return false;
    }
  }
  return true;
}
