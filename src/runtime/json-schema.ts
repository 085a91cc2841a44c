import { Ajv } from 'ajv';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { isOutOfTime, withinTime } from '../concurrency/within-time.ts';
import type { Json, JsonSchema } from '../contracts/json.ts';

/** `addUsedSchema: false`: schemas are not remembered by their `$id`, which two of them may share. */
const OPTIONS = {
  allErrors: true,
  strict: false,
  logger: false,
  addUsedSchema: false,
  ownProperties: true,
} as const;
const current = new Ajv2020(OPTIONS);
const older = new Ajv(OPTIONS);
addFormats.default(current);
addFormats.default(older);

/** As long as checking one value may keep all other runs of this process waiting. */
const CHECK_MS = 250;
const COMPILE_MS = 1_000;
/** What may take for ever over a short value, or to make ready; anything else takes as long as the value is. */
const MAY_NOT_END =
  /"(pattern|patternProperties|format|uniqueItems|\$ref|\$dynamicRef|\$recursiveRef)":/;
const LARGE = 20_000;

type Check = { validate: ValidateFunction; isTimed: boolean };
const compiled = new WeakMap<JsonSchema, Check | Error>();

/**
 * What is wrong with a value, one sentence per fault that names the field; empty when the schema is satisfied. A value that
 * takes too long to check has that fault. Throws when the schema itself is none. Compiled once per schema object: versions
 * keep theirs for ever.
 */
export function faultsOf(schema: JsonSchema, value: Json): string[] {
  let check = compiled.get(schema);
  if (!check) {
    check = checkFor(schema);
    compiled.set(schema, check);
  }
  if (check instanceof Error) {
    throw check;
  }
  const { validate, isTimed } = check;
  try {
    if (isTimed ? withinTime(CHECK_MS, () => validate(value)) : validate(value)) {
      return [];
    }
  } catch (error) {
    if (!isOutOfTime(error)) throw error;
    return ['the value takes too long to check against its schema: send a smaller or simpler one'];
  }
  return (validate.errors ?? []).map((error) => {
    const where = error.instancePath.slice(1).replaceAll('/', '.');
    const extra = error.params.additionalProperty ? ` (${error.params.additionalProperty})` : '';
    const allowed = error.params.allowedValues ? `: ${error.params.allowedValues.join(', ')}` : '';
    return `${where || 'the value'} ${error.message}${extra}${allowed}`;
  });
}

function checkFor(schema: JsonSchema): Check | Error {
  const text = JSON.stringify(schema);
  const isTimed = text.length > LARGE || MAY_NOT_END.test(text);
  try {
    const validate = isTimed ? withinTime(COMPILE_MS, () => compile(schema)) : compile(schema);
    return { validate, isTimed };
  } catch (error) {
    return isOutOfTime(error) ? new Error('it takes too long to make ready') : (error as Error);
  }
}

/** Generators still write draft 7 and older, and say so in `$schema`. */
function compile({ $schema, ...schema }: JsonSchema): ValidateFunction {
  const ajv = /draft-0\d\//.test(String($schema)) ? older : current;
  return ajv.compile(schema);
}
