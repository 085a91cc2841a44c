import { Ajv } from 'ajv';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import {
  countWorkHere,
  isSuspension,
  mayWorkHere,
  type Offloadable,
  offload,
} from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime, usedMs, withinTime } from '../../concurrency/within-time.ts';
import { hasMembers, type Json, type JsonSchema } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { checkExactly, compareExactly, hasLongNumber, toPlainSchema } from './exact-keywords.ts';
import { isBoundedSchema } from './schema-work.ts';

// Callers send schemas, and so decide how long it takes to compile them (thousands of patterns) and
// to check values (a backtracking pattern). A small schema is compiled here, once. A check whose
// time is bounded by the sizes of schema and value also runs here. Everything else is tried here
// for a moment and then runs in a thread within the tenant's budget: see `offload`.

/**
 * Options of Ajv. With `addUsedSchema: false`, schemas are not stored by their `$id`, because two
 * schemas may share an `$id`.
 */
const OPTIONS = {
  allErrors: true,
  strict: false,
  logger: false,
  addUsedSchema: false,
  ownProperties: true,
} as const;

const CHECK_MS = 250;
const COMPILE_MS = 1_000;
/**
 * Maximum length of a schema that is compiled here, in characters. Compiling it takes some
 * milliseconds.
 */
const SMALL_SCHEMA = 4_000;
/** Maximum length of a schema that is compiled at all, in characters. */
const LARGEST_SCHEMA = 1_000_000;
/**
 * The largest value checked here against a small schema: its values plus its characters divided by
 * 100.
 */
const SMALL_VALUE = 500;
/**
 * Maximum number of compiled schemas in the cache, and maximum length of their texts in characters.
 */
const MAX_COMPILED = 300;
const MAX_COMPILED_TEXT = 2_000_000;
const MAX_FAULTS = 20;
const MAX_FAULT_LENGTH = 1_000;

/** `exact` is used for long numbers in the schema or the value: see exact-keywords.ts. */
type Checker = { plain: ValidateFunction | undefined; exact(): ValidateFunction };
type Compiled = Checker | { schema_fault: string };
export type ValidationResult = { faults: string[] } | { schema_fault: string };

type Entry = { text: string; mayNotEnd: boolean; check: Compiled | undefined };

/**
 * Cache by schema object, because versions keep their schema objects. The cache `compiled` is by
 * text, because clients send schemas with each request.
 */
const entries = new WeakMap<JsonSchema, Entry>();
const compiled = new Map<string, Compiled>();
let compiledText = 0;
type Validators = { current: Ajv; older: Ajv; exactCurrent: Ajv; exactOlder: Ajv };
let validators: Validators | undefined;

const CHECK: Offloadable<[schema: string, value: string], ValidationResult> = {
  module: moduleBeside('./validate-json.ts', import.meta.url),
  name: 'checkText',
  deadline_ms: 2 * (COMPILE_MS + CHECK_MS), // compiling and checking have limits of their own
  callHere: checkText,
  mayTryHere: (schema) => compiled.has(schema),
};

/**
 * Returns the first twenty faults of a value, one sentence per fault that names the field. The
 * result is empty for a valid value. A value that takes too long to check has a fault that says so.
 * Throws when the schema itself is invalid.
 */
export function schemaErrors(schema: JsonSchema, value: Json): string[] {
  const entry = entryOf(schema);
  const verdict =
    entry.text.length > LARGEST_SCHEMA
      ? SLOW_SCHEMA
      : (checkHere(entry, value) ?? checkElsewhere(entry.text, value));
  if ('schema_fault' in verdict) throw new Error(verdict.schema_fault);
  return verdict.faults;
}

function entryOf(schema: JsonSchema): Entry {
  const known = entries.get(schema);
  if (known) return known;
  const text = JSON.stringify(schema);
  const entry = { text, mayNotEnd: !isBoundedSchema(schema), check: undefined };
  entries.set(schema, entry);
  return entry;
}

/** Checks a value in this thread; returns undefined when the check may take long. */
function checkHere(entry: Entry, value: Json): ValidationResult | undefined {
  const { text, mayNotEnd } = entry;
  if (text.length > SMALL_SCHEMA) return undefined;
  if (!entry.check && mayWorkHere()) {
    const before = usedMs();
    entry.check = compileOnce(text);
    countWorkHere(usedMs() - before);
  }
  const isShort = !mayNotEnd && sizeOf(value, SMALL_VALUE) <= SMALL_VALUE;
  return entry.check && isShort ? checkValue(entry.check, value) : undefined;
}

function checkElsewhere(text: string, value: Json): ValidationResult {
  try {
    return offload(CHECK, text, JSON.stringify(value)); // threads copy no ExactNumber
  } catch (error) {
    if (isSuspension(error)) throw error;
    const isTooMuch =
      isOutOfTime(error) ||
      (error instanceof ThreadFault && (error.code === 'deadline' || error.code === 'memory'));
    if (!isTooMuch) throw error;
    return SLOW_VALUE;
  }
}

const SLOW_VALUE: ValidationResult = {
  faults: ['the value takes too long to check against its schema: send a smaller or simpler one'],
};
const SLOW_SCHEMA = { schema_fault: 'it takes too long to make ready' };

/**
 * Checks the text of a value against the text of a schema, each step within its time. Also called
 * in threads.
 */
export function checkText(schema: string, valueText: string): ValidationResult {
  const check = compileOnce(schema);
  const value = parseJson(valueText);
  try {
    return withinTime(CHECK_MS, () => checkValue(check, value));
  } catch (error) {
    if (!isOutOfTime(error)) throw error;
    return SLOW_VALUE;
  }
}

function checkValue(check: Compiled, value: Json): ValidationResult {
  if ('schema_fault' in check) return check;
  const isPlain = check.plain !== undefined && !hasLongNumber(value);
  const validate = isPlain ? (check.plain as ValidateFunction) : check.exact();
  if (isPlain ? validate(value) : checkExactly(validate, value)) return { faults: [] };
  const errors = validate.errors ?? [];
  validate.errors = null;
  return {
    faults: errors.slice(0, MAX_FAULTS).map((error) => {
      const where = error.instancePath.slice(1).replaceAll('/', '.');
      const extra = error.params.additionalProperty ? ` (${error.params.additionalProperty})` : '';
      const allowed = error.params.allowedValues
        ? `: ${error.params.allowedValues.join(', ')}`
        : '';
      const fault = `${where || 'the value'} ${error.message}${extra}${allowed}`;
      return firstCharacters(fault, MAX_FAULT_LENGTH);
    }),
  };
}

function compileOnce(text: string): Compiled {
  const known = compiled.get(text);
  if (known) {
    compiled.delete(text); // moves it behind all others: the least recently used is dropped first
    compiled.set(text, known);
    return known;
  }
  const check = compileText(text);
  compiled.set(text, check);
  compiledText += text.length;
  for (const [oldest] of compiled) {
    if (compiled.size <= MAX_COMPILED && compiledText <= MAX_COMPILED_TEXT) break;
    compiled.delete(oldest);
    compiledText -= oldest.length;
  }
  return check;
}

function compileText(text: string): Compiled {
  const ready = validators ?? createValidators();
  validators = ready;
  try {
    return withinTime(COMPILE_MS, () => compile(parseJson<JsonSchema>(text), ready));
  } catch (error) {
    validators = undefined; // an interrupted validator is unusable
    return isOutOfTime(error) ? SLOW_SCHEMA : { schema_fault: (error as Error).message };
  }
}

/** Compiles a schema. Generators still write draft 7 and older, and declare it in `$schema`. */
function compile({ $schema, ...schema }: JsonSchema, ready: Validators): Checker {
  const isOlder = /draft-0\d\//.test(String($schema));
  const ajv = isOlder ? ready.older : ready.current;
  const plain = compileWith(ajv, toPlainSchema(schema, { all: true }));
  const exact = lazy(() =>
    compileWith(
      isOlder ? ready.exactOlder : ready.exactCurrent,
      toPlainSchema(schema, { all: false }),
    ),
  );
  return { plain: hasLongNumber(schema) ? undefined : plain, exact };
}

function compileWith(ajv: Ajv, schema: JsonSchema): ValidateFunction {
  const validate = ajv.compile(schema);
  ajv.removeSchema(); // otherwise Ajv would keep every schema
  return validate;
}

function lazy<T extends object>(create: () => T): () => T {
  let created: T | undefined;
  return () => {
    created ??= create();
    return created;
  };
}

/**
 * Creates validators and compiles the meta-schemas, so that this slow step does not count as time
 * of a caller.
 */
function createValidators(): Validators {
  const current = new Ajv2020(OPTIONS);
  const older = new Ajv(OPTIONS);
  const exactCurrent = compareExactly(new Ajv2020({ ...OPTIONS, validateSchema: false }));
  const exactOlder = compareExactly(new Ajv({ ...OPTIONS, validateSchema: false }));
  const all = { current, older, exactCurrent, exactOlder };
  for (const ajv of Object.values(all)) {
    addFormats.default(ajv);
    ajv.compile({});
  }
  return all;
}

/**
 * Returns the number of values within a value plus its characters divided by 100; stops a little
 * beyond `most`.
 */
function sizeOf(value: Json, most: number): number {
  if (typeof value === 'string') return 1 + value.length / 100;
  if (!hasMembers(value)) return 1;
  let size = 1;
  for (const [name, inner] of Object.entries(value)) {
    if (size > most) break;
    size += name.length / 100 + sizeOf(inner, most - size);
  }
  return size;
}
