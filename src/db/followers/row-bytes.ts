import { hasMembers } from '../../json/json.ts';

const known = new WeakMap<object, number>();

/** Returns the approximate size of a row in bytes. It is measured once for all subscribers. */
export function rowBytes(row: object): number {
  const bytes = known.get(row) ?? measure(row);
  known.set(row, bytes);
  return bytes;
}

function measure(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (!hasMembers(value)) return 8;
  let bytes = 0;
  for (const [key, part] of Object.entries(value)) bytes += key.length + measure(part);
  return bytes;
}
