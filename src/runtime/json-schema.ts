import { Ajv } from 'ajv';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
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

const compiled = new WeakMap<JsonSchema, ValidateFunction>();

/**
 * What is wrong with a value, one sentence per fault that names the field; empty when the schema is satisfied.
 * Throws when the schema itself is none. Compiled once per schema object: versions keep theirs for ever.
 */
export function faultsOf(schema: JsonSchema, value: Json): string[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) {
    return [];
  }
  return (validate.errors ?? []).map((error) => {
    const where = error.instancePath.slice(1).replaceAll('/', '.');
    const extra = error.params.additionalProperty ? ` (${error.params.additionalProperty})` : '';
    const allowed = error.params.allowedValues ? `: ${error.params.allowedValues.join(', ')}` : '';
    return `${where || 'the value'} ${error.message}${extra}${allowed}`;
  });
}

/** Generators still write draft 7 and older, and say so in `$schema`. */
function compile({ $schema, ...schema }: JsonSchema): ValidateFunction {
  const ajv = /draft-0\d\//.test(String($schema)) ? older : current;
  return ajv.compile(schema);
}
