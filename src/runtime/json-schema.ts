import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Json, JsonSchema } from '../contracts/json.ts';

const ajv = new Ajv2020({ allErrors: true, strict: false, logger: false, validateFormats: true });
addFormats.default(ajv);

const compiled = new WeakMap<JsonSchema, ValidateFunction>();

/**
 * What is wrong with a value, one sentence per fault that names the field; empty when the schema is satisfied.
 * Throws when the schema itself is none. Compiled once per schema object: versions keep theirs for ever.
 */
export function faultsOf(schema: JsonSchema, value: Json): string[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(schema);
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
