import { hasMembers, isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { toPointer } from '../schema/fault.ts';
import { nearestTo } from '../schema/schema-errors.ts';
import type { Findings, Mapping } from './project.ts';

type Path = readonly (string | number)[];

/**
 * The keys of a mapping, each read once. A value of the wrong type is a fault. `leave` reports the
 * keys that were not read, so that nothing is dropped in silence. An empty value counts as absent.
 */
export class Fields {
  readonly #mapping: Mapping;
  readonly #findings: Findings;
  readonly #at: Path;
  readonly #taken = new Set<string>();

  constructor(mapping: Mapping, findings: Findings, at: Path = []) {
    this.#mapping = mapping;
    this.#findings = findings;
    this.#at = at;
  }

  note(path: Path, message: string): void {
    const { file } = this.#mapping;
    this.#findings.notes.push({ file, ...this.#placeOf(path), message });
  }

  fault(path: Path, message: string, hint?: string): void {
    const { file } = this.#mapping;
    const found = { path: toPointer([...this.#at, ...path]), message, ...(hint && { hint }) };
    this.#findings.faults.push({ file, ...this.#placeOf(path), code: 'HWINV', ...found });
  }

  take(key: string): Json | undefined {
    this.#taken.add(key);
    return this.#mapping.data[key] ?? undefined;
  }

  has(key: string): boolean {
    return (this.#mapping.data[key] ?? undefined) !== undefined;
  }

  text(key: string): string | undefined {
    return this.#takeTyped(key, 'a text', isText);
  }

  whole(key: string): number | undefined {
    return this.#takeTyped(key, 'a whole number', isWhole);
  }

  number(key: string): number | undefined {
    return this.#takeTyped(key, 'a number', isNumber);
  }

  object(key: string): JsonObject | undefined {
    return this.#takeTyped(key, 'a mapping', isJsonObject);
  }

  names(key: string): string[] {
    const value = this.#takeTyped(key, 'a list of names', isTexts);
    return typeof value === 'string' ? [value] : (value ?? []);
  }

  /** Reads a boolean. YAML 1.1, which fast-agent reads, also has yes and no. */
  flag(key: string): boolean | undefined {
    const value = this.take(key);
    const word = typeof value === 'string' ? value.toLowerCase() : value;
    if (word === undefined || typeof word === 'boolean') return word;
    if (YES.includes(word as string)) return true;
    if (NO.includes(word as string)) return false;
    this.fault([key], `${key} must be true or false`);
    return undefined;
  }

  /** Reports a key as not carried over, unless its value is empty. */
  skip(key: string, why: string): void {
    if (saysSomething(this.take(key))) this.note([key], `${key}: ${why}`);
  }

  /**
   * Reports the remaining keys: with the reason for the key, with the reason for all remaining
   * keys, or as unknown.
   */
  leave(why: Readonly<Record<string, string>>, rest?: string): void {
    const { data } = this.#mapping;
    for (const key of Object.keys(data).filter((one) => !this.#taken.has(one))) {
      const known = Object.hasOwn(why, key) ? why[key] : rest;
      if (known !== undefined) {
        if (saysSomething(data[key])) this.note([key], `${key}: ${known}`);
        continue;
      }
      const near = nearestTo(key, [...this.#taken, ...Object.keys(why)]);
      const meant = near ? `, did you mean ${JSON.stringify(near)}?` : '';
      this.note([key], `unknown key ${JSON.stringify(key)}${meant}`);
    }
  }

  #takeTyped<T extends Json>(
    key: string,
    what: string,
    is: (value: Json) => value is T,
  ): T | undefined {
    const value = this.take(key);
    if (value === undefined || is(value)) return value;
    this.fault([key], `${key} must be ${what}`);
    return undefined;
  }

  #placeOf(path: Path) {
    return this.#mapping.read.locate(toPointer([...this.#at, ...path]), true);
  }
}

const YES = ['yes', 'on', 'true'];
const NO = ['no', 'off', 'false'];

const isText = (value: Json): value is string => typeof value === 'string';
const isWhole = (value: Json): value is number => Number.isSafeInteger(value);
const isNumber = (value: Json): value is number => typeof value === 'number';
const isTexts = (value: Json): value is string | string[] =>
  isText(value) || (Array.isArray(value) && value.every(isText));

/** Returns whether a value differs from the default: null, false and empty values do not. */
function saysSomething(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return !hasMembers(value) || Object.keys(value).length > 0;
}
