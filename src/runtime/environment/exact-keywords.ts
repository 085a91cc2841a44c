import type { Ajv, SchemaValidateFunction, ValidateFunction } from 'ajv';
import { canonicalJson, isSameJson } from '../../json/canonical-json.ts';
import { compareNumbers, ExactNumber, isMultipleOf, isWhole } from '../../json/exact-number.ts';
import { hasMembers, isJsonObject, type Json, type JsonSchema } from '../../json/json.ts';

// Ajv compares doubles. To check a value or a schema with longer numbers, Ajv sees stand-ins: a
// double for each long number, which is an integer if the number is one. The keywords that compare
// numbers are replaced by ones that look up the number behind the stand-in.

type Check = (limit: Json, data: Json) => boolean;

/** The keywords that compare numbers or whole values, with the words of Ajv. */
const KEYWORDS: Readonly<Record<string, { check: Check; fault(limit: Json): string }>> = {
  maximum: numeric((order) => order <= 0, '<='),
  minimum: numeric((order) => order >= 0, '>='),
  exclusiveMaximum: numeric((order) => order < 0, '<'),
  exclusiveMinimum: numeric((order) => order > 0, '>'),
  multipleOf: {
    check: (factor, data) => isMultipleOf(data as ExactNumber, factor as ExactNumber),
    fault: (factor) => `must be multiple of ${factor}`,
  },
  const: { check: isSameJson, fault: () => 'must be equal to constant' },
  enum: {
    check: (values, data) => (values as Json[]).some((one) => isSameJson(one, data)),
    fault: () => 'must be equal to one of the allowed values',
  },
  uniqueItems: {
    check: (isWanted, items) =>
      isWanted !== true ||
      !Array.isArray(items) ||
      new Set(items.map(canonicalJson)).size === items.length,
    fault: () => 'must NOT have duplicate items',
  },
};
const OF_NUMBERS = /^(maximum|minimum|exclusiveM|multipleOf)/;

function numeric(holds: (order: number) => boolean, sign: string) {
  return {
    check: (limit: Json, data: Json) =>
      holds(compareNumbers(data as ExactNumber, limit as ExactNumber)),
    fault: (limit: Json) => `must be ${sign} ${limit}`,
  };
}

/** An integer and a fraction that stand for long numbers. */
const WHOLE = 2 ** 60;
const FRACTION = 0.5;

/** The values behind the lists and objects of stand-ins, while a value is checked. */
let originals = new Map<unknown, Json>();
let root: Json = null;

/** Returns whether a value has a number that a double may not hold. */
export function hasLongNumber(value: Json): boolean {
  if (value instanceof ExactNumber) return true;
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (!hasMembers(value)) return false;
  return Object.values(value).some(hasLongNumber);
}

/** Replaces the keywords of a validator that compare numbers. */
export function compareExactly(ajv: Ajv): Ajv {
  for (const [keyword, { check, fault }] of Object.entries(KEYWORDS)) {
    const validate: SchemaValidateFunction = (limit: Json, data: unknown, _schema, place) => {
      const holder = originals.get(place?.parentData) as Record<string, Json> | undefined;
      const original = holder ? holder[place?.parentDataProperty ?? ''] : root;
      const isValid = check(limit, (original ?? data) as Json);
      const params = keyword === 'enum' ? { allowedValues: limit } : { limit };
      validate.errors = isValid ? [] : [{ keyword, message: fault(limit), params }];
      return isValid;
    };
    ajv.removeKeyword(keyword);
    ajv.addKeyword({
      keyword,
      ...(OF_NUMBERS.test(keyword) && { type: 'number' as const }),
      errors: true,
      validate,
    });
  }
  return ajv;
}

/** Checks a value with a validator of `compareExactly`. */
export function checkExactly(validate: ValidateFunction, value: Json): boolean {
  originals = new Map();
  root = value;
  try {
    return validate(toStandIn(value));
  } finally {
    originals = new Map();
  }
}

function toStandIn(value: Json): unknown {
  if (value instanceof ExactNumber) return isWhole(value) ? WHOLE : FRACTION;
  if (Array.isArray(value)) return remember(value.map(toStandIn), value);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => [name, toStandIn(member)]);
  return remember(Object.fromEntries(members), value);
}

function remember<T>(standIn: T, original: Json): T {
  originals.set(standIn, original);
  return standIn;
}

/**
 * Returns a schema whose long numbers are doubles, except those of the replaced keywords. With
 * `all`, those too: Ajv checks such a schema against its meta-schema.
 */
export function toPlainSchema(schema: JsonSchema, { all }: { all: boolean }): JsonSchema {
  return plain(schema, all) as JsonSchema;
}

function plain(value: Json, all: boolean, key = ''): Json {
  const staysInSchema = !all && key in KEYWORDS && !(isJsonObject(value) && key !== 'const');
  if (staysInSchema) return value;
  if (value instanceof ExactNumber) {
    return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, Number(value)));
  }
  if (Array.isArray(value)) return value.map((one) => plain(one, all));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, plain(member, all, name)]),
  );
}
