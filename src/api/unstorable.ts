/** Levels of lists and objects in a value; what reads them calls itself for each. */
const MOST_LEVELS = 64;

/** Values of one value, with itself. Each takes hundreds of bytes in Postgres, however short its text is. */
export const MAX_VALUES = 100_000;

/** Where a value cannot go to the database, and why. */
export type Unstorable = { path: string; reason: string };

/**
 * Postgres stores no U+0000, and half a surrogate pair is no character: on its way to the database it would silently
 * become another one. Also refused are too many levels and too many values. `name` is what the whole value is called.
 */
export function unstorable(value: unknown, name: string): Unstorable | undefined {
  const fault = faultIn(value, 0, { values: 0 });
  if (!fault) return undefined;
  const { reason, keys, isName } = fault;
  if (keys === undefined) return { path: name, reason };
  const path = [name, ...keys.reverse()].join('.');
  return { path: isName ? `a name in ${path}` : path, reason };
}

/** `keys` leads to the fault, the innermost first; without them the whole value has it. Only a fault has a path. */
type Fault = { reason: string; keys?: string[]; isName?: boolean };

function faultIn(value: unknown, level: number, found: { values: number }): Fault | undefined {
  found.values += 1;
  if (found.values > MAX_VALUES) return { reason: `has over ${MAX_VALUES} values` };
  if (typeof value === 'string') return textFault(value);
  if (typeof value !== 'object' || value === null) return undefined;
  if (level >= MOST_LEVELS) return { reason: `is nested over ${MOST_LEVELS} deep` };
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
  if (!text.isWellFormed())
    return { reason: 'holds half a surrogate pair, which is no character', keys: [] };
  return text.includes('\0') ? { reason: 'holds the character U+0000', keys: [] } : undefined;
}
