/** Levels of lists and objects in a value; what reads them calls itself for each. */
const MOST_LEVELS = 64;

/** Where a value cannot go to the database, and why. */
export type Unstorable = { path: string; reason: string };

/**
 * Postgres stores no U+0000, and half a surrogate pair is no character: on its way to the database it would silently
 * become another one. `name` is what the whole value is called.
 */
export function unstorable(value: unknown, name: string): Unstorable | undefined {
  return faultIn(value, name, name, 0);
}

function faultIn(
  value: unknown,
  path: string,
  name: string,
  level: number,
): Unstorable | undefined {
  if (typeof value === 'string') return textFault(value, path);
  if (typeof value !== 'object' || value === null) return undefined;
  if (level >= MOST_LEVELS) return { path: name, reason: `is nested over ${MOST_LEVELS} deep` };
  for (const [key, inner] of Object.entries(value)) {
    const fault =
      textFault(key, `a name in ${path}`) ?? faultIn(inner, `${path}.${key}`, name, level + 1);
    if (fault) return fault;
  }
  return undefined;
}

function textFault(text: string, path: string): Unstorable | undefined {
  if (!text.isWellFormed())
    return { path, reason: 'holds half a surrogate pair, which is no character' };
  return text.includes('\0') ? { path, reason: 'holds the character U+0000' } : undefined;
}
