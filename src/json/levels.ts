import type { Json } from './json.ts';
import { hasMembers } from './json.ts';

/** Most levels of lists and objects in a value that is stored or checked. */
export const MAX_LEVELS = 100;

/** Returns whether a value has more levels than allowed. Needs no stack, however deep it is. */
export function isTooDeep(value: Json): boolean {
  let level: Json[] = [value];
  for (let levels = 0; levels < MAX_LEVELS; levels += 1) {
    level = level.flatMap((one) => (hasMembers(one) ? (Object.values(one) as Json[]) : []));
    if (level.length === 0) return false;
  }
  return true;
}
