import { hasMembers } from '../../json/json.ts';
import { unstorableReason } from '../../json/storable-json.ts';

/**
 * Most levels of lists and objects in a value. Code that reads a value calls itself for each level.
 */
const MAX_LEVELS = 64;

/**
 * Most values within one value, itself included. Each takes hundreds of bytes in Postgres, however
 * short its text is.
 */
export const MAX_VALUES = 100_000;

/** The place in a value that cannot be stored in the database, and the reason. */
export type Unstorable = { path: string; reason: string };

/**
 * Finds a text that Postgres cannot store. Too many levels and too many values are refused too.
 * `name` is the name of the whole value.
 */
export function findUnstorable(value: unknown, name: string): Unstorable | undefined {
  const fault = faultIn(value, 0, { values: 0 });
  if (!fault) return undefined;
  const { reason, keys, isName } = fault;
  if (keys === undefined) return { path: name, reason };
  const path = [name, ...keys.reverse()].join('.');
  return { path: isName ? `a name in ${path}` : path, reason };
}

/**
 * A fault and the keys that lead to it, the innermost first. Without keys the fault is of the whole
 * value. The path is built only for a fault.
 */
type Fault = { reason: string; keys?: string[]; isName?: boolean };

function faultIn(value: unknown, level: number, found: { values: number }): Fault | undefined {
  found.values += 1;
  if (found.values > MAX_VALUES) return { reason: `has more than ${MAX_VALUES} values` };
  if (typeof value === 'string') return textFault(value);
  if (!hasMembers(value)) return undefined;
  if (level >= MAX_LEVELS) return { reason: `is nested more than ${MAX_LEVELS} levels deep` };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const fault = faultIn(value[index], level + 1, found);
      if (fault) return inside(fault, String(index));
    }
    return undefined;
  }
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const nameFault = textFault(key);
    if (nameFault) return { ...nameFault, isName: true };
    const fault = faultIn((value as Record<string, unknown>)[key], level + 1, found);
    if (fault) return inside(fault, key);
  }
  return undefined;
}

function inside(fault: Fault, key: string): Fault {
  fault.keys?.push(key);
  return fault;
}

function textFault(text: string): Fault | undefined {
  const reason = unstorableReason(text);
  return reason === undefined ? undefined : { reason, keys: [] };
}
