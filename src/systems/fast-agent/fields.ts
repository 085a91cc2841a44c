import type { Json, JsonObject } from '../../json/json.ts';
import { toPointer } from '../schema/fault.ts';
import { nearestTo } from '../schema/schema-errors.ts';
import type { Findings, Mapping } from './project.ts';

/**
 * The keys of a mapping, each read once. A value of the wrong type is a fault. `leave` reports the
 * keys that were not read, so that nothing is dropped in silence. An empty value counts as absent.
 */
export type Fields = ReturnType<typeof fieldsOf>;

type Path = readonly (string | number)[];

export function fieldsOf({ file, read, data }: Mapping, findings: Findings, at: Path = []) {
  const taken = new Set<string>();
  const place = (path: Path) => read.locate(toPointer([...at, ...path]), true);
  const note = (path: Path, message: string) => {
    findings.notes.push({ file, ...place(path), message });
  };
  const fault = (path: Path, message: string, hint?: string) => {
    const found = { path: toPointer([...at, ...path]), message, ...(hint && { hint }) };
    findings.faults.push({ file, ...place(path), code: 'HWINV', ...found });
  };
  const take = (key: string): Json | undefined => {
    taken.add(key);
    return data[key] ?? undefined;
  };
  const typed = <T extends Json>(key: string, what: string, is: (value: Json) => value is T) => {
    const value = take(key);
    if (value === undefined) return undefined;
    if (is(value)) return value;
    fault([key], `${key} must be ${what}`);
    return undefined;
  };
  return {
    note,
    fault,
    take,
    has: (key: string) => data[key] !== undefined && data[key] !== null,
    text: (key: string) => typed(key, 'a text', isText),
    whole: (key: string) => typed(key, 'a whole number', isWhole),
    number: (key: string) => typed(key, 'a number', isNumber),
    object: (key: string) => typed(key, 'a mapping', isObject),
    /** Reads a boolean. YAML 1.1, which fast-agent reads, also has yes and no. */
    flag(key: string): boolean | undefined {
      const value = take(key);
      const word = typeof value === 'string' ? value.toLowerCase() : value;
      if (word === undefined || typeof word === 'boolean') return word;
      if (YES.includes(word as string)) return true;
      if (NO.includes(word as string)) return false;
      fault([key], `${key} must be true or false`);
      return undefined;
    },
    names: (key: string): string[] => {
      const value = typed(key, 'a list of names', isTexts);
      return typeof value === 'string' ? [value] : (value ?? []);
    },
    /** Reports a key as not carried over, unless its value is empty. */
    skip(key: string, why: string) {
      if (saysSomething(take(key))) note([key], `${key}: ${why}`);
    },
    /**
     * Reports the remaining keys: with the reason for the key, with the reason for all remaining
     * keys, or as unknown.
     */
    leave(why: Readonly<Record<string, string>>, rest?: string) {
      for (const key of Object.keys(data).filter((one) => !taken.has(one))) {
        const known = Object.hasOwn(why, key) ? why[key] : rest;
        if (known !== undefined) {
          if (saysSomething(data[key])) note([key], `${key}: ${known}`);
          continue;
        }
        const near = nearestTo(key, [...taken, ...Object.keys(why)]);
        const meant = near ? `, did you mean ${JSON.stringify(near)}?` : '';
        note([key], `unknown key ${JSON.stringify(key)}${meant}`);
      }
    },
  };
}

const YES = ['yes', 'on', 'true'];
const NO = ['no', 'off', 'false'];

const isText = (value: Json): value is string => typeof value === 'string';
const isWhole = (value: Json): value is number => Number.isSafeInteger(value);
const isNumber = (value: Json): value is number => typeof value === 'number';
const isTexts = (value: Json): value is string | string[] =>
  isText(value) || (Array.isArray(value) && value.every(isText));

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns whether a value differs from the default: null, false and empty values do not. */
function saysSomething(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
