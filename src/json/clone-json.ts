import { ExactNumber } from './exact-number.ts';

/** Copies a value that consists of plain objects, lists, dates and JSON. */
export function cloneJson<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map(copy);
  if (value instanceof Date) return new Date(value);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member)]));
}
